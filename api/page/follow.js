// Following one person: everything that is not theirs steps back.

const listeners = new Set();
let followed = null;

/** The key of the person who is followed, or null. */
export const followedKey = () => followed;

/** Follows the person of that key; the same once more, or null, follows nobody. */
export function follow(key) {
  const next = key === null ? null : String(key);
  followed = next === followed ? null : next;
  for (const listener of listeners) listener(followed);
}

/** Calls `listener` with the followed key, now and at every change, until `signal` ends it. */
export function onFollow(listener, signal) {
  listeners.add(listener);
  signal.addEventListener("abort", () => listeners.delete(listener));
  listener(followed);
}
