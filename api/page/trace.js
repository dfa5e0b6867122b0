// The page of one journey, to be shared: the comment, and the way it went.
// Who may not see the post is told so by the journey itself.

import { el } from "./dom.js";
import { t } from "./i18n.js";
import { journeyPanel } from "./journey-panel.js";
import { avatar } from "./people.js";

/** The journey of that trace, in `main`. */
export function trace(main, { signal }, traceId) {
  const told = el("section.told", { hidden: true });
  const journey = journeyPanel(signal, (shown) => tell(told, shown));
  journey.node.classList.add("whole");
  journey.node.classList.remove("asheet");
  const heading = el("div",
    el("h1", { tabindex: "-1" }, () => t("여정", "Journey")),
    el("p", () => t("댓글 하나가 처음부터 끝까지 지나간 길이에요.", "One comment, from start to end.")));
  main.append(el("div.alone", el("div.pagehead", heading), told, journey.node));
  journey.choose(traceId);
}

/** The comment, and the way to the post it was left at. */
function tell(box, { comment, post }) {
  box.hidden = false;
  box.replaceChildren(
    avatar(comment.writer, "s"),
    el("div",
      el("p.name", comment.writer.name),
      el("blockquote", comment.contents),
      el("a", { href: `/posts/${post.seq}` }, () => t(`${post.writer.name}님의 글로 가기`, `To ${post.writer.name}’s post`))));
}
