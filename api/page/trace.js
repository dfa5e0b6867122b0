// One comment's journey alone, at an address to share.

import { el } from "./dom.js";
import { t } from "./i18n.js";
import { journeyPanel } from "./journey-panel.js";

/** The journey of that trace, in `main`. */
export function trace(main, { signal }, traceId) {
  const journey = journeyPanel(signal);
  main.append(el("div.alone", el("h1.sr", { tabindex: "-1" }, () => t("여정", "Journey")), journey.node));
  journey.choose(traceId);
}
