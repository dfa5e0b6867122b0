// Addresses and views: which view an address means, and moving between them without a load.

const ROUTES = [
  [/^\/$/, "square"],
  [/^\/posts\/(\d+)$/, "post"],
  [/^\/friends\/(\d+)$/, "friend"],
  [/^\/me$/, "me"],
  [/^\/trace\/([0-9a-f]+)$/, "trace"],
];

let show = () => {};

/** Calls `next(name, parameter)` for the address as it is, and whenever it changes. */
export function start(next) {
  show = () => next(...match(location.pathname));
  addEventListener("popstate", show);
  document.addEventListener("click", followLink);
  show();
}

/** Goes to a path of ours. */
export function go(path) {
  if (path !== location.pathname) history.pushState(null, "", path);
  show();
}

/** The view of a path and its parameter; an unknown path is the square. */
export function match(path) {
  for (const [pattern, name] of ROUTES) {
    const found = pattern.exec(path);
    if (found) return [name, found[1]];
  }
  return ["square", undefined];
}

/** A plain click on a link to one of our views stays in the page. */
function followLink(event) {
  const link = event.target.closest?.("a[href]");
  const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  if (!link || !plain || event.defaultPrevented || link.target) return;
  const { origin, pathname, hash } = new URL(link.href);
  if (origin !== location.origin || hash || !ROUTES.some(([pattern]) => pattern.test(pathname))) return;
  event.preventDefault();
  go(pathname);
}
