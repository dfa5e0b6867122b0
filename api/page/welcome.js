// The first visit: what this is, and joining in one step.

import { call } from "./api.js";
import { el, keep, refresh } from "./dom.js";
import { t } from "./i18n.js";
import { avatar } from "./people.js";
import { explain } from "./refusal.js";
import * as session from "./session.js";

const JOIN_REFUSALS = {
  409: () => t("이미 쓰이는 메일 주소예요. 로그인해 보세요.", "This address is taken. Try to log in."),
  400: () => t("이름은 1–10자, 메일 주소는 4–50자, 비밀번호는 4자부터예요.", "Name: 1–10 characters; e-mail: 4–50; password: 4 or more."),
};
const LOGIN_REFUSALS = {
  401: () => t("메일 주소나 비밀번호가 맞지 않아요.", "The address or the password is not right."),
};

const FIELDS = {
  name: { name: "name", autocomplete: "nickname", maxlength: "40", label: () => t("이름", "Name"), hint: () => t("1–10자", "1–10 characters") },
  principal: { name: "principal", type: "email", autocomplete: "username", label: () => t("메일 주소", "E-mail"), hint: () => t("보내지 않아요. 아이디로만 써요", "an id only: nothing is sent") },
  newPassword: { name: "credentials", type: "password", autocomplete: "new-password", label: () => t("비밀번호", "Password"), hint: () => t("4자부터", "4 or more") },
  password: { name: "credentials", type: "password", autocomplete: "current-password", label: () => t("비밀번호", "Password"), hint: () => "" },
};

/** The way in, in `main`; `entered` is called once somebody is logged in. */
export async function welcome(main, entered) {
  const join = form("join", ["name", "principal", "newPassword"], () => t("가입하고 들어가기", "Join"), session.join, JOIN_REFUSALS, entered);
  const login = form("login", ["principal", "password"], () => t("로그인", "Log in"), session.logIn, LOGIN_REFUSALS, entered);
  const choice = choose(["join", () => t("처음이에요", "I am new"), join], ["login", () => t("로그인", "Log in"), login]);
  const seeds = el("div");
  main.append(el("div.welcome",
    el("section.pitch",
      el("h1", { tabindex: "-1" }, () => t("댓글 하나가 알림이 되기까지", "How a comment becomes a notification")),
      el("p", () => t("글을 쓰고 댓글을 다는 작은 광장이에요. 댓글을 달면 그 이벤트가 데이터베이스와 카프카와 푸시 서비스를 지나 글쓴이의 브라우저에 알림으로 뜨는 길을, 한 걸음씩 눈으로 따라갈 수 있어요.",
        "A small square where people post and comment. Each comment’s event passes a database, Kafka and a push service until the author’s browser shows a notification, and you can watch every step of it.")),
      el("ol.way", ...WAY.map((step) => el("li", step)))),
    el("section.door", choice, join, login, seeds)));
  await offerSeeds(seeds, entered);
}

const WAY = [
  () => t("댓글과 이벤트가 한 트랜잭션에 저장돼요", "The comment and its event are stored in one transaction"),
  () => t("이벤트가 카프카 레코드가 돼요. 키는 글쓴이예요", "The event becomes a Kafka record; its key is the author"),
  () => t("푸시 서비스가 읽고, 보내고, 그다음 커밋해요", "The push service reads it, sends, and only then commits"),
  () => t("글쓴이의 브라우저에 알림이 떠요", "The author’s browser shows a notification"),
];

function form(id, fields, button, send, refusals, entered) {
  const refusal = el("p.refusal", { role: "alert" });
  const submit = el("button.btn.primary", { type: "submit" }, button);
  const rows = fields.map((field) => row(id, FIELDS[field]));
  const attempt = async (event) => {
    event.preventDefault();
    if (submit.getAttribute("aria-disabled") === "true") return;
    submit.setAttribute("aria-disabled", "true");
    refusal.textContent = "";
    try {
      await send(Object.fromEntries(new FormData(node)));
      entered();
    } catch (error) {
      refusal.textContent = explain(error, refusals);
    } finally {
      submit.removeAttribute("aria-disabled");
    }
  };
  const node = el("form.entry", { id, on: { submit: attempt } }, ...rows, refusal, submit);
  return node;
}

function row(form, { label, hint, ...attributes }) {
  const id = `${form}-${attributes.name}`;
  return el("div.row", el("label", { for: id }, el("span", label), el("small", hint)), el("input.field", { id, required: true, ...attributes }));
}

function choose(...choices) {
  const buttons = choices.map(([name, label]) => el("button", { id: `show-${name}`, type: "button", on: { click: () => show(name) } }, label));
  const show = (chosen) => choices.forEach(([name, , node], at) => {
    node.hidden = name !== chosen;
    buttons[at].setAttribute("aria-pressed", String(name === chosen));
  });
  show(choices[0][0]);
  return el("div.seg", { role: "group", "aria-label": () => t("들어가는 길", "The way in") }, ...buttons);
}

/** Users to play with: only where the server says that there are some. */
async function offerSeeds(place, entered) {
  const users = await call("GET", "/api/seed").catch(() => []);
  if (users.length === 0) return;
  const refusal = el("p.refusal", { role: "alert" });
  const enter = async ({ principal, credentials }) => {
    try {
      await session.logIn({ principal, credentials });
      entered();
    } catch (error) {
      refusal.textContent = explain(error, LOGIN_REFUSALS);
    }
  };
  const buttons = users.map((user) => el("button.btn.seed", { type: "button", on: { click: () => enter(user) } }, avatar(user, "s"), user.name));
  place.append(el("div.seeds", el("p", () => t("이 서버에는 연습용 사람이 있어요. 누르면 바로 들어가요.", "This server has people to play with. One press, and you are in.")), el("div", ...buttons), refusal));
}
