// The head of a journey: who wrote to whom, how long it took, and which part
// took how much of it.

import { el } from "./dom.js";
import { t } from "./i18n.js";
import { totalMillis } from "./journey-model.js";
import { durationParts } from "./journey-words.js";

/** So much of a comment says which one it is; all of it stands in the feed. */
const EXCERPT_LETTERS = 24;

const PARTS = {
  api: ["API", "API"],
  relay: ["릴레이", "relay"],
  broker: ["브로커", "broker"],
  push: ["푸시", "push"],
  browser: ["브라우저", "browser"],
};

/** How a journey that did not end with a notification stands. */
const STATES = {
  waiting: { tag: "wait", words: ["대기 중", "waiting"] },
  delivered: { tag: "ok", words: ["푸시 서비스가 받음", "with the push service"] },
  none: { tag: "", words: ["알릴 기기 없음", "no device to notify"] },
  dead: { tag: "bad", words: ["보내지 못함", "given up"] },
  lost: { tag: "bad", words: ["유실", "lost"] },
};

/** The head, and `position(millis)`, which sets its figure; without millis, to what the trace says. */
export function drawHead(trace) {
  const figure = el("b");
  const unit = el("span");
  const position = (millis) => {
    const total = totalMillis(trace);
    const parts = durationParts(Math.min(millis ?? total, total));
    figure.textContent = parts.figure;
    unit.textContent = parts.unit;
  };
  if (trace) position();
  const node = [
    el(
      "div.jhead",
      el("div", el("h2", { id: "journey-title" }, t("댓글 하나의 여정", "The journey of one comment")), el("p.q", trace ? whose(trace) : "")),
      trace && el("div.jtotal", stateTag(trace), el("p", figure, unit)),
    ),
    ...(trace?.parts?.length > 0 ? drawParts(trace.parts) : []),
  ];
  return { node, position };
}

function whose({ comment, post }) {
  const letters = [...comment.contents];
  const excerpt = letters.length <= EXCERPT_LETTERS ? comment.contents : `${letters.slice(0, EXCERPT_LETTERS).join("").trimEnd()}…`;
  return `${comment.writer.name} → ${post.writer.name}, “${excerpt}”`;
}

function stateTag({ state }) {
  const stands = STATES[state];
  if (!stands) return null;
  const tag = el("span.tag", t(...stands.words));
  if (stands.tag) tag.classList.add(stands.tag);
  return tag;
}

function drawParts(parts) {
  const bar = el("div.fall", { "aria-hidden": "true" }, ...parts.map(() => el("i")));
  bar.style.gridTemplateColumns = parts.map(({ millis }) => `minmax(2px, ${Math.max(millis, 0.01)}fr)`).join(" ");
  const key = el(
    "ul.fallkey",
    ...parts.map(({ name, millis }) => {
      const { figure, unit } = durationParts(millis);
      return el("li", el("i"), t(...(PARTS[name] ?? [name, name])), el("b", unit === "ms" ? figure : `${figure} ${unit}`));
    }),
  );
  return [bar, key];
}
