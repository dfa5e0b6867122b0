// Somebody else: their posts, or the way to ask for them. A notification of a join leads here.

import { call } from "./api.js";
import { bell } from "./bell.js";
import { ask } from "./connections.js";
import { el } from "./dom.js";
import { feed } from "./feed.js";
import { t } from "./i18n.js";
import { journeyPanel } from "./journey-panel.js";
import { avatar } from "./people.js";
import { explain } from "./refusal.js";
import { layout, openFirst, pageHead } from "./square.js";
import * as stream from "./stream.js";

/** The posts of user number `seq` as `user` may see them, in `main`. */
export async function friend(main, { user, signal }, seq) {
  const owner = Number(seq);
  const connected = await call("GET", "/api/user/connections").catch(() => []);
  if (signal.aborted) return;
  const known = owner === user.seq ? user : connected.find((one) => one.seq === owner);
  const journey = journeyPanel(signal);
  const name = known?.name ?? null;
  const heading = pageHead(() => name ?? t(`${owner}번 사람`, `Person ${owner}`), () => t("이 사람이 쓴 글이에요.", "What this person wrote."));
  const posts = known ? feed(postsOf(owner), { user, journey, signal }) : null;
  main.append(layout([heading, bell(user, signal), posts?.node ?? stranger(owner)], journey));
  stream.on("delta", ({ connectionsChanged }) => connectionsChanged && !known && again(main, { user, signal }, seq), signal);
  if (posts) await openFirst(posts, journey);
}

function again(main, context, seq) {
  main.replaceChildren();
  friend(main, context, seq);
}

function postsOf(owner) {
  return {
    paged: true,
    page: (offset) => call("GET", `/api/user/${owner}/post/list?offset=${offset}`),
    accepts: (post) => post.writer.seq === owner,
    empty: () => el("div.blank", el("h2", () => t("아직 글이 없어요", "No posts yet"))),
  };
}

/** One does not see the posts of somebody who did not agree. */
function stranger(seq) {
  const said = el("p", { role: "status" });
  const refusal = el("p.refusal", { role: "alert" });
  const button = el("button.btn", { type: "button", on: { click: () => request() } }, () => t("연결 부탁하기", "Ask for a connection"));
  const request = async () => {
    try {
      await ask({ userId: seq });
      button.hidden = true;
      said.textContent = t("부탁했어요. 받아 주면 여기에 글이 보여요.", "Asked. Once granted, the posts appear here.");
    } catch (error) {
      refusal.textContent = explain(error, { 404: () => t("그런 사람이 없어요.", "There is no such person.") });
    }
  };
  return el("div.blank", avatar({ seq, name: String(seq) }),
    el("h2", () => t("아직 연결되지 않았어요", "Not connected yet")),
    el("p", () => t("이 사람이 받아 주면 글을 보고 댓글로 인사할 수 있어요.", "Once this person agrees, you see the posts and can say hello in a comment.")),
    button, said, refusal);
}
