// Without a mouse: in, a post, a comment, its journey, the other language, the
// other brightness.

import assert from "node:assert/strict";
import { newPage } from "../support/chromium.mjs";
import { pressOn, tabTo, writeInto } from "../support/keyboard.mjs";
import { SEEDS } from "../support/people.mjs";

export async function keyboardOnly({ browser, demo, author }) {
  const { seq: post } = await author.post("What does a partition promise?");
  const page = await newPage(browser, { language: "en-US" });
  await page.goto(demo.origin);

  await logIn(page);
  await writesAPost(page);
  await comments(page, post);
  await looksAtTheJourney(page);
  await changesLanguageAndTheme(page);
  assert.deepEqual(page.complaints, []);
  await page.close();
}

async function logIn(page) {
  await page.waitForSelector("#login, #show-login");
  await pressOn(page, "#show-login");
  await page.waitForSelector("#login", { visible: true });
  await writeInto(page, "#login input[type=email]", SEEDS[0].email);
  await writeInto(page, "#login input[type=password]", SEEDS[0].password);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#composer textarea");
}

async function writesAPost(page) {
  const words = "Written without a mouse.";
  await writeInto(page, "#composer textarea", words);
  await page.keyboard.down("Control");
  await page.keyboard.press("Enter");
  await page.keyboard.up("Control");
  await page.waitForFunction((text) => document.querySelector("article.post")?.textContent.includes(text), {}, words);
}

async function comments(page, post) {
  const field = `article.post[data-post="${post}"] form textarea`;
  await writeInto(page, field, "no");
  await send(page);
  await page.waitForFunction((post) => document.querySelector(`article.post[data-post="${post}"] .refusal:not(:empty)`), {}, post);
  const kept = await page.$eval(field, (area) => area.value);
  assert.equal(kept, "no", "a refused comment stays in its field");

  await page.keyboard.type(", it promises an order.");
  await send(page);
  await page.waitForSelector(`article.post[data-post="${post}"] .cmt .trip`);
  assert.equal(await page.$eval(field, (area) => area.value), "", "a comment that was taken leaves its field");
}

async function send(page) {
  await page.keyboard.down("Control");
  await page.keyboard.press("Enter");
  await page.keyboard.up("Control");
}

async function looksAtTheJourney(page) {
  await pressOn(page, ".cmt .trip");
  await page.waitForSelector("#journey .step.done");
  assert.equal(await focused(page, "#journey"), true, "who opened the journey by keyboard is in it");

  await pressOn(page, "#journey .seg button:nth-child(3)");
  const lit = () => page.$$eval("#journey [data-at].done", (rows) => rows.length);
  assert.equal(await lit(), 1, "step by step begins with one step");
  await pressBackOn(page, "#journey .jctl > button:first-child");
  assert.equal(await lit(), 2, "and goes on by one");

  await tabTo(page, "#journey .cells");
  const lane = () => page.$eval("#journey .cells:focus", (cells) => cells.getAttribute("aria-label"));
  assert.match(await lane(), /^partition 0,/);
  await page.keyboard.press("ArrowDown");
  assert.match(await lane(), /^partition 1,/);
  await page.keyboard.press("ArrowDown");
  const record = () => page.$eval("#journey .cells:focus", (cells) => document.getElementById(cells.getAttribute("aria-activedescendant")).ariaLabel);
  assert.match(await record(), /^@\d+, key 2$/, "the record that came last on its partition is at hand");

  await page.keyboard.press("Escape");
  assert.equal(await focused(page, ".cmt .trip"), true, "Esc leads back to the comment");
}

async function pressBackOn(page, selector) {
  await page.keyboard.down("Shift");
  await pressOn(page, selector);
  await page.keyboard.up("Shift");
}

const focused = (page, selector) => page.evaluate((wanted) => document.activeElement.matches(wanted), selector);

async function changesLanguageAndTheme(page) {
  await page.evaluate(() => document.activeElement.blur());
  await pressOn(page, "#language");
  assert.equal(await page.evaluate(() => document.documentElement.lang), "ko");
  assert.match(await page.$eval("#journey h2", (title) => title.textContent), /여정/);

  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const seen = [await paper()];
  await tabTo(page, "#theme");
  for (let press = 0; press < 3; press += 1) {
    await page.keyboard.press("Enter");
    seen.push(await paper());
  }
  assert.equal(new Set(seen).size, 2, "light and dark take turns");
}
