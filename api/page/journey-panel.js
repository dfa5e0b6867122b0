// The place of one comment's journey: beside the posts, or a sheet over them on a phone.

import { call } from "./api.js";
import { el } from "./dom.js";
import { t } from "./i18n.js";
import { isNarrow } from "./layout.js";
import * as stream from "./stream.js";

/**
 * The panel. `choose(traceId, {byHand, written})` shows a journey and marks its comment; on a
 * phone the sheet rises for what a person chose or wrote.
 */
export function journeyPanel(signal) {
  const empty = el("div.blank.nojourney",
    el("h2", () => t("댓글 하나의 여정", "The journey of one comment")),
    el("p", () => t("댓글을 달면 그 댓글이 요청에서 알림까지 지나가는 길을 여기에서 볼 수 있어요.",
      "Comment on a post, and see here every step from the request to the notification.")));
  const node = el("aside.journey.asheet", { id: "journey", "aria-label": () => t("댓글 하나의 여정", "The journey of one comment") }, empty);
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
    if (isNarrow() && (byHand || written)) node.classList.add("open");
  };
  return { node, choose };
}
