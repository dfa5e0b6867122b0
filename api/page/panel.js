// A panel with its question, and a list in it.

import { el } from "./dom.js";

/** A panel: a heading, the question it answers, and what answers it. */
export function panel(id, heading, question, ...parts) {
  return el("section.panel", { id, "aria-labelledby": `h-${id}` },
    el("header", el("h2", { id: `h-${id}` }, heading), el("p", question)), ...parts);
}

/** A list that says so when it is empty. Grey until `show` is first called. */
export function rows(empty) {
  const node = el("ul.rows", el("li.ghost", { "aria-hidden": "true" }, el("i.half")));
  const show = (items) => node.replaceChildren(...(items.length > 0 ? items : [el("li.muted", empty)]));
  return { node, show };
}
