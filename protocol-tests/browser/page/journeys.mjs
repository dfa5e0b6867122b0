// The journey in the states that a running demo shows only when something
// breaks: the page's own module, fed with traces of every kind.

import assert from "node:assert/strict";
import { newPage } from "../support/chromium.mjs";
import { trace } from "../support/trace.mjs";

/** A page with a journey of `traces`, each shown by `window.show(index)`. */
async function journeys(stage, traces, look) {
  const page = await newPage(stage.browser, { language: "en-US", calm: true, ...look });
  await page.goto(stage.demo.origin);
  await page.evaluate(async (all) => {
    const { journey } = await import("/page/journey.js");
    const root = document.createElement("aside");
    root.className = "journey";
    document.body.replaceChildren(root);
    const fetchTrace = async (id) => all[id] ?? Promise.reject({ status: 404 });
    window.view = journey(root, { fetchTrace, backend: () => ({ kind: "ottla", brokers: 3 }), signal: new AbortController().signal });
    window.all = all;
  }, traces);
  return page;
}

async function show(page, index) {
  await page.evaluate((id) => window.view.show(id), index);
  await page.waitForFunction(() => document.querySelector(".journey [data-at], .journey .blank h3"));
}

const texts = (page, selector) => page.$$eval(selector, (found) => found.map((one) => one.textContent));

export async function everyStep(stage) {
  const page = await journeys(stage, [trace()]);
  await show(page, 0);
  assert.deepEqual(await texts(page, ".step h4"), [
    "Request", "Row", "Bus event", "Reply 200", "Kafka record", "Consumer", "Push", "Commit", "Shown",
  ]);
  assert.deepEqual(await texts(page, ".hop b"), ["Produce", "Fetch", "Web Push"]);
  assert.deepEqual(await texts(page, ".step .t"), ["+0.0", "+3.8", "+4.3", "+6.1", "≈10.1", "+12.6", "+13.4", "+31.0", "≈38.2"]);
  assert.deepEqual(await texts(page, ".jtotal b"), ["38.2"]);
  assert.deepEqual(await texts(page, ".fallkey b"), ["6.1", "2.1", "3.2", "21.6", "5.2"]);
  assert.equal(await page.$$eval(".step.done, .hop.done", (rows) => rows.length), 12, "without motion everything is lit at once");
  assert.equal(await page.$eval(".minilane .hit", (cell) => cell.getAttribute("aria-label")), "@318, key 4");

  await page.click(".jctl .quiet");
  assert.equal((await texts(page, ".journey tbody tr")).length, 11, "the table has a row for each step");
  assert.deepEqual(page.complaints, []);
  await page.close();
}

export async function nothingIsInvented(stage) {
  const sparse = (one) => {
    const { brokers, replicas, inSync, member, generation, waitedMillis, devices, ...rest } = one;
    return rest;
  };
  const page = await journeys(stage, [
    trace({ state: "waiting", last: "answered" }),
    trace({ state: "delivered", last: "offsetCommitted" }),
    trace({ change: sparse }),
  ]);
  await show(page, 0);
  assert.deepEqual(await texts(page, ".step.waiting h4"), ["Kafka record", "Consumer", "Push", "Commit", "Shown"]);
  assert.deepEqual(await texts(page, ".step.waiting .t"), ["", "", "", "", ""], "what has not come has no moment");
  assert.deepEqual(await texts(page, ".jtotal .tag"), ["waiting"]);
  assert.equal(await page.$$eval(".step.waiting.done", (rows) => rows.length), 0);

  await show(page, 1);
  assert.deepEqual(await texts(page, ".step.waiting h4"), ["Shown"]);

  await show(page, 2);
  const all = await page.$eval(".journey", (panel) => panel.textContent);
  assert.doesNotMatch(all, /undefined|NaN|null|ISR|gen|waiting/);
  await page.close();
}

export async function aFailureEndsTheWay(stage) {
  const refused = (one) =>
    one.name === "sent" ? { ...one, status: 403, verdict: "dead", tries: 5, failed: "the push service does not take this key" } : one;
  const oneOfTwo = (one) => (one.name === "sent" ? [{ ...one, status: 410, verdict: "gone", failed: "gone" }, one] : one);
  const page = await journeys(stage, [trace({ state: "dead", last: "offsetCommitted", change: refused }), trace({ change: oneOfTwo })]);
  await show(page, 0);
  assert.deepEqual(await texts(page, ".step.failed h4"), ["Push"]);
  assert.deepEqual(await texts(page, ".step.failed .why"), ["the push service does not take this key"]);
  assert.equal((await texts(page, ".step h4")).at(-1), "Push", "nothing is drawn behind it");
  const brick = await page.evaluate(() => {
    const [title] = document.querySelectorAll(".step.failed h4");
    const probe = title.parentElement.appendChild(document.createElement("i"));
    probe.style.color = "var(--brick)";
    const [seen, wanted] = [title, probe].map((node) => getComputedStyle(node).color);
    probe.remove();
    return seen === wanted;
  });
  assert.equal(brick, true, "it turns brick");

  await show(page, 1);
  assert.equal((await texts(page, ".step h4")).at(-1), "Shown", "one device of two is no end");
  await page.close();
}

export async function growsWhileItHappens(stage) {
  const own = "http://127.0.0.1:7070/wpush/v2/secret";
  const ofMine = (one) => (one.name === "sent" ? { ...one, endpoint: own, consoleLine: `${own} -> “민지가 코멘트를 달았습니다.”푸쉬발송` } : one);
  const later = [trace({ state: "delivered", last: "offsetCommitted", change: ofMine }), trace({ change: ofMine })];
  const page = await journeys(stage, [trace({ state: "waiting", last: "answered" })]);
  const grow = (next) =>
    page.evaluate((trace) => {
      window.all[0] = trace;
      window.view.update([0]);
    }, next);
  await show(page, 0);
  assert.deepEqual(await texts(page, ".step.now h4"), ["Reply 200"], "the last step so far is ringed");

  await page.focus(".jctl button");
  await grow(later[0]);
  await page.waitForSelector(".line summary");
  assert.equal(await page.$eval(".jctl button", (button) => button === document.activeElement), true, "growing takes no focus");
  const secret = () => page.$eval("details.line code", (code) => code.checkVisibility());
  assert.equal(await secret(), false, "one's own endpoint is folded");
  await page.focus("details.line summary");
  await page.keyboard.press("Enter");
  assert.equal(await secret(), true, "and can be unfolded");

  await grow(later[1]);
  await page.waitForSelector(".toast");
  assert.equal(await secret(), true, "growing folds nothing");
  assert.equal(await page.$eval("details.line summary", (summary) => summary === document.activeElement), true, "and keeps the focus in it");
  assert.deepEqual(await texts(page, ".step.waiting"), []);
  assert.deepEqual(page.complaints, []);
  await page.close();
}

export async function textIsNeverMarkup(stage) {
  const contents = `<img src=x onerror="document.title='owned'"><b>bold</b>`;
  const page = await journeys(stage, [trace({ contents, partitions: 50 })]);
  await show(page, 0);
  assert.match(await page.$eval(".jhead .q", (line) => line.textContent), /<img src=x/);
  assert.equal(await page.$$eval(".journey img, .jhead .q b", (found) => found.length), 0);
  assert.equal((await texts(page, ".minilane .l")).length, 1, "of fifty partitions only its own is drawn");
  assert.match(await page.$eval(".minilane p", (line) => line.textContent), /49/);
  await show(page, 99);
  assert.deepEqual(await texts(page, ".journey .blank h3"), ["Not yours to see"]);
  assert.deepEqual(page.complaints, []);
  await page.close();
}

export async function playedAtItsOwnMoments(stage) {
  const page = await journeys(stage, [trace()], { calm: false });
  await page.evaluate(() => {
    window.seen = [];
    const look = () => {
      const lit = document.querySelectorAll(".step.done").length;
      if (lit > 0 && lit < 9) window.seen.push([lit, Number(document.querySelector(".jtotal b").textContent)]);
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  await show(page, 0);
  await page.waitForFunction(() => document.querySelectorAll(".step.done").length === 9);
  const seen = await page.evaluate(() => window.seen);
  const moments = [0, 3.8, 4.3, 6.1, 10.1, 12.6, 13.4, 31, 38.2];
  assert.ok(seen.length > 20, `it plays in many frames, not in ${seen.length}`);
  for (const [lit, shown] of seen) {
    // The figure has one decimal.
    assert.ok(moments[lit - 1] <= shown + 0.1 && shown - 0.1 <= moments[lit], `${lit} steps are lit at ${shown} ms`);
  }
  assert.deepEqual(await texts(page, ".jtotal b"), ["38.2"]);
  await page.close();
}
