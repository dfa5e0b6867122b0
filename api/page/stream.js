// The one live connection to the server: a snapshot, then what changes, resumed where it broke.
//
// A status is `{name, since, retryAt?}`: `live`, `connecting` (at first), or `lost`. What is on
// screen stays there while it is lost, and says so.

import { events } from "./sse.js";

/** The server writes a comment every 15 seconds; a connection silent for longer is dead. */
const SILENCE = 40_000;
/** Pauses before the next attempt: from the first to the last, in milliseconds. */
const [PAUSE_FIRST, PAUSE_LAST] = [1_000, 30_000];

const target = new EventTarget();
let run = null;
let status = { name: "connecting", since: Date.now() };
let wake = () => {};

/** How the connection is. */
export const current = () => status;

/**
 * Listens until `signal` ends it, to `snapshot` and `delta` (with the event's data), `gap` (a new
 * snapshot instead of what happened meanwhile: what is on screen must be read again), `status`,
 * and `ended` (the session is over).
 */
export function on(name, listener, signal) {
  target.addEventListener(name, ({ detail }) => listener(detail), { signal });
}

/** Connects, and stays connected until `close`. */
export function open() {
  close();
  run = new AbortController();
  become("connecting");
  stay(run.signal);
}

/** Lets go. */
export function close() {
  run?.abort();
  run = null;
}

/** Does not wait for the next attempt. */
export const retryNow = () => wake();

async function stay(signal) {
  let last = null;
  let pause = PAUSE_FIRST;
  while (!signal.aborted) {
    try {
      for await (const event of connect(last, signal)) {
        if (event === null) continue;
        pause = PAUSE_FIRST;
        become("live");
        if (event.event === "snapshot" && last !== null) tell("gap");
        last = event.id ?? last;
        tell(event.event, JSON.parse(event.data));
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 401) return tell("ended");
    }
    if (signal.aborted) return;
    // Not all pages that a restarted server lost come back in the same instant.
    const wait = pause * (0.5 + Math.random() / 2);
    become("lost", Date.now() + wait);
    await sleep(wait, signal);
    pause = Math.min(pause * 2, PAUSE_LAST);
  }
}

async function* connect(last, signal) {
  const silence = new AbortController();
  let alarm = setTimeout(() => silence.abort(), SILENCE);
  const headers = last === null ? {} : { "last-event-id": last };
  try {
    const both = AbortSignal.any([signal, silence.signal]);
    const answer = await fetch("/api/stream", { headers, signal: both, cache: "no-store" });
    if (!answer.ok) throw Object.assign(new Error(answer.statusText), { status: answer.status });
    for await (const event of events(answer.body)) {
      clearTimeout(alarm);
      alarm = setTimeout(() => silence.abort(), SILENCE);
      yield event;
    }
  } finally {
    clearTimeout(alarm);
  }
}

function sleep(millis, signal) {
  return new Promise((resolve) => {
    wake = resolve;
    setTimeout(resolve, millis);
    signal.addEventListener("abort", resolve, { once: true });
  });
}

function become(name, retryAt) {
  const since = name === status.name ? status.since : Date.now();
  status = { name, since, retryAt };
  tell("status", status);
}

const tell = (name, detail) => target.dispatchEvent(new CustomEvent(name, { detail }));

addEventListener("online", () => wake());
