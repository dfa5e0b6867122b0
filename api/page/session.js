// Who uses this page: logging in and out, in this tab and in the others of the browser.

import { ApiError, call } from "./api.js";
import * as push from "./push.js";
import * as worker from "./worker.js";

const others = new BroadcastChannel("session");
let user = null;

/** The user, or null. */
export const current = () => user;

/** Asks the server who is logged in. */
export async function restore() {
  others.onmessage = () => location.reload();
  become(await call("GET", "/api/auth"));
}

/** Logs in with `{principal, credentials}`. */
export async function logIn(credentials) {
  begin((await call("POST", "/api/auth", credentials)).user);
}

/** Joins with `{name, principal, credentials}`, and is logged in at once. */
export async function join(form) {
  begin((await call("POST", "/api/user/join", form)).user);
}

/**
 * Logs out. This browser gives up its pushes first: whoever logs in next must never get those of
 * the one before. Nothing of the former user's stays in the page, which starts again.
 */
export async function logOut() {
  await push.leave();
  await call("DELETE", "/api/auth").catch(nobody);
  await become(null);
  others.postMessage("changed");
  location.assign("/");
}

/** The session is over on the server already. */
export async function expired() {
  await become(null);
  location.reload();
}

/** The user as the server knows it now. */
export function changed(next) {
  user = next;
}

function begin(next) {
  become(next);
  others.postMessage("changed");
}

/** Resolves once the service worker knows it too. */
async function become(next) {
  user = next;
  await worker.tell({ say: "user", user: next?.seq ?? null });
}

function nobody(error) {
  if (error instanceof ApiError && error.status === 401) return null;
  throw error;
}
