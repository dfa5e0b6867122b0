// The notification button where a browser refuses or has no push, and the
// service worker when a push comes. Encryption and the way to the browser are
// Firefox's part: Chromium is handed the decrypted push by its debugger.

import assert from "node:assert/strict";
import { newPage } from "../support/chromium.mjs";
import { logInto, SEEDS } from "../support/people.mjs";
import { until } from "../support/until.mjs";
import { deliverPush, permit, pushFor } from "../support/worker.mjs";

const bellIs = (page, state) => page.waitForSelector(`#bell[data-s="${state}"]`, { timeout: 13_000 });

/** A permission that was refused is told, with the way to undo it. */
export async function blockedPermission({ browser, demo }) {
  const page = await newPage(browser, { language: "en-US" });
  await permit(page, demo.origin, "denied");
  await logInto(page, demo.origin, SEEDS[0]);
  await bellIs(page, "blocked");
  assert.deepEqual(page.complaints, []);
  await page.close();
}

/**
 * Where no push service answers the browser, the page says so instead of
 * waiting for ever. In the profile itself: in an incognito one Chromium refuses
 * at once.
 */
export async function noPushHere({ browser, demo }) {
  const page = await newPage(browser, { language: "en-US", context: browser.defaultBrowserContext() });
  await permit(page, demo.origin, "granted");
  await logInto(page, demo.origin, SEEDS[0]);
  await bellIs(page, "off");
  await page.click("#bell");
  await bellIs(page, "none");
  assert.deepEqual(page.complaints, []);
  await page.close();
}

/** A push becomes a notification, and the receipt completes the journey. */
export async function pushIsShown({ browser, demo, author, commenter }) {
  const { seq: post } = await author.post("Will the notification come?");
  const { traceId } = await commenter.comment(author.seq, post, "It will, and it says when.");
  const { eventId } = await until(() => author.call("GET", `/api/trace/${traceId}`), ({ state }) => state === "delivered");

  const page = await newPage(browser);
  await permit(page, demo.origin, "granted");
  await logInto(page, demo.origin, SEEDS[1]);
  const payload = pushFor({ eventId, traceId, post, userId: author.seq, commenter: commenter.name });
  await deliverPush(page, demo.origin, payload);
  const shown = await page.waitForFunction(async () => {
    const registration = await navigator.serviceWorker.ready;
    const notifications = await registration.getNotifications();
    return notifications.length > 0 && notifications.map(({ title, tag }) => ({ title, tag }));
  });
  assert.deepEqual(await shown.jsonValue(), [{ title: payload.title, tag: payload.tag }]);

  const trace = await until(() => author.call("GET", `/api/trace/${traceId}`), ({ state }) => state === "shown");
  assert.equal(trace.steps.at(-1).name, "shown", "the receipt is the journey's last step");
  assert.deepEqual(page.complaints, []);
  await page.close();
}
