// The page's side of the service worker: starting it, and talking to it.

/** How long the worker may take to answer, in milliseconds, where nobody says otherwise. */
const PATIENCE = 3_000;

/** Whether this browser has service workers here: it must, and the page must be secure. */
export const supported = () => isSecureContext && "serviceWorker" in navigator;

let registration = null;

/** Starts the worker. `onOpen` is called with a path when a notification was clicked. */
export function start(onOpen) {
  if (!supported()) return;
  registration = navigator.serviceWorker.register("/sw.js", { scope: "/", updateViaCache: "none" }).then(
    () => navigator.serviceWorker.ready,
    () => null,
  );
  navigator.serviceWorker.addEventListener("message", ({ data }) => {
    if (typeof data?.open === "string") onOpen(data.open);
  });
}

/** The running worker's registration, or null. */
export async function ready() {
  return registration === null ? null : within(registration, PATIENCE, null);
}

/** Tells the worker something and waits for its answer; undefined when none came within `patience`. */
export async function tell(message, patience = PATIENCE) {
  const running = (await ready())?.active;
  if (!running) return undefined;
  const { port1, port2 } = new MessageChannel();
  const answer = new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
  });
  running.postMessage(message, [port2]);
  return within(answer, patience, undefined);
}

/** The promise's value, or `otherwise` after `millis`. */
export function within(promise, millis, otherwise) {
  const late = new Promise((resolve) => setTimeout(resolve, millis, otherwise));
  return Promise.race([promise, late]);
}
