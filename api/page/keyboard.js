// Keys that work everywhere, and the list of them.

import { el } from "./dom.js";
import { dialog } from "./dialog.js";
import { t } from "./i18n.js";
import { follow } from "./follow.js";

const KEYS = [
  ["Ctrl ↵ · ⌘ ↵", () => t("쓴 것을 보내기", "send what you wrote")],
  ["1 – 8", () => t("한 사람만 따라가기, 다시 누르면 모두", "follow one person; again for everybody")],
  ["Esc", () => t("닫기", "close")],
  ["?", () => t("이 목록", "this list")],
];

/** Listens. */
export function start() {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
    if (event.key === "?") list();
    else if (/^[1-8]$/.test(event.key)) follow(event.key);
    else if (event.key === "Escape") follow(null);
  });
}

const isWriting = (node) => node.matches?.("input, textarea, select, [contenteditable]");

function list() {
  const rows = KEYS.map(([key, meaning]) => [el("dt", el("kbd", key)), el("dd", meaning)]);
  dialog("keys", () => t("키보드", "Keyboard"), el("dl.keylist", ...rows));
}
