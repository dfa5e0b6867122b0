// With a mouse: a press meets what was under it when it began.

import assert from "node:assert/strict";
import { newPage } from "../support/chromium.mjs";
import { logInto, SEEDS } from "../support/people.mjs";

export async function noClickIsLost({ browser, demo, author }) {
  await author.post("a post to press on");
  const page = await newPage(browser);
  await logInto(page, demo.origin, SEEDS[1]);
  await page.waitForSelector(".post .act");
  await page.focus("#composer textarea");
  await page.waitForSelector("#composer button[type=submit]", { visible: true });
  const like = await page.$(".post .act");
  const before = await like.evaluate((button) => button.textContent);
  // As long as a hand takes; the field loses the focus when the press begins.
  await like.click({ delay: 150 });
  await page.waitForFunction((button, text) => button.textContent !== text, {}, like, before);
  await page.waitForSelector("#composer button[type=submit]", { hidden: true });
  assert.deepEqual(page.complaints, []);
  await page.close();
}
