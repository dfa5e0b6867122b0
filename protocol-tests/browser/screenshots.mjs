// The README's pictures, made on demand: `npm run screenshots`. Everything in
// them happened: the comment was written on the page that is pictured, went
// through the broker, and its notification was shown in another browser.
//
// Needs pngquant, which makes the files small.

import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DESKTOP, newPage, PHONE, startChromium } from "./support/chromium.mjs";
import { startDemo } from "./support/demo.mjs";
import { startDevice } from "./support/device.mjs";
import { logInto } from "./support/people.mjs";
import { until } from "./support/until.mjs";
import { settleVillage } from "./support/village.mjs";
import { deliverPush, permit, pushFor } from "./support/worker.mjs";

const FOLDER = fileURLToPath(new URL("../../docs/images/", import.meta.url));
const WORDS = "저도 어제 해 봤는데, A4는 정말 아무것도 안 읽더라고요.";

const PICTURES = [
  { file: "square.png", look: { viewport: DESKTOP, theme: "light", language: "ko-KR" } },
  { file: "square-dark.png", look: { viewport: DESKTOP, theme: "dark", language: "en-US" } },
  { file: "phone.png", look: { viewport: PHONE, theme: "dark", language: "ko-KR" }, sheet: true },
];

const data = await mkdtemp(join(tmpdir(), "ottla-pictures-"));
let demo = await startDemo({ seeds: false, data });
const browser = await startChromium();
try {
  await mkdir(FOLDER, { recursive: true });
  const { people, post } = await settleVillage(demo.origin);
  // The figures in the pictures are those of a server that was started, not of one that settled a village.
  await demo.stop();
  demo = await startDemo({ seeds: false, data, addresses: demo.addresses });
  const [jihun, , minji] = people;
  const device = await startDevice(demo.pushService, jihun);
  await commentIsShown({ post: post.seq, jihun, minji });
  for (const picture of PICTURES) await take(picture, minji);
  device.close();
} finally {
  await browser.close();
  await demo.stop();
  await rm(data, { recursive: true, force: true });
}

/** Minji's comment, and its notification in Jihun's browser, which is open all the while. */
async function commentIsShown({ post, jihun, minji }) {
  const page = await newPage(browser);
  await permit(page, demo.origin, "granted");
  await logInto(page, demo.origin, jihun);
  await page.waitForNetworkIdle({ idleTime: 300, concurrency: 1 });
  const { traceId } = await minji.comment(jihun.seq, post, WORDS);
  const trace = () => jihun.call("GET", `/api/trace/${traceId}`);
  const { eventId } = await until(trace, ({ state }) => state === "delivered");
  await deliverPush(page, demo.origin, pushFor({ eventId, traceId, post, userId: jihun.seq, commenter: minji.name }));
  await until(trace, ({ state }) => state === "shown");
  await page.close();
}

async function take({ file, look, sheet }, viewer) {
  const page = await newPage(browser, { ...look, calm: true });
  await logInto(page, demo.origin, viewer);
  await page.waitForSelector(".cmt .trip");
  await page.click(".cmt .trip");
  await page.waitForSelector("#journey .step.done");
  if (!sheet) await page.evaluate(() => (document.activeElement.blur(), scrollTo(0, 0)));
  await page.waitForNetworkIdle({ idleTime: 300, concurrency: 1 });
  await writeFile(FOLDER + file, smaller(await page.screenshot()));
  await page.close();
}

/** At most 128 colours: the page has fewer. */
function smaller(png) {
  return execFileSync("pngquant", ["--speed", "1", "--strip", "128", "-"], { input: png, maxBuffer: 1 << 24 });
}
