// The frame around every view: bar, tabs, verdict, and the strip that says that nothing is live.

import * as backend from "./backend.js";
import { el, icon, keep, refresh } from "./dom.js";
import { language, speak, t } from "./i18n.js";
import * as stream from "./stream.js";
import { next as nextTheme, theme } from "./theme.js";
import { verdictLine } from "./verdict.js";

/** Shorter breaks are not worth a word, in milliseconds. */
const NOTEWORTHY = 2_000;

const PAGES = [
  ["/", () => t("광장", "Square"), "square"],
  ["/me", () => t("나", "Me"), "me"],
  ["/docs/", () => "API", "docs"],
];

/** The frame, to be put around `main`. */
export function frame(main) {
  const whole = new AbortController().signal;
  const nav = links("nav.nav");
  const tabs = links("nav.tabs");
  const parts = [
    el("a.skip", { href: "#main" }, () => t("내용으로", "Skip to the content")),
    el("header.bar", brand(), nav, el("span.push"), backend.chip(whole), tools()),
    lostStrip(main, whole),
    main,
    verdictLine(whole),
    tabs,
  ];
  const mark = (view, isHere) => {
    for (const list of [nav, tabs]) {
      list.hidden = !isHere;
      for (const link of list.children) {
        if (link.dataset.view === view) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
      }
    }
  };
  return { parts, mark };
}

const brand = () => el("a.brand", { href: "/" }, icon("brand", 24), "Ottla");

function links(spec) {
  const items = PAGES.map(([href, name, view]) => el("a", { href, "data-view": view }, name));
  return el(spec, { "aria-label": () => t("페이지", "Pages") }, ...items);
}

function tools() {
  const other = el("button.tool", {
    id: "language", type: "button", lang: () => (language() === "en" ? "ko" : "en"),
    on: { click: () => { speak(language() === "en" ? "ko" : "en"); refresh(); } },
  }, () => (language() === "en" ? "한국어" : "English"));
  const brightness = el("button.tool", {
    id: "theme", type: "button", title: themeName, "aria-label": themeName,
    on: { click: () => { nextTheme(); refresh(brightness.parentNode); } },
  });
  keep(brightness, () => brightness.replaceChildren(icon({ system: "theme", light: "sun", dark: "moon" }[theme()], 18)));
  return el("div.tools", other, brightness);
}

const themeName = () =>
  ({
    system: t("밝기: 시스템 따름", "Brightness: as the system"),
    light: t("밝기: 밝게", "Brightness: light"),
    dark: t("밝기: 어둡게", "Brightness: dark"),
  })[theme()];

/** Says how old the picture is while there is no connection, and takes its colour away. */
function lostStrip(main, signal) {
  const age = el("b");
  const retry = el("span");
  const strip = el("aside.lost", { id: "lost", hidden: true, "aria-label": () => t("연결 끊김", "Disconnected") },
    el("span.tag.wait", age),
    el("span", () => t("지금 모습이 아니에요.", "This is an old picture.")), retry,
    el("button.btn.small", { type: "button", on: { click: stream.retryNow } }, () => t("지금 잇기", "Reconnect now")));
  const draw = () => {
    const { name, since, retryAt } = stream.current();
    const isLost = name === "lost" && Date.now() - since >= NOTEWORTHY;
    strip.hidden = !isLost;
    main.classList.toggle("stale", isLost);
    if (!isLost) return;
    const seconds = Math.round((Date.now() - since) / 1000);
    age.textContent = t(`연결 끊김 · ${seconds}초 전`, `disconnected · ${seconds} s ago`);
    const wait = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
    retry.textContent = wait > 0 ? t(`${wait}초 뒤 다시 이어요.`, `Reconnecting in ${wait} s.`) : t("다시 잇는 중이에요.", "Reconnecting.");
  };
  stream.on("status", draw, signal);
  setInterval(draw, 1_000);
  return keep(strip, draw);
}
