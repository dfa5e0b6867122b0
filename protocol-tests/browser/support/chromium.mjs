// A headless Chromium of the system, and pages that keep a list of everything
// a page should never say. Never judges by itself: the tests do.

import { existsSync } from "node:fs";
import puppeteer from "puppeteer-core";

const PLACES = [
  process.env.CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** Starts Chromium; `close()` ends it. Root needs --no-sandbox, as in a container. */
export async function startChromium() {
  const executablePath = PLACES.find((place) => place && existsSync(place));
  if (!executablePath) throw new Error("no Chromium found: install Debian's package chromium, or set CHROMIUM");
  const root = process.getuid?.() === 0;
  return puppeteer.launch({
    executablePath,
    headless: true,
    args: [...(root ? ["--no-sandbox"] : []), "--disable-dev-shm-usage", "--force-color-profile=srgb"],
  });
}

export const DESKTOP = { width: 1440, height: 1000 };
export const PHONE = { width: 390, height: 844, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

/**
 * A page in a context of its own: its own cookies, storage and service worker,
 * as in an incognito window, unless `context` is given.
 *
 * `page.complaints` gathers errors on the console, exceptions nobody caught and
 * violations of the content security policy.
 */
export async function newPage(browser, { viewport = DESKTOP, theme = "light", language = "ko-KR", calm = false, context } = {}) {
  const page = await (context ?? (await browser.createBrowserContext())).newPage();
  await page.setViewport(viewport);
  await page.setExtraHTTPHeaders({ "accept-language": language });
  await page.emulateMediaFeatures([
    { name: "prefers-color-scheme", value: theme },
    { name: "prefers-reduced-motion", value: calm ? "reduce" : "no-preference" },
  ]);
  await page.evaluateOnNewDocument((tag) => {
    Object.defineProperty(navigator, "language", { get: () => tag });
    Object.defineProperty(navigator, "languages", { get: () => [tag] });
  }, language);
  page.complaints = [];
  watch(page);
  return page;
}

function watch(page) {
  const complain = (text) => page.complaints.push(text);
  page.on("pageerror", (error) => complain(`exception: ${error.stack ?? error}`));
  page.on("console", (message) => {
    // Chromium tells of every answer that is not a success; the page shows those itself.
    const ofTheNetwork = message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && !ofTheNetwork) complain(`console: ${message.text()}`);
  });
}
