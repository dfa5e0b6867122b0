// Oneself: name and picture, connections, devices, and the way out.

import { call } from "./api.js";
import { bell } from "./bell.js";
import { connections } from "./connections.js";
import { devices } from "./devices.js";
import { el, keep, refresh } from "./dom.js";
import { number, t } from "./i18n.js";
import { avatar } from "./people.js";
import { explain } from "./refusal.js";
import * as session from "./session.js";

const REFUSALS = {
  400: () => t("이름은 1–10자예요. 사진은 1 MiB까지의 PNG, JPEG, WebP예요.", "A name has 1–10 characters; a picture is PNG, JPEG or WebP."),
  413: () => t("사진이 1 MiB보다 커요.", "The picture is larger than 1 MiB."),
};

/** The page of `user`, in `main`. */
export function me(main, { user, signal }) {
  const notification = bell(user, signal);
  main.append(el("div.me",
    el("div.pagehead", el("div", el("h1", { tabindex: "-1" }, () => t("나", "Me")),
      el("p", () => t("내 이름, 연결된 사람, 알림을 받는 기기예요.", "Your name, who you are connected with, which devices get pushes."))), notification.node),
    notification.note,
    profile(user),
    connections(signal),
    devices(signal)));
}

function profile(first) {
  let user = first;
  const refusal = el("p.refusal", { role: "alert" });
  const face = el("span.face");
  const input = el("input.field", { id: "my-name", value: user.name, autocomplete: "nickname", maxlength: "40" });
  const picture = el("input.sr", { id: "my-picture", type: "file", accept: "image/png,image/jpeg,image/webp", on: { change: () => change("file", picture.files[0]) } });
  const facts = el("dl.facts");
  const draw = () => {
    face.replaceChildren(user.profileImageUrl ? el("img.who", { src: user.profileImageUrl, alt: "", width: 64, height: 64 }) : avatar(user));
    facts.replaceChildren(...[
      [t("내 번호", "my number"), String(user.seq)],
      [t("메일 주소", "e-mail"), user.email.address],
      [t("로그인", "log-ins"), number(user.loginCount)],
    ].map(([name, value]) => el("div", el("dt", name), el("dd.mono", value))));
  };
  const change = async (field, value) => {
    const form = new FormData();
    form.append(field, value);
    try {
      user = await call("PATCH", "/api/user/me", form);
      session.changed(user);
      input.value = user.name;
      refusal.textContent = "";
      refresh(panel);
    } catch (error) {
      refusal.textContent = explain(error, REFUSALS);
    }
  };
  const rename = (event) => {
    event.preventDefault();
    change("name", input.value);
  };
  const out = el("button.btn", { id: "logout", type: "button", on: { click: () => leave(out, refusal) } }, () => t("로그아웃", "Log out"));
  const panel = el("section.panel", { "aria-label": () => t("프로필", "Profile") },
    el("div.profile", face,
      el("form", { on: { submit: rename } }, el("label", { for: "my-name" }, () => t("이름", "Name")),
        el("div.line1", input, el("button.btn", { type: "submit" }, () => t("바꾸기", "Change")))),
      el("div.tail", picture, el("label.btn", { for: "my-picture" }, () => t("사진 바꾸기", "Change picture")), out)),
    refusal, facts);
  return keep(panel, draw);
}

async function leave(button, refusal) {
  button.setAttribute("aria-disabled", "true");
  try {
    await session.logOut();
  } catch (error) {
    refusal.textContent = explain(error);
    button.removeAttribute("aria-disabled");
  }
}
