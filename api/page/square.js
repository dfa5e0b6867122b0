// The square: what people wrote, one's own field, the notification button, one comment's journey.

import { call } from "./api.js";
import { bell } from "./bell.js";
import { el } from "./dom.js";
import { feed } from "./feed.js";
import { t } from "./i18n.js";
import { journeyPanel } from "./journey-panel.js";
import { isNarrow } from "./layout.js";
import { avatar } from "./people.js";
import { textForm } from "./textfield.js";

/** The square of `user`, in `main`. */
export async function square(main, { user, signal }) {
  const journey = journeyPanel(signal);
  const posts = feed(everybody(user), { user, journey, signal });
  const composer = textForm({
    id: "newpost",
    spec: "form.composer",
    before: avatar(user),
    label: () => t("새 글", "New post"),
    placeholder: () => t("오늘 무엇을 배웠나요?", "What did you learn today?"),
    button: () => t("올리기", "Post"),
    send: async (contents) => posts.add(await call("POST", "/api/post", { contents })).open(),
  });
  composer.form.id = "composer";
  const heading = pageHead(() => t("광장", "Square"), () => t("댓글을 달고, 그 댓글이 지나가는 길을 지켜보세요.", "Comment, then watch it travel."));
  main.append(layout([heading, bell(user, signal), composer.form, posts.node], journey));
  await openFirst(posts, journey);
}

/** Opens the first post; where there is room for it, the journey of its newest comment is shown. */
export async function openFirst(posts, journey) {
  const comments = (await posts.loaded)?.open();
  await comments?.loaded;
  const traceId = comments?.newest();
  if (traceId && !journey.hasChosen() && !isNarrow()) journey.choose(traceId);
}

/** One post, at its own address. */
export async function onePost(main, { user, signal }, seq) {
  const journey = journeyPanel(signal);
  const source = {
    paged: false,
    page: async () => [await call("GET", `/api/post/${seq}`)],
    accepts: () => false,
    empty: () => null,
  };
  const posts = feed(source, { user, journey, signal });
  const heading = pageHead(() => t("글", "Post"), backToSquare);
  main.append(layout([heading, bell(user, signal), posts.node], journey));
  await openFirst(posts, journey);
}

/** The two columns of a page that has a journey beside it. */
export function layout(column, journey) {
  return el("div.square", el("section", { id: "feed" }, ...withHead(column)), journey.node);
}

/** A heading with a sentence below it. */
export function pageHead(title, sentence) {
  return el("div", el("h1", { tabindex: "-1" }, title), el("p", sentence));
}

const backToSquare = () => t("알림이 가리키는 글이에요.", "The post a notification is about.");

/** The heading and the bell stand in one row. */
function withHead([heading, button, ...rest]) {
  return [el("div.pagehead", heading, button.node), button.note, ...rest];
}

function everybody(user) {
  return {
    paged: true,
    page: (offset) => call("GET", `/api/feed?offset=${offset}`),
    accepts: () => true,
    empty: () =>
      el("div.blank", el("h2", () => t("아직 글이 없어요", "No posts yet")),
        el("p", () => t("여기에는 내가 쓴 글과 나를 받아 준 사람의 글이 보여요. 하나 써 보거나, 아는 사람에게 연결을 부탁해 보세요.",
          "Here you see what you write, and what people write who let you in. Write something, or ask somebody for a connection.")),
        el("a.btn.small", { href: "/me" }, () => t("연결 부탁하기", "Ask for a connection")),
        el("p.muted", () => t(`내 번호는 ${user.seq}번이에요.`, `Your own number is ${user.seq}.`))),
  };
}
