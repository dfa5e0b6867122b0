// Notifications inside the page, where this browser cannot get pushes.

import { el, icon } from "./dom.js";
import { t } from "./i18n.js";
import * as push from "./push.js";
import * as stream from "./stream.js";

/** So many are on screen at once; older ones go. */
const SHOWN_MAX = 4;

/** The place where they appear. */
export function notices(signal) {
  const list = el("div.notices", { role: "region", "aria-label": () => t("알림", "Notifications") });
  stream.on("delta", ({ notifications = [] }) => {
    const { name } = push.current();
    if (name !== "none" && name !== "blocked") return;
    for (const notification of notifications) show(list, notification);
  }, signal);
  return list;
}

function show(list, { title, body, target, tag }) {
  list.querySelector(`[data-tag="${CSS.escape(tag)}"]`)?.remove();
  const close = () => notice.remove();
  const notice = el("div.notice", { "data-tag": tag },
    el("span.ico", icon("brand", 20)),
    el("a", { href: target, on: { click: close } }, el("b", title), el("span", body ?? "")),
    el("button.tool", { type: "button", "aria-label": () => t("닫기", "Close"), on: { click: close } }, icon("cross", 14)));
  list.prepend(notice);
  while (list.children.length > SHOWN_MAX) list.lastElementChild.remove();
}
