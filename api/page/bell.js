// The notification button: one button, seven states, a fact or the next step in its small text.

import { el, icon, keep, refresh } from "./dom.js";
import { t } from "./i18n.js";
import * as push from "./push.js";

const STATES = {
  off: [() => t("알림 받기", "Get notified"), () => ""],
  asking: [() => t("허용을 기다리는 중", "Waiting for permission"), () => ""],
  sending: [() => t("구독 보내는 중", "Subscribing"), () => ""],
  on: [() => t("알림 켜짐", "Notifications on"), ({ millis }) =>
    Number.isFinite(millis) ? t(`이 기기 · ${Math.round(millis)} ms`, `this device · ${Math.round(millis)} ms`) : t("이 기기", "this device")],
  late: [() => t("응답이 늦어요", "No answer yet"), ({ status }) => (status ? t(`${status} · 다시 시도`, `${status} · retry`) : t("다시 시도", "retry"))],
  blocked: [() => t("브라우저가 막았어요", "Blocked by browser"), () => t("푸는 법", "how to unblock")],
  none: [() => t("이 브라우저는 푸시가 없어요", "No push in this browser"), () => t("왜 그런가요", "why")],
};

/** What to say below the button: why not, and what to do. */
const NOTES = {
  blocked: () => t(
    "이 사이트의 알림을 브라우저가 막아 두었어요. 주소창 왼쪽의 그림(자물쇠나 설정)을 눌러 알림을 ‘허용’으로 바꾸고 이 버튼을 다시 눌러 주세요. 그동안은 알림을 이 페이지 안에 보여 드려요.",
    "This browser blocks notifications of this site. Press the symbol left of the address (a lock, or sliders), set notifications to “allow”, and press this button again. Until then they are shown in this page."),
  insecure: () => t(
    "브라우저는 안전한 주소(https 또는 localhost)에서만 푸시를 허락해요. 127.0.0.1이나 localhost로 열어 보세요. 그동안은 알림을 이 페이지 안에 보여 드려요.",
    "Browsers allow push at safe addresses only (https, or localhost). Open this page as localhost. Until then notifications are shown in this page."),
  missing: () => t(
    "이 브라우저나 이 창(사생활 보호 창일 수 있어요)에는 푸시 기능이 없어요. 알림을 이 페이지 안에 보여 드려요.",
    "This browser, or this window (it may be a private one), has no push. Notifications are shown in this page."),
  service: () => t(
    "브라우저 회사의 푸시 서비스에 닿지 못했어요. 인터넷이 없거나 그 서비스를 쓰지 않는 브라우저예요. 인터넷 없이 해 보려면 cargo run --release -- firefox 로 열어 보세요. 알림은 이 페이지 안에 보여 드려요.",
    "The push service of this browser’s vendor was not reached: there is no internet, or this build of the browser does without. To try it offline: cargo run --release -- firefox. Notifications are shown in this page."),
  refused: () => t(
    "이 브라우저의 푸시 서비스는 서버가 허락한 곳이 아니에요(PUSH_ENDPOINTS). 알림은 이 페이지 안에 보여 드려요.",
    "The server does not allow this browser’s push service (PUSH_ENDPOINTS). Notifications are shown in this page."),
  many: () => t(
    "등록된 기기가 너무 많아요. ‘나’에서 쓰지 않는 기기를 지우고 다시 눌러 주세요.",
    "Too many devices. Remove one you do not use under “Me”, and press again."),
};

/** The button, and the note that it opens. */
export function bell(user, signal) {
  const face = el("span.face", { "aria-hidden": "true" });
  const button = el("button.bell", { id: "bell", type: "button", on: { click: () => press(user, note) } },
    face, el("span", () => STATES[push.current().name][0]()), " ", el("small", () => STATES[push.current().name][1](push.current())));
  const note = el("p.note", { id: "bell-note", hidden: true, role: "alert" }, () => NOTES[cause(push.current())]?.() ?? "");
  const draw = () => {
    const { name } = push.current();
    const busy = name === "asking" || name === "sending";
    button.dataset.s = name;
    button.setAttribute("aria-pressed", String(name === "on"));
    button.setAttribute("aria-busy", String(busy));
    if (face.dataset.busy !== String(busy)) {
      face.dataset.busy = String(busy);
      face.replaceChildren(busy ? el("span.spin") : icon("bell"));
    }
    if (NOTES[cause(push.current())] === undefined) note.hidden = true;
  };
  keep(button, draw);
  push.onChange(() => { refresh(button); refresh(note); }, signal);
  return { node: button, note };
}

const cause = ({ name, reason }) => (name === "none" ? reason : name);

async function press(user, note) {
  const { name, reason } = push.current();
  if (name === "asking" || name === "sending") return;
  if (name === "on") return push.turnOff();
  const explained = NOTES[cause({ name, reason })] !== undefined;
  const wasOpen = !note.hidden;
  if (explained && !wasOpen) {
    note.hidden = false;
    return;
  }
  // A second press tries again: permission or network may be there by now.
  await push.turnOn(user);
  note.hidden = NOTES[cause(push.current())] === undefined;
}
