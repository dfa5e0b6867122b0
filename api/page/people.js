// People as they are drawn: a colour for each record key, the first letter of the name.

import { el } from "./dom.js";

const HUES = 8;

/** The classes of a key's colour; from the ninth on the colours come again with a stripe. */
export function hue(key) {
  const place = Number(key) - 1;
  if (!Number.isSafeInteger(place) || place < 0) return "keyless";
  return place < HUES ? `k${place + 1}` : `k${(place % HUES) + 1} striped`;
}

/** The first letter people see, whole even when it is made of several code points. */
export function initial(name) {
  const [first] = new Intl.Segmenter().segment(name ?? "");
  return first?.segment.toUpperCase() ?? "?";
}

/** A person's picture: `size` is nothing, `s` or `xs`. The name stands beside it. */
export function avatar(person, size = "") {
  const classes = `who ${size} ${hue(person.seq)}`;
  return el("span", { class: classes, "aria-hidden": "true" }, initial(person.name));
}

/** The key itself, on its colour. */
export const keyMark = (key) => el("span", { class: `who xs ${hue(key)}`, "aria-hidden": "true" }, String(key));

/** A partition: up to six as a place among three bars, then as a number alone. */
export function partitionMark(partition) {
  return partition < 3 ? el("i.pg", { "data-p": String(partition), "aria-hidden": "true" }) : null;
}
