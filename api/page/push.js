// Browser push on this device: subscribing, keeping the subscription true, leaving. No elements.
//
// A state is `{name}`, one of
//   off · asking · sending · on {seq, millis} · late {status} · blocked · none {reason}

import { ApiError, call, exchange } from "./api.js";
import * as worker from "./worker.js";

/** How long the browser's own push service may take, in milliseconds. Some never answer. */
const PATIENCE = 10_000;
/** When the browser is asked again: Firefox forgets a question that comes while it starts. */
const AGAIN = 2_000;
/** How long the service worker may take to say whose subscription this is; it may start with its browser. */
const WORKER_PATIENCE = 6_000;

const listeners = new Set();
let state = { name: "off" };
let subscription = null;

/** The state. */
export const current = () => state;

/** Calls `listener` with every new state until `signal` ends it. */
export function onChange(listener, signal) {
  listeners.add(listener);
  signal.addEventListener("abort", () => listeners.delete(listener));
}

/** Finds out how things are, without asking anybody anything. */
export async function look(user) {
  become({ name: "off" });
  const missing = unsupported();
  if (missing) return become({ name: "none", reason: missing });
  if (Notification.permission === "denied") return become({ name: "blocked" });
  subscription = await existing();
  if (subscription === null) return;
  const owner = await ownerHere();
  // Silence is no other owner. A press asks again.
  if (owner === undefined) return become({ name: "late" });
  if (owner !== user.seq) return forget();
  // Told again: the server may have lost it, and a key that changed is noticed here.
  await settle(user);
}

/** A person asks for pushes. */
export async function turnOn(user) {
  const missing = unsupported();
  if (missing) return become({ name: "none", reason: missing });
  become({ name: "asking" });
  const permission = await Notification.requestPermission();
  if (permission === "denied") return become({ name: "blocked" });
  if (permission !== "granted") return become({ name: "off" });
  subscription ??= await existing();
  if (subscription !== null && (await ownerHere()) !== user.seq) await forget();
  await settle(user);
}

/** A person wants no more pushes here. */
export async function turnOff() {
  const seq = state.seq;
  become({ name: "sending" });
  await forget();
  // What the server still holds when it is not reached goes with its next push: that finds nobody.
  if (seq !== undefined) await call("DELETE", `/api/subscriptions/${seq}`).catch(() => {});
}

/** Before logging out: nothing may arrive here for the one who leaves. */
export async function leave() {
  subscription ??= await existing();
  if (subscription !== null) await turnOff();
  await worker.tell({ say: "owner", owner: null });
}

function unsupported() {
  if (!isSecureContext) return "insecure";
  const has = worker.supported() && "PushManager" in window && "Notification" in window;
  return has ? null : "missing";
}

/** Whose subscription this browser has; null for nobody's, undefined when the worker does not answer. */
const ownerHere = () => worker.tell({ say: "whose" }, WORKER_PATIENCE);

async function existing() {
  const registration = await worker.ready();
  if (registration === null) return null;
  return (await insist(() => registration.pushManager.getSubscription())) ?? null;
}

/** Browser and server agree afterwards, or the state says why not. */
async function settle(user) {
  become({ name: "sending" });
  try {
    const key = await call("GET", "/api/push/key");
    if (subscription !== null && !hasKey(subscription, key)) {
      await subscription.unsubscribe();
      subscription = null;
    }
    subscription ??= await subscribe(key);
    await worker.tell({ say: "owner", owner: user.seq });
    become(await tellServer());
  } catch (error) {
    become(failure(error));
  }
}

async function subscribe(key) {
  const registration = await worker.ready();
  if (registration === null) throw new DOMException("no service worker", "AbortError");
  const given = await insist(() => registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }));
  if (given === undefined) throw new DOMException("no answer in time", "AbortError");
  return given;
}

/** The first answer to a question that is asked again and again; undefined when nothing answers. */
async function insist(ask) {
  const asked = [];
  for (let waited = 0; waited < PATIENCE; waited += AGAIN) {
    asked.push(ask());
    const answer = await worker.within(Promise.race(asked), AGAIN, undefined);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

async function tellServer() {
  const { endpoint, keys } = subscription.toJSON();
  const body = { notificationEndPoint: endpoint, publicKey: keys.p256dh, auth: keys.auth };
  const { response, headers } = await exchange("POST", "/api/subscribe", body);
  return { name: "on", seq: response.seq, millis: Number(headers.get("kafka-round-trip-ms")) };
}

function failure(error) {
  if (error.name === "NotAllowedError") return { name: "blocked" };
  if (!(error instanceof ApiError)) return { name: "none", reason: "service" };
  if (error.status === 400) return { name: "none", reason: "refused" };
  if (error.status === 409) return { name: "none", reason: "many" };
  return { name: "late", status: error.status };
}

async function forget() {
  await subscription?.unsubscribe().catch(() => {});
  subscription = null;
  await worker.tell({ say: "owner", owner: null });
  become({ name: "off" });
}

function hasKey(existing, key) {
  const bytes = new Uint8Array(existing.options.applicationServerKey ?? new ArrayBuffer(0));
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "") === key;
}

function become(next) {
  state = next;
  for (const listener of listeners) listener(state);
}
