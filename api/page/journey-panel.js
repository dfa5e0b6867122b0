// The place of one comment's journey: beside the posts, or a sheet over them on a phone.

import { call } from "./api.js";
import * as backend from "./backend.js";
import { el } from "./dom.js";
import { journey } from "./journey.js";
import * as stream from "./stream.js";

/**
 * The panel. `choose(traceId, {byHand, written})` shows a journey and marks its comment; what a
 * person chose or wrote comes into view. `mark()` marks it among comments that came later;
 * `arrived` hears of every trace that is shown.
 */
export function journeyPanel(signal, arrived) {
  const node = el("aside.journey.asheet", { id: "journey", "aria-labelledby": "journey-title" });
  const fetchTrace = (id) => call("GET", `/api/trace/${id}`);
  const view = journey(node, { fetchTrace, backend: backend.current, arrived, signal });
  let chosen = null;

  const mark = () => {
    for (const row of document.querySelectorAll(".cmt")) {
      if (row.dataset.trace === chosen) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  };
  const choose = (traceId, { byHand = false, written = false } = {}) => {
    chosen = traceId;
    mark();
    view.show(traceId, byHand || written ? document.activeElement : undefined);
  };
  const changed = ({ traces = [] }) => view.update(traces.map(({ traceId }) => traceId));
  stream.on("snapshot", changed, signal);
  stream.on("delta", changed, signal);
  return { node, choose, mark, hasChosen: () => chosen !== null };
}
