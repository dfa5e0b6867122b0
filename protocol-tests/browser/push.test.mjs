// Browser push as people have it: the real page in a real Firefox, with the
// profile that `ottla-demo firefox` writes. Firefox itself decrypts; what was
// shown is read from the service worker's registration.
//
// One story: every test begins where the one before it ended.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { startDemo } from "./support/demo.mjs";
import { openFirefox } from "./support/firefox.mjs";
import { person, SEEDS } from "./support/people.mjs";
import { bellState, clearNotifications, fill, notifications, statusOf, subscription, turnOn, until } from "./support/push.mjs";

const JIHUN = { name: "지훈", principal: "jihun@example.com", credentials: "jihun's own" };
const MINJI = { name: "민지", principal: "minji@example.com", credentials: "minji's own" };
/** Long enough that what must not be shown would have been. */
const SILENCE_MS = 1_500;

const stage = {};

before(async () => {
  stage.folder = await mkdtemp(join(tmpdir(), "ottla-push-"));
  stage.demo = await startDemo({ data: join(stage.folder, "data") });
  stage.commenter = await person(stage.demo.origin, SEEDS[0]);
  await open();
});

after(async () => {
  await stage.firefox?.close();
  await stage.demo?.stop();
  if (stage.folder) await rm(stage.folder, { recursive: true, force: true });
});

test("a comment of another user becomes a notification, without a page that is open", async () => {
  stage.jihun = await joins(JIHUN);
  await turnOn(stage.page);
  const { endpoint } = await subscription(stage.page);
  assert.equal(new URL(endpoint).origin, stage.demo.pushService);

  await stage.page.goto("about:blank");
  const comment = await commentOn(stage.jihun);
  const trace = await traceUntil(stage.jihun, comment, "shown");
  await home();
  const [shown, ...more] = await notifications(stage.page);
  assert.deepEqual(more, []);
  assert.match(shown.title, new RegExp(`^${SEEDS[0].name}`));
  assert.equal(shown.target, `/posts/${stage.jihun.ownPost}`);
  assert.equal(shown.tag, tagOf(trace));

  const sent = trace.steps.find(({ name }) => name === "sent");
  assert.equal(sent.status, 201);
  assert.equal(sent.endpoint, endpoint);
  const last = trace.steps.at(-1);
  assert.equal(last.name, "shown");
  assert.equal(last.tag, shown.tag);
});

test("of pushes that arrive side by side each is shown, and its receipt sent", async () => {
  await clearNotifications(stage.page);
  const comments = await Promise.all(Array.from({ length: 8 }, () => commentOn(stage.jihun)));
  const traces = await Promise.all(comments.map((comment) => traceUntil(stage.jihun, comment, "shown")));
  const tags = (await notifications(stage.page)).map(({ tag }) => tag);
  assert.deepEqual(tags.sort(), traces.map(tagOf).sort());
});

test("a browser that was closed shows what it missed when it is back", async () => {
  await clearNotifications(stage.page);
  const { endpoint } = await subscription(stage.page);
  await stage.firefox.close();
  const comment = await commentOn(stage.jihun);
  await open();
  const [missed] = await shownUntil(1);
  const trace = await traceUntil(stage.jihun, comment, "shown");
  assert.equal(missed.tag, tagOf(trace));
  assert.equal((await subscription(stage.page)).endpoint, endpoint);
  await until("the button to know it too", async () => (await bellState(stage.page)) === "on");
});

test("a browser comes back to a push service that was restarted", async () => {
  await clearNotifications(stage.page);
  await restartDemo();
  await commentOn(stage.jihun);
  await shownUntil(1);
});

test("a push service that has lost its memory is told of the browser anew", async () => {
  await clearNotifications(stage.page);
  const { endpoint } = await subscription(stage.page);
  await restartDemo({ forgets: join(stage.folder, "data", "push-service") });
  await until("another subscription", async () => ((await subscription(stage.page))?.endpoint ?? endpoint) !== endpoint);
  await until("the server to know it", async () => (await endpointsOf(stage.jihun)).some((known) => known !== endpoint));
  await commentOn(stage.jihun);
  await shownUntil(1);
});

test("a subscription that ended in the browser alone is pruned by the next push", async () => {
  await clearNotifications(stage.page);
  const { endpoint } = await subscription(stage.page);
  await stage.page.evaluate(async () => {
    const { pushManager } = await navigator.serviceWorker.ready;
    await (await pushManager.getSubscription()).unsubscribe();
  });
  assert.equal(await statusOf(endpoint), 410);
  const comment = await commentOn(stage.jihun);
  const trace = await traceOf(stage.jihun, comment, ({ steps }) => steps.some(({ verdict }) => verdict === "gone"));
  assert.notEqual(trace.state, "shown");
  await until("the row to be pruned", async () => (await endpointsOf(stage.jihun)).length === 0);
  assert.deepEqual(await notifications(stage.page), []);
});

test("the button turns pushes off, and on again", async () => {
  await home();
  await turnOn(stage.page);
  const { endpoint } = await subscription(stage.page);
  await stage.page.click("#bell");
  await until("the button to say off", async () => (await bellState(stage.page)) === "off");
  assert.equal(await subscription(stage.page), null);
  assert.equal(await statusOf(endpoint), 410);
  await until("the row to be gone", async () => (await endpointsOf(stage.jihun)).length === 0);
  await turnOn(stage.page);
});

test("a service worker that does not answer ends nobody's subscription", async () => {
  const { endpoint } = await subscription(stage.page);
  const muted = await stage.page.evaluateOnNewDocument(() => {
    const post = ServiceWorker.prototype.postMessage;
    ServiceWorker.prototype.postMessage = function (message, ...rest) {
      if (message.say !== "whose" || window.answersAgain) post.call(this, message, ...rest);
    };
  });
  await home();
  await until("the button to say that there is no answer", async () => (await bellState(stage.page)) === "late");
  await stage.page.evaluate(() => (window.answersAgain = true));
  await turnOn(stage.page);
  assert.equal((await subscription(stage.page)).endpoint, endpoint);
  await stage.page.removeScriptToEvaluateOnNewDocument(muted.identifier);
});

test("whoever logs in next never gets the pushes of the one before", async () => {
  const { endpoint } = await subscription(stage.page);
  // This push is still under way while its author leaves.
  await fault({ fault: "slow", times: 1, delayMs: 3_000 });
  await commentOn(stage.jihun);
  await pause(200);
  await stage.page.goto(`${stage.demo.origin}/me`);
  await stage.page.waitForSelector("#logout", { visible: true });
  await stage.page.click("#logout");
  await stage.page.waitForSelector("#join", { visible: true });
  assert.equal(await statusOf(endpoint), 410);
  stage.minji = await joins(MINJI);
  await turnOn(stage.page);
  await commentOn(stage.jihun);
  await pause(3_000);
  await commentOn(stage.minji);
  const shown = await shownUntil(1);
  await pause(SILENCE_MS);
  assert.deepEqual(await notifications(stage.page), shown);
  assert.equal(shown[0].target, `/posts/${stage.minji.ownPost}`);
});

test("a push that arrives for somebody else shows nothing", async () => {
  await clearNotifications(stage.page);
  await workerBelievesIn(stage.jihun);
  await commentOn(stage.minji);
  await pause(SILENCE_MS);
  assert.deepEqual(await notifications(stage.page), []);
  await workerBelievesIn(stage.minji);
  await commentOn(stage.minji);
  await shownUntil(1);
});

test("whoever logs in after a session that ended by itself never gets the pushes of the one before", async () => {
  await clearNotifications(stage.page);
  const { endpoint } = await subscription(stage.page);
  await stage.page.deleteCookie(...(await stage.page.cookies()));
  await home();
  await stage.page.waitForSelector("#show-login", { visible: true });
  await commentOn(stage.minji);
  await pause(SILENCE_MS);
  assert.deepEqual(await notifications(stage.page), []);

  await stage.page.click("#show-login");
  const { principal, credentials } = JIHUN;
  await fill(stage.page, "#login", { principal, credentials });
  await turnOn(stage.page);
  assert.notEqual((await subscription(stage.page)).endpoint, endpoint);
  assert.equal(await statusOf(endpoint), 410);
  await commentOn(stage.minji);
  await commentOn(stage.jihun);
  const [shown] = await shownUntil(1);
  await pause(SILENCE_MS);
  assert.deepEqual(await notifications(stage.page), [shown]);
  assert.equal(shown.target, `/posts/${stage.jihun.ownPost}`);
});

/** The same profile is the same browser. */
async function open() {
  stage.firefox = await openFirefox(stage.demo, join(stage.folder, "profile"));
  [stage.page] = await stage.firefox.browser.pages();
}

const home = () => stage.page.goto(stage.demo.origin);

/** Stops everything but Firefox, and starts it where it was. */
async function restartDemo({ forgets } = {}) {
  await stage.demo.stop();
  if (forgets) await rm(forgets, { recursive: true });
  stage.demo = await startDemo({ addresses: stage.demo.addresses, data: join(stage.folder, "data") });
}

/** Joins through the page; the API knows the same person then, with a post and a friend who comments. */
async function joins({ name, principal, credentials }) {
  await fill(stage.page, "#join", { name, principal, credentials });
  await stage.page.waitForSelector("#bell", { visible: true });
  const joined = await person(stage.demo.origin, { email: principal, password: credentials });
  await stage.commenter.call("POST", "/api/user/connections", { address: principal });
  await joined.call("PATCH", "/api/user/connections", { userId: stage.commenter.seq });
  const { seq } = await joined.post("카프카를 직접 만들어 봤어요");
  return { ...joined, ownPost: seq };
}

const commentOn = (author) => stage.commenter.comment(author.seq, author.ownPost, "잘 읽었어요");

const traceUntil = (author, comment, state) => traceOf(author, comment, (trace) => trace.state === state);

/** The journey of a comment, once it is as `is` wants it. */
const traceOf = (author, comment, is) =>
  until("the journey of a comment", async () => {
    const trace = await author.call("GET", `/api/trace?comment=${comment.seq}`);
    return is(trace) && trace;
  });

/** The tag of the notification of a journey's event. */
const tagOf = ({ eventId }) => eventId.replaceAll("-", "");

const shownUntil = (count) =>
  until(`${count} on the screen`, async () => {
    const shown = await notifications(stage.page);
    return shown.length >= count && shown;
  });

async function endpointsOf(user) {
  const subscriptions = await user.call("GET", "/api/subscriptions");
  return subscriptions.map(({ notificationEndPoint }) => notificationEndPoint);
}

const fault = (plan) =>
  fetch(`${stage.demo.pushService}/control/faults`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(plan),
  });

/** As if another tab had logged somebody else in a moment ago. */
const workerBelievesIn = ({ seq }) =>
  stage.page.evaluate(async (user) => {
    const { active } = await navigator.serviceWorker.ready;
    const { port1, port2 } = new MessageChannel();
    const answered = new Promise((resolve) => (port1.onmessage = resolve));
    active.postMessage({ say: "user", user }, [port2]);
    await answered;
  }, seq);
