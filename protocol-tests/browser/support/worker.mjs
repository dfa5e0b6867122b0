// The service worker of a page, through Chromium's debugger: its permission,
// and a push handed to it as if the browser had decrypted it.

/** Sets the notification permission of `origin` for the page's context: granted, denied or prompt. */
export async function permit(page, origin, setting) {
  const debug = await page.createCDPSession();
  const { targetInfo } = await debug.send("Target.getTargetInfo");
  await debug.send("Browser.setPermission", {
    permission: { name: "notifications" },
    setting,
    origin,
    browserContextId: targetInfo.browserContextId,
  });
}

/** Hands `payload` to the active worker of `origin`, as soon as it knows who is logged in. */
export async function deliverPush(page, origin, payload) {
  await page.waitForFunction(workerKnowsTheUser, { polling: 50 });
  const debug = await page.createCDPSession();
  const registered = new Promise((resolve) => {
    debug.on("ServiceWorker.workerVersionUpdated", ({ versions }) => {
      const active = versions.find(({ status, scriptURL }) => status === "activated" && scriptURL.startsWith(origin));
      if (active) resolve(active.registrationId);
    });
  });
  await debug.send("ServiceWorker.enable");
  const registrationId = await registered;
  await debug.send("ServiceWorker.deliverPushMessage", { origin, registrationId, data: JSON.stringify(payload) });
  await debug.detach();
}

/** What the push service sends for a comment, in the fields that the worker reads. */
export function pushFor({ eventId, traceId, post, userId, commenter }) {
  return {
    title: `${commenter}님이 댓글을 달았어요.`,
    body: "한번 확인해 보세요.",
    tag: eventId.replaceAll("-", ""),
    target: `/posts/${post}`,
    eventId,
    traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
    userId,
  };
}

/** In the page: what the worker keeps for itself. */
async function workerKnowsTheUser() {
  const names = await indexedDB.databases();
  if (!names.some(({ name }) => name === "ottla")) return false;
  return new Promise((resolve) => {
    indexedDB.open("ottla").onsuccess = ({ target: { result: database } }) => {
      const asked = database.transaction("values").objectStore("values").get("user");
      asked.onsuccess = () => (database.close(), resolve(asked.result !== undefined));
    };
  });
}
