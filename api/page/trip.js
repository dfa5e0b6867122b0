// How long a comment's event took, as the link to its journey.

import { el, keep } from "./dom.js";
import { t } from "./i18n.js";

const travels = new Map();
/** So many are remembered; more than any page shows. */
const TRAVELS_MAX = 2_000;

const STATES = {
  waiting: [() => t("가는 중", "on its way"), "wait"],
  none: [() => t("기기 없음", "no device"), ""],
  dead: [() => "DLT", "bad"],
  lost: [() => t("유실", "lost"), "bad"],
};

/** The link at the right edge of a comment. */
export function tripLink(comment, journey) {
  learn(comment);
  const link = el("a.trip", {
    href: `/trace/${comment.traceId}`,
    title: () => t("이 댓글의 여정 보기", "See this comment’s journey"),
    on: {
      click: (event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        journey.choose(comment.traceId, { byHand: true });
      },
    },
  });
  return keep(link, () => draw(link, comment.traceId));
}

/** The stream says what became of comments: `[{traceId, state, millis}]`. */
export function travelled(traces) {
  for (const trace of traces) {
    remember(trace.traceId, trace);
    for (const row of document.querySelectorAll(`[data-trace="${CSS.escape(trace.traceId)}"] > .trip`)) {
      draw(row, trace.traceId);
    }
  }
}

function draw(link, traceId) {
  const { state, millis } = travels.get(traceId) ?? { state: "waiting" };
  const [word, mark] = STATES[state] ?? [null, ""];
  link.className = `trip ${word === null ? "" : "word"} ${mark}`.trim();
  link.textContent = word === null ? `${Math.round(millis)} ms` : word();
}

/** The stream may have told of the end before the comment's own answer came. */
function learn({ traceId, travel }) {
  const isNews = !travels.has(traceId) || (travel && travel.state !== "waiting");
  if (travel && isNews) remember(traceId, travel);
}

function remember(traceId, travel) {
  if (travels.size >= TRAVELS_MAX) travels.delete(travels.keys().next().value);
  travels.delete(traceId);
  travels.set(traceId, travel);
}
