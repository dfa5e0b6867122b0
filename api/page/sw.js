// The service worker: shows pushes, opens what they are about, says that they were shown.
//
// It may be stopped after every event, so whatever it must know lies in its database: who is
// logged in here, whose subscription this is, and receipts that did not get through yet.

const DATABASE = "ottla";
const RECEIPTS_MAX = 50;
/** Pauses before the server is asked again, in milliseconds; receipts wait for the next event then. */
const PAUSES = [0, 1_000, 4_000];

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("push", (event) => event.waitUntil(pushed(event.data)));
self.addEventListener("notificationclick", (event) => event.waitUntil(clicked(event.notification)));
self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(resubscribe(event)));
self.addEventListener("message", (event) => event.waitUntil(answer(event)));

/** Shows a push to the one it is for, and to nobody else who uses this browser. */
async function pushed(data) {
  const push = parse(data);
  if (push === null || !(await isForWhoeverIsHere(push))) return;
  await self.registration.showNotification(push.title, {
    body: push.body ?? "",
    // One event, one notification: what a crash repeats replaces the first.
    tag: push.tag,
    icon: "/page/icon-192.png",
    badge: "/page/icon-192.png",
    data: { target: push.target },
  });
  await keepReceipt({
    eventId: push.eventId,
    traceparent: push.traceparent,
    tag: push.tag,
    shownAt: moment(),
  });
  await sendReceipts();
}

function parse(data) {
  try {
    const push = data.json();
    return typeof push?.title === "string" ? push : null;
  } catch {
    return null;
  }
}

async function isForWhoeverIsHere(push) {
  const user = await whoIsHere();
  return user !== undefined && (push.userId === undefined || push.userId === user);
}

/** The user whom pages told of; before any page has, the one whose session the server knows. */
async function whoIsHere() {
  const told = await read("user");
  if (told !== undefined) return told;
  const answer = await fetch("/api/auth").then((found) => found.json()).catch(() => ({}));
  const user = answer.response?.seq;
  await write("user", user);
  return user;
}

/** Leads an open page to what the notification is about, or opens one. */
async function clicked(notification) {
  notification.close();
  const target = new URL(notification.data?.target ?? "/", self.location.origin);
  if (target.origin !== self.location.origin) return;
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const page = pages.find((one) => one.focused) ?? pages[0];
  if (page === undefined) {
    await self.clients.openWindow(target.href);
  } else {
    await page.focus();
    page.postMessage({ open: target.pathname });
  }
  await sendReceipts();
}

/**
 * The browser replaced its subscription: the new one goes to the server. Whatever broke the old
 * one may have hit the server too, so it gets some time to come back.
 */
async function resubscribe(event) {
  for (const pause of PAUSES) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    const owner = await read("owner");
    if (owner === undefined || owner !== (await read("user"))) return;
    if (await tellOf(event).catch(() => false)) return;
  }
}

/** Whether the server knows this browser's subscription now, or never will. */
async function tellOf(event) {
  const options = event.oldSubscription?.options ?? {
    userVisibleOnly: true,
    applicationServerKey: (await (await fetch("/api/push/key")).json()).response,
  };
  const subscription = event.newSubscription ?? (await self.registration.pushManager.subscribe(options));
  const { endpoint, keys } = subscription.toJSON();
  const { status } = await post("/api/subscribe", { notificationEndPoint: endpoint, publicKey: keys.p256dh, auth: keys.auth });
  return !mayBeTakenLater(status);
}

/** What pages say. Every answer means that it is kept. */
async function answer({ data, ports }) {
  const reply = await {
    user: () => become(data.user ?? undefined),
    owner: () => write("owner", data.owner ?? undefined),
    whose: () => read("owner"),
    receipts: () => sendReceipts(),
  }[data?.say]?.();
  ports[0]?.postMessage(reply ?? null);
}

/** Another user, or nobody, is here now: what was shown to the one before goes. */
async function become(user) {
  const before = await read("user");
  if (before !== undefined && before !== user) {
    for (const shown of await self.registration.getNotifications()) shown.close();
  }
  await write("user", user);
}

// Receipts

/** Now, to the microsecond as far as the browser tells. */
function moment() {
  const millis = performance.timeOrigin + performance.now();
  const micros = String(Math.floor((millis % 1) * 1000)).padStart(3, "0");
  return new Date(millis).toISOString().replace("Z", `${micros}Z`);
}

async function keepReceipt(receipt) {
  if (receipt.eventId === undefined) return;
  await changeReceipts((kept) => [...kept.filter((one) => one.eventId !== receipt.eventId), receipt].slice(-RECEIPTS_MAX));
}

const receipts = async () => (await read("receipts")) ?? [];

/** Sends every receipt that is kept; what is not taken now stays for the next event. */
async function sendReceipts() {
  for (const pause of PAUSES) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    const sent = await Promise.all((await receipts()).map(send));
    const done = new Set(sent.filter((one) => one !== null));
    await changeReceipts((kept) => kept.filter((one) => !done.has(one.eventId)));
    if ((await receipts()).length === 0) return;
  }
}

/** The event's id when the server has taken its receipt or never will; null when it may later. */
async function send(receipt) {
  try {
    const { status } = await post("/api/push/receipt", receipt);
    return mayBeTakenLater(status) ? null : receipt.eventId;
  } catch {
    return null;
  }
}

const mayBeTakenLater = (status) => status >= 500 || status === 429 || status === 401;

const post = (path, body) =>
  fetch(path, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } });

// The database: one store of named values.

function open() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("values");
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}

async function use(mode, act) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction("values", mode);
      const request = act(transaction.objectStore("values"));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

const read = (name) => use("readonly", (values) => values.get(name));
const write = (name, value) =>
  use("readwrite", (values) => (value === undefined ? values.delete(name) : values.put(value, name)));

/** In one transaction: pushes come side by side, and none may lose the receipt of another. */
const changeReceipts = (change) =>
  use("readwrite", (values) => {
    const reading = values.get("receipts");
    reading.onsuccess = () => values.put(change(reading.result ?? []), "receipts");
    return reading;
  });
