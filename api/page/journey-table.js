// The journey as a table: the same words as the drawing, row by row.

import { el } from "./dom.js";
import { t } from "./i18n.js";
import { processWords, sinceRequest, stepWords } from "./journey-words.js";

/** A table of every step that is known, in the order of their moments. */
export function drawTable(trace, backend) {
  const heads = ["ms", t("어디서", "where"), t("걸음", "step"), t("무엇이", "what")];
  return el(
    "table.jtable",
    el("caption.sr", t("댓글 하나의 여정", "The journey of one comment")),
    el("thead", el("tr", ...heads.map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", ...trace.steps.map((step) => drawRow(step, trace, backend))),
  );
}

function drawRow(step, trace, backend) {
  const { title, aside, lines, place, consoleLine, toast } = stepWords(step);
  const texts = [
    ...lines.map(({ texts: parts }) => parts.map((part) => part.strong ?? part).join("")),
    place && `P${place.partition} @${place.offset}`,
    aside,
    consoleLine,
    toast && `${toast.title} ${toast.body}`,
  ].filter(Boolean);
  const row = el(
    "tr",
    el("td.mono", { title: step.at }, sinceRequest(step)),
    el("td", processWords(step.process, trace, backend).name),
    el("th", { scope: "row" }, title),
    el("td", ...texts.map((text) => el("p", text))),
  );
  if (step.failed) row.classList.add("failed");
  return row;
}
