// A dialog over the page: one at a time, closed by its button, by Esc or by a click beside it.

import { el, icon } from "./dom.js";
import { t } from "./i18n.js";

/** Shows a dialog with a heading and `parts`. Focus goes back to where it was. */
export function dialog(name, heading, ...parts) {
  document.querySelector("dialog[open]")?.close();
  const close = () => box.close();
  const box = el(
    "dialog.dialog",
    {
      "aria-labelledby": `h-${name}`,
      on: { close: () => box.remove(), click: (event) => event.target === box && close() },
    },
    el("header", el("h2", { id: `h-${name}` }, heading),
      el("button.tool", { type: "button", "aria-label": () => t("닫기", "Close"), on: { click: close } }, icon("cross"))),
    ...parts,
  );
  document.body.append(box);
  box.showModal();
}
