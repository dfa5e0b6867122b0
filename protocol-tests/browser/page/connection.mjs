// The server goes away and comes back: the page says so meanwhile, and then
// shows what it missed, without being loaded again.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newPage } from "../support/chromium.mjs";
import { startDemo } from "../support/demo.mjs";
import { logInto, person, SEEDS } from "../support/people.mjs";

export async function serverAway({ browser }) {
  const data = await mkdtemp(join(tmpdir(), "ottla-browser-"));
  let demo = await startDemo({ data });
  try {
    const page = await newPage(browser, { language: "en-US" });
    await logInto(page, demo.origin, SEEDS[0]);
    await page.waitForSelector("#verdict");
    await page.evaluate(() => (window.loadedOnce = true));

    await demo.stop("SIGKILL");
    await page.waitForSelector("#lost", { visible: true, timeout: 10_000 });
    assert.match(await page.$eval("#lost", (strip) => strip.textContent), /old picture/);
    assert.equal(await page.$eval("main", (main) => main.classList.contains("stale")), true, "the old picture loses its colour");

    demo = await startDemo({ addresses: demo.addresses, data });
    const author = await person(demo.origin, SEEDS[1]);
    const words = "Written while the page was looking for the server.";
    await author.post(words);
    await page.waitForFunction(
      (text) => document.querySelector("#lost").hidden && document.querySelector("#feed").textContent.includes(text),
      { timeout: 15_000 },
      words,
    );
    assert.equal(await page.evaluate(() => window.loadedOnce), true, "the page was not loaded again");
    assert.deepEqual(page.complaints, []);
    await page.close();
  } finally {
    await demo.stop().catch(() => {});
    await rm(data, { recursive: true, force: true });
  }
}
