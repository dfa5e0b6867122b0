// On a phone: nothing scrolls sideways, everything can be hit with a thumb,
// the pages are at the bottom, and the journey is a sheet.

import assert from "node:assert/strict";
import { newPage, PHONE } from "../support/chromium.mjs";
import { settled, sideways, smallTargets } from "../support/layout.mjs";
import { logInto, SEEDS } from "../support/people.mjs";

const TARGET_PIXELS = 36;
/** What no line break helps: the longest name, and a comment without a single space. */
const UNBROKEN = "가나다라마바사아자차카타파하".repeat(35);

export async function onAPhone({ browser, demo, author, commenter }) {
  const { seq: post } = await author.post(UNBROKEN);
  const { traceId } = await commenter.comment(author.seq, post, UNBROKEN);
  const page = await newPage(browser, { viewport: PHONE });
  await page.goto(demo.origin);
  await page.waitForSelector("#login, #join");
  await fits(page, "the welcome page");

  await logInto(page, demo.origin, SEEDS[0]);
  await page.waitForSelector(".cmt .trip");
  await fits(page, "the square");
  await pagesAtTheBottom(page);
  await journeyIsASheet(page);
  await opensAfterSending(page);

  for (const path of ["/me", `/posts/${post}`, `/trace/${traceId}`, "/trace/00000000000000000000000000000000"]) {
    await page.goto(demo.origin + path);
    await page.waitForSelector("main h1, main h2");
    await page.waitForNetworkIdle({ idleTime: 100, concurrency: 1 });
    await fits(page, path);
  }
  assert.deepEqual(page.complaints, []);
  await page.close();
}

async function fits(page, where) {
  assert.equal(await sideways(page), 0, `${where} scrolls sideways`);
  assert.deepEqual(await smallTargets(page, TARGET_PIXELS), [], `${where} has small targets`);
}

async function pagesAtTheBottom(page) {
  const tabs = await page.$eval("nav.tabs", (nav) => {
    const { bottom } = nav.getBoundingClientRect();
    return { shown: nav.checkVisibility(), atTheBottom: Math.round(bottom) === innerHeight };
  });
  assert.deepEqual(tabs, { shown: true, atTheBottom: true });
}

async function journeyIsASheet(page) {
  const open = () => page.$eval("#journey", (sheet) => sheet.classList.contains("open"));
  assert.equal(await open(), false, "it is closed at first");

  const ways = {
    "its grip": () => page.tap("#journey .sheetgrip"),
    Esc: () => page.keyboard.press("Escape"),
    "a swipe down": () => swipeDown(page),
  };
  for (const [way, close] of Object.entries(ways)) {
    await page.tap(".cmt .trip");
    await page.waitForSelector("#journey.open .step.done");
    await settled(page);
    assert.equal(await page.$eval("#feed", (feed) => feed.closest("[inert]") !== null), true, "what is behind it cannot be reached");
    await fits(page, "the sheet");
    await close();
    await settled(page);
    assert.equal(await open(), false, `${way} closes it`);
    assert.equal(await page.$eval("#feed", (feed) => feed.closest("[inert]")), null, "what was behind it is back");
  }
}

async function opensAfterSending(page) {
  await page.tap(".cform textarea");
  await page.keyboard.type("Where does this one go?");
  await page.tap(".cform button[type=submit]");
  await page.waitForSelector("#journey.open .step.done");
  await page.waitForFunction(() => document.querySelector("#journey .q").textContent.includes("Where does this one go?"));
  await page.keyboard.press("Escape");
  await settled(page);
}

async function swipeDown(page) {
  const grip = await page.$("#journey .sheetgrip");
  const { x, y, width, height } = await grip.boundingBox();
  const finger = await page.touchscreen.touchStart(x + width / 2, y + height / 2);
  for (const down of [40, 80, 120, 160]) await finger.move(x + width / 2, y + height / 2 + down);
  // Chromium takes the first tap for the end of a fling, if the finger leaves with speed.
  await new Promise((resolve) => setTimeout(resolve, 200));
  await finger.end();
}
