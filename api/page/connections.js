// Who may see whose posts: asking, granting, parting.

import { call } from "./api.js";
import { el, refresh } from "./dom.js";
import { ago, t } from "./i18n.js";
import { panel, rows } from "./panel.js";
import { avatar } from "./people.js";
import { explain } from "./refusal.js";
import * as stream from "./stream.js";

const PATH = "/api/user/connections";
const ASK_REFUSALS = {
  400: () => t("다른 사람의 번호나 메일 주소를 적어 주세요.", "Give the number or the e-mail of somebody else."),
  404: () => t("그런 사람이 없어요.", "There is no such person."),
};

/** The panel. */
export function connections(signal) {
  const asking = rows(() => t("부탁한 사람이 없어요.", "Nobody asks."));
  const seen = rows(() => t("아직 아무도 없어요. 위에서 부탁해 보세요.", "Nobody yet. Ask somebody above."));
  const refusal = el("p.refusal", { role: "alert" });
  const load = async () => {
    try {
      const [requests, connected] = await Promise.all([call("GET", `${PATH}/requests`), call("GET", PATH)]);
      asking.show(requests.map((user) => request(user, act)));
      seen.show(connected.map((user) => connection(user, act)));
      refusal.textContent = "";
    } catch (error) {
      refusal.textContent = explain(error);
    }
  };
  const act = async (method, user) => {
    try {
      if (method === "PATCH") await call("PATCH", PATH, { userId: user.seq });
      else await call("DELETE", `${PATH}?userId=${user.seq}`);
    } catch (error) {
      if (error.status !== 404) return (refusal.textContent = explain(error));
    }
    await load();
  };
  stream.on("gap", load, signal);
  stream.on("delta", ({ connectionsChanged }) => connectionsChanged && load(), signal);
  load();
  return panel("connections", () => t("연결", "Connections"), () => t("누구의 글을 보고, 누가 보고 싶어 하나요?", "Whose posts do you see, and who asks to see yours?"),
    askForm(), refusal,
    el("h3", () => t("내 글을 보고 싶어 해요", "They ask to see your posts")), asking.node,
    el("h3", () => t("내가 글을 볼 수 있어요", "You see their posts")), seen.node);
}

/** Asks by number or by address, whichever it is. */
function askForm() {
  const said = el("p.said", { role: "status" });
  const refusal = el("p.refusal", { role: "alert" });
  const input = el("input.field", { id: "ask", required: true, autocomplete: "off", placeholder: () => t("번호 또는 메일 주소", "number or e-mail") });
  const submit = async (event) => {
    event.preventDefault();
    [said.textContent, refusal.textContent] = ["", ""];
    const text = input.value.trim();
    try {
      const { grantedAt } = await ask(/^\d+$/.test(text) ? { userId: Number(text) } : { address: text });
      said.textContent = grantedAt
        ? t("이미 연결되어 있어요.", "You are connected already.")
        : t("부탁했어요. 받아 주면 그 사람의 글이 광장에 보여요.", "Asked. Once granted, their posts appear in the square.");
      input.value = "";
    } catch (error) {
      refusal.textContent = explain(error, ASK_REFUSALS);
    }
  };
  return el("form.askform", { on: { submit } },
    el("label", { for: "ask" }, () => t("연결 부탁하기", "Ask for a connection")),
    el("div.line1", input, el("button.btn", { type: "submit" }, () => t("부탁하기", "Ask"))), said, refusal);
}

/** Asks `{userId}` or `{address}` for a connection. */
export const ask = (target) => call("POST", PATH, target);

function request(user, act) {
  return person(user, () => ago(user.createAt),
    el("button.btn.small.primary", { type: "button", on: { click: () => act("PATCH", user) } }, () => t("받아 주기", "Grant")),
    el("button.btn.small.danger", { type: "button", on: { click: () => act("DELETE", user) } }, () => t("거절", "Refuse")));
}

function connection(user, act) {
  return person(user, () => t(`받아 줌 · ${ago(user.grantedAt)}`, `granted ${ago(user.grantedAt)}`),
    el("a.btn.small", { href: `/friends/${user.seq}` }, () => t("글 보기", "Posts")),
    el("button.btn.small.danger", { type: "button", on: { click: () => act("DELETE", user) } }, () => t("끊기", "Part")));
}

function person(user, since, ...actions) {
  const face = user.profileImageUrl ? el("img.who.s", { src: user.profileImageUrl, alt: "", width: 28, height: 28 }) : avatar(user, "s");
  return el("li.row", face, el("div", el("b", user.name), el("small", user.email.address, " · ", el("span", since))), el("div.acts", ...actions));
}
