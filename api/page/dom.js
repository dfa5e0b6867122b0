// Making elements. Whatever people wrote becomes text, never markup.
//
// A text or an attribute may be a function: it is asked again whenever the language or the time
// changes, so that nothing has to be rebuilt and nothing typed or focused is lost.

import { drawing } from "./icons.js";

const updates = new WeakMap();

/**
 * An element. `spec` is `tag.class.class`; the first part may be an object of attributes:
 * `on: { click }` are listeners, true and false set and leave out, a function is asked again.
 * Other parts are nodes, texts, functions that give texts, or nothing.
 */
export function el(spec, ...parts) {
  const [tag, ...classes] = spec.split(".");
  const node = document.createElement(tag);
  if (classes.length > 0) node.className = classes.join(" ");
  if (isAttributes(parts[0])) set(node, parts.shift());
  const children = parts.flat().filter((part) => part !== null && part !== undefined && part !== false);
  if (children.length === 1 && typeof children[0] === "function") {
    return keep(node, () => (node.textContent = children[0]()));
  }
  node.append(...children.map((child) => (typeof child === "function" ? el("span", child) : child)));
  return node;
}

/** Calls `update` now and again at every `refresh()` for as long as `node` is in the document. */
export function keep(node, update) {
  const all = updates.get(node) ?? [];
  updates.set(node, [...all, update]);
  node.dataset.live = "";
  update();
  return node;
}

/** Brings every text in `root`, itself included, up to date. */
export function refresh(root = document) {
  for (const node of [root, ...root.querySelectorAll("[data-live]")]) {
    for (const update of updates.get(node) ?? []) update();
  }
}

/** One of the drawings in icons.js, invisible to screen readers: words stand beside it. */
export function icon(name, size = 16) {
  const { box, shapes } = drawing(name);
  const svg = shape("svg", { width: size, height: size, viewBox: `0 0 ${box} ${box}`, "aria-hidden": "true" });
  svg.append(...shapes.map(([tag, attributes]) => shape(tag, attributes)));
  return svg;
}

function shape(tag, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function isAttributes(part) {
  return part !== null && typeof part === "object" && Object.getPrototypeOf(part) === Object.prototype;
}

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (typeof value === "function") {
      keep(node, () => attribute(node, name, value()));
    } else {
      attribute(node, name, value);
    }
  }
}

function attribute(node, name, value) {
  if (value === false || value === null || value === undefined) node.removeAttribute(name);
  else if (name === "class") node.classList.add(...String(value).split(" ").filter(Boolean));
  else node.setAttribute(name, value === true ? "" : value);
}
