// Draws the steps of a trace: a sheet for each process, the way between them,
// and what each step tells. Texts of people become text, never markup.

import { el, icon } from "./dom.js";
import { t } from "./i18n.js";
import { lanes } from "./journey-lanes.js";
import { sections } from "./journey-model.js";
import { hopWords, processWords, sinceRequest, stepWords } from "./journey-words.js";

/**
 * The nodes from top to bottom. What playing lights up has `data-at`, its
 * moment in milliseconds since the request; what is still to come has none.
 */
export function drawSteps(trace, backend) {
  const kafka = backend?.kind !== "in-process";
  return sections(trace, { kafka }).flatMap((section) => {
    const sheet = drawProcess(section, trace, backend);
    return section.hop ? [drawHop(section.hop), sheet] : [sheet];
  });
}

function drawProcess({ process, steps }, trace, backend) {
  const { name, note, spoken } = processWords(process, trace, backend);
  return el(
    "section.proc",
    el("div.ph", el("span"), el("span.n"), el(spoken ? "h3.spoken" : "h3", name), el("span", note)),
    el("ol", ...steps.map((step) => drawStep(step, trace))),
  );
}

function drawHop(hop) {
  const { name, details } = hopWords(hop);
  const row = el(hop.name === "bus" ? "div.hop.near" : "div.hop", el("span"), el("span.n"), el("p", el("b", name), details));
  if (hop.at !== undefined) row.dataset.at = hop.at;
  return row;
}

function drawStep(step, trace) {
  const words = stepWords(step);
  const row = el(
    "li.step",
    el("span.t", { title: step.at }, step.waiting ? "" : sinceRequest(step)),
    el("span.n"),
    el("div.sb", el("h4", words.title), drawLines(words), el("em", words.aside), ...drawMore(step, words, trace)),
  );
  if (step.failed) row.classList.add("failed");
  if (step.waiting) row.classList.add("waiting");
  else row.dataset.at = step.offsetMillis;
  return row;
}

function drawLines({ lines, bracket }) {
  const drawn = lines.map(drawLine);
  return el("div.dd", bracket ? el("div.tx", ...drawn, el("span.lbl", bracket)) : drawn);
}

function drawLine({ texts, code, refused }) {
  const parts = texts.map((text) => (typeof text === "string" ? text : el("b", text.strong)));
  const line = el("p", ...parts);
  line.className = refused ? "d why" : code ? "d" : "d plain";
  return line;
}

function drawMore(step, { place, consoleLine, endpoint, toast }, trace) {
  return [
    place && trace.lanes?.length > 0 && lanes(trace.lanes, place),
    consoleLine && drawConsoleLine(consoleLine, endpoint),
    toast && drawToast(toast),
  ].filter(Boolean);
}

/**
 * The line that the push service prints. An endpoint is a bearer secret: its
 * owner unfolds it, nobody else was sent more than its origin and its end.
 */
function drawConsoleLine(line, endpoint) {
  if (!endpoint || !line.startsWith(endpoint)) return el("p.line", line);
  const said = line.slice(endpoint.length);
  if (endpoint.includes("…")) return el("p.line", line);
  return el(
    "details.line",
    el("summary", `${beginning(endpoint)}…${said}`),
    el("p", el("span.muted", t("이 기기의 주소예요. 남에게 알려 주지 마세요. ", "The address of your device. Keep it to yourself. ")), el("code", endpoint)),
  );
}

const beginning = (endpoint) => /^https?:\/\/[^/.:]*/.exec(endpoint)?.[0] ?? "";

function drawToast({ title, body }) {
  return el("div.toast", el("span.ico", icon("brand", 20)), el("div", el("b", title), el("p", body)));
}
