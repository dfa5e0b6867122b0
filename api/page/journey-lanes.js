// The last records of each partition, coloured by their key, with the one
// record ringed. A lane is one stop of the keyboard: arrows go from record to
// record, and from partition to partition.

import { el } from "./dom.js";
import { t } from "./i18n.js";
import { hue } from "./people.js";

/** More than this many partitions and only the record's own is drawn. */
const LANES_MAX = 6;

let drawn = 0;

/** Lanes of `[{ partition, records: [{ offset, key }] }]`, and where the record is. */
export function lanes(all, place) {
  const shown = all.length <= LANES_MAX ? all : all.filter(({ partition }) => partition === place.partition);
  const box = el("div.minilane", { on: { keydown: move } }, ...shown.map((lane) => drawLane(lane, place)));
  const hidden = all.length - shown.length;
  if (hidden > 0) box.append(el("p.muted", t(`그 밖의 파티션 ${hidden}개`, `${hidden} more partitions`)));
  return box;
}

function drawLane({ partition, records }, place) {
  const own = partition === place.partition;
  const id = `lane-${(drawn += 1)}`;
  const label = own ? `@${place.offset}` : records.length === 0 ? "—" : "";
  const cells = records.map((record) => drawRecord(record, own && record.offset === place.offset, id));
  return el(
    own ? "div.l.on" : "div.l",
    el("span", { "aria-hidden": "true" }, `P${partition}`),
    el(
      "div.cells",
      {
        tabindex: "0",
        role: "listbox",
        "aria-label": t(`파티션 ${partition}, 마지막 레코드 ${records.length}개`, `partition ${partition}, last ${records.length} records`),
        on: { focus: point, blur: leave },
      },
      ...cells,
    ),
    el("span.at", { "data-rest": label }, label),
  );
}

function drawRecord({ offset, key }, hit, lane) {
  return el("i", {
    id: `${lane}-${offset}`,
    class: hit ? `${hue(key)} hit` : hue(key),
    role: "option",
    "aria-selected": String(hit),
    "aria-label": key === undefined ? `@${offset}` : t(`@${offset}, 키 ${key}`, `@${offset}, key ${key}`),
  });
}

const current = (cells) => cells.querySelector(".at-hand") ?? cells.querySelector(".hit") ?? cells.lastElementChild;

function point({ target }) {
  pointAt(target, current(target));
}

function leave({ target }) {
  target.querySelector(".at-hand")?.classList.remove("at-hand");
  target.removeAttribute("aria-activedescendant");
  const at = target.parentElement.querySelector(".at");
  at.textContent = at.dataset.rest;
}

function pointAt(cells, cell) {
  if (!cell) return;
  cells.querySelector(".at-hand")?.classList.remove("at-hand");
  cell.classList.add("at-hand");
  cells.setAttribute("aria-activedescendant", cell.id);
  cells.parentElement.querySelector(".at").textContent = cell.getAttribute("aria-label");
}

function move(event) {
  const cells = event.target;
  const to = {
    ArrowLeft: () => pointAt(cells, current(cells)?.previousElementSibling),
    ArrowRight: () => pointAt(cells, current(cells)?.nextElementSibling),
    ArrowUp: () => cells.parentElement.previousElementSibling?.querySelector(".cells")?.focus(),
    ArrowDown: () => cells.parentElement.nextElementSibling?.querySelector(".cells")?.focus(),
  }[event.key];
  if (!to) return;
  event.preventDefault();
  to();
}
