// How the journey comes into view. On a phone it is a sheet over the feed:
// owns opening and closing it, by the grip, a swipe or Esc, where the focus
// goes, and that nothing behind it can be reached meanwhile.

import { isPhone } from "./layout.js";

/** A swipe down by this many pixels closes the sheet. */
const SWIPE_PIXELS = 80;

/** Makes `root` a sheet with `grip` as its handle, until `signal` ends it. */
export function sheet(root, grip, signal) {
  let opener;

  function open(from) {
    opener = from;
    root.classList.add("open");
    cover();
    if (isPhone()) return grip.focus({ preventScroll: true });
    const { top, bottom } = root.getBoundingClientRect();
    if (top > innerHeight / 2 || bottom < 0) root.scrollIntoView();
    // Who pressed by keyboard goes on there; Esc leads back.
    if (from.matches("button:focus-visible, a:focus-visible")) root.focus({ preventScroll: true });
  }

  function close() {
    if (!root.classList.contains("open")) return false;
    root.classList.remove("open");
    root.style.removeProperty("transform");
    cover();
    if (opener?.isConnected) opener.focus({ preventScroll: true });
    opener = undefined;
    return true;
  }

  /** What is behind an open sheet can be neither seen by a reader nor reached by Tab. */
  function cover() {
    const covers = isPhone() && root.classList.contains("open");
    for (const node of behind(root)) node.inert = covers;
    if (covers) {
      root.setAttribute("role", "dialog");
      root.setAttribute("aria-modal", "true");
    } else {
      root.removeAttribute("role");
      root.removeAttribute("aria-modal");
    }
  }

  root.tabIndex = -1;
  addEventListener("resize", cover, { signal });
  signal.addEventListener("abort", close);
  grip.addEventListener("click", close);
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && close()) event.stopPropagation();
  });
  swipe(root, grip, close);
  return { open, close };
}

/** Everything of the page that is not `root` and does not hold it. */
function behind(root) {
  const nodes = [];
  for (let node = root; node.parentElement && node !== document.body; node = node.parentElement) {
    nodes.push(...[...node.parentElement.children].filter((other) => other !== node && other.tagName !== "SCRIPT"));
  }
  return nodes;
}

/** The sheet follows a finger on its grip; past the threshold it goes. */
function swipe(root, grip, close) {
  let from;
  grip.addEventListener("pointerdown", (event) => {
    if (!isPhone()) return;
    from = event.clientY;
    grip.setPointerCapture(event.pointerId);
  });
  grip.addEventListener("pointermove", (event) => {
    if (from !== undefined) root.style.transform = `translateY(${Math.max(0, event.clientY - from)}px)`;
  });
  const end = (event) => {
    if (from === undefined) return;
    const far = event.clientY - from;
    from = undefined;
    root.style.removeProperty("transform");
    if (event.type === "pointerup" && far > SWIPE_PIXELS) close();
  };
  grip.addEventListener("pointerup", end);
  grip.addEventListener("pointercancel", end);
}
