// What axe-core finds on every page and in every state, in both themes and
// both languages: nothing serious.

import assert from "node:assert/strict";
import { severeFindings } from "../support/axe.mjs";
import { DESKTOP, newPage, PHONE } from "../support/chromium.mjs";
import { settled } from "../support/layout.mjs";
import { logInto, SEEDS } from "../support/people.mjs";

const LOOKS = [
  { viewport: DESKTOP, theme: "light", language: "ko-KR", calm: true },
  { viewport: DESKTOP, theme: "dark", language: "en-US", calm: true },
  { viewport: PHONE, theme: "dark", language: "ko-KR", calm: true },
];

export async function nothingSevere({ browser, demo, author, commenter }) {
  const { seq: post } = await author.post("For everyone, readers of screens included?");
  const { traceId } = await commenter.comment(author.seq, post, "For them first.");
  for (const look of LOOKS) {
    const page = await newPage(browser, look);
    const judge = async (state) => {
      await settled(page);
      const findings = await severeFindings(page);
      assert.deepEqual(findings, [], `${state}, ${look.theme}, ${look.language}, ${look.viewport.width} px`);
    };
    const open = async (path, selector) => {
      await page.goto(demo.origin + path);
      await page.waitForSelector(selector);
    };

    await open("/", "#login, #join");
    await judge("the welcome page");
    await logInto(page, demo.origin, SEEDS[0]);
    await page.waitForSelector(".cmt .trip");
    await judge("the square");
    await page.click(".cmt .trip");
    await page.waitForSelector("#journey .step.done");
    await judge("a journey beside the square");
    await page.evaluate(() => document.querySelector("#journey .jctl .quiet").click());
    await page.waitForSelector("#journey table");
    await judge("a journey as a table");
    await open(`/trace/${traceId}`, "main .step.done");
    await judge("a journey alone");
    await open("/trace/00000000000000000000000000000000", "main .blank");
    await judge("a journey that is not there");
    await open(`/posts/${post}`, "main article.post");
    await judge("one post");
    await open("/me", "#devices");
    await judge("/me");
    assert.deepEqual(page.complaints, []);
    await page.close();
  }
}
