// The verdict line: confirmed = delivered + waiting (+ dead letters) (+ lost), as the server counted.

import { el, icon, keep } from "./dom.js";
import { duration, number, t } from "./i18n.js";
import * as backend from "./backend.js";
import * as stream from "./stream.js";

/** What waits for less than this is on its way, in milliseconds. */
const ON_ITS_WAY = 2_000;

let verdict = null;
let waitingSince = null;

/** The line. Its sentence is announced when it changes; the figures are not. */
export function verdictLine(signal) {
  const sentence = el("span");
  const mark = el("span.mark", { "aria-hidden": "true" });
  const sums = el("span.sums");
  const facts = el("span.right");
  const node = el("footer.verdictbar", { id: "verdict", "aria-label": () => t("판정", "Verdict") },
    el("span.v", { role: "status" }, mark, sentence), sums, facts);
  const draw = () => {
    const state = judge();
    node.hidden = verdict === null && state !== "lost-connection";
    node.className = `verdictbar ${STATES[state].class}`;
    put(sentence, STATES[state].text());
    if (mark.dataset.icon !== STATES[state].icon) {
      mark.dataset.icon = STATES[state].icon;
      mark.replaceChildren(icon(STATES[state].icon));
    }
    sums.replaceChildren(...(verdict === null ? [] : equation()));
    facts.replaceChildren(...processFacts());
  };
  const learn = (data) => {
    if (data.verdict) {
      verdict = data.verdict;
      waitingSince = verdict.waiting > 0 ? waitingSince ?? Date.now() : null;
      if (waitingSince !== null) setTimeout(draw, ON_ITS_WAY);
    }
    draw();
  };
  stream.on("snapshot", learn, signal);
  stream.on("delta", learn, signal);
  stream.on("status", draw, signal);
  return keep(node, draw);
}

const STATES = {
  "lost-connection": { class: "wait", icon: "wait", text: () => t("연결이 끊겼어요", "Disconnected") },
  unbalanced: { class: "bad", icon: "cross", text: () => t("셈이 맞지 않아요", "The sum does not balance") },
  lost: {
    class: "bad", icon: "cross",
    text: () => t(`확인된 이벤트 유실 ${number(verdict.lost)}건`, `${number(verdict.lost)} confirmed ${verdict.lost === 1 ? "event" : "events"} lost`),
  },
  waiting: { class: "wait", icon: "wait", text: () => t("아직 세는 중", "Still counting") },
  kept: { class: "", icon: "check", text: () => t("확인된 이벤트 유실 0건", "0 confirmed events lost") },
};

function judge() {
  if (stream.current().name === "lost") return "lost-connection";
  if (verdict === null) return "kept";
  const { confirmed, delivered, waiting, deadLettered, lost } = verdict;
  if (confirmed !== delivered + waiting + deadLettered + lost) return "unbalanced";
  if (lost > 0) return "lost";
  return waitingSince !== null && Date.now() - waitingSince >= ON_ITS_WAY ? "waiting" : "kept";
}

function equation() {
  const { confirmed, delivered, waiting, deadLettered, lost, folded } = verdict;
  const terms = [
    term("", t("확인", "confirmed"), confirmed),
    term("=", t("전달", "delivered"), delivered),
    term("+", t("대기", "waiting"), waiting),
  ];
  if (deadLettered > 0) terms.push(term("+", "DLT", deadLettered));
  if (lost > 0) terms.push(term("+", t("유실", "lost"), lost));
  if (folded > 0) terms.push(el("span.aside", term("", t("접힌 중복", "duplicates folded"), folded)));
  return terms;
}

function term(sign, name, value) {
  return el("span", sign === "" ? null : el("i.sign", sign), `${name} `, el("b", number(value)));
}

function processFacts() {
  const known = backend.current();
  if (known === null) return [];
  const facts = [];
  const fact = (name, value) => facts.push(el("span", `${name} `, el("b.mono", value)));
  if (known.startMillis !== undefined) fact(t("시작", "started in"), duration(known.startMillis));
  if (known.residentBytes !== undefined) fact(t("메모리", "memory"), `${Math.round(known.residentBytes / 2 ** 20)} MB`);
  if (known.jvm === false) facts.push(el("span", t("JVM 없음", "no JVM")));
  return facts;
}

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
