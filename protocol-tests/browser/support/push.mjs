// What a test needs to know of a page's pushes: its button, its subscription,
// and the notifications that its service worker shows. Waits, never judges.

import { setTimeout as pause } from "node:timers/promises";

const PATIENCE_MS = 15_000;
/** A browser that has just started may not reach its push service at once. */
const SUBSCRIBED_WITHIN_MS = 25_000;

/** Asks until the answer is truthy, and returns it. */
export async function until(what, ask, within = PATIENCE_MS) {
  const deadline = Date.now() + within;
  let last;
  while (Date.now() < deadline) {
    const answer = await ask().catch((error) => void (last = error));
    if (answer) return answer;
    await pause(50);
  }
  throw new Error(`waited in vain for ${what}`, { cause: last });
}

/** Fills a form's fields by their names and sends it. */
export async function fill(page, form, fields) {
  await page.waitForSelector(`${form} [name]`, { visible: true });
  for (const [name, text] of Object.entries(fields)) await page.type(`${form} [name=${name}]`, text);
  await page.click(`${form} [type=submit]`);
}

export const bellState = (page) => page.$eval("#bell", (bell) => bell.dataset.s);

/** Presses the button until it says that pushes are on, as a person would who is asked to try again. */
export async function turnOn(page) {
  await page.waitForSelector("#bell", { visible: true });
  await until(
    "the button to say that pushes are on",
    async () => {
      const state = await bellState(page);
      if (["off", "late", "none"].includes(state)) await page.click("#bell");
      return state === "on";
    },
    SUBSCRIBED_WITHIN_MS,
  );
}

/** The browser's subscription as JSON, or null. */
export const subscription = (page) =>
  page.evaluate(async () => {
    const { pushManager } = await navigator.serviceWorker.ready;
    return (await pushManager.getSubscription())?.toJSON() ?? null;
  });

/** What the service worker shows, the newest last. */
export const notifications = (page) =>
  page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    const shown = await registration.getNotifications();
    return shown.map(({ title, body, tag, data }) => ({ title, body, tag, target: data?.target }));
  });

/** Takes all of them off the screen. */
export const clearNotifications = (page) =>
  page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    for (const shown of await registration.getNotifications()) shown.close();
  });

/** The status with which a push service answers a push to `endpoint`; without a signature it never takes one. */
export async function statusOf(endpoint) {
  const answer = await fetch(endpoint, { method: "POST", headers: { ttl: "60" } });
  return answer.status;
}
