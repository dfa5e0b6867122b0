// A headless Firefox as `ottla-demo firefox` starts it, with the profile that
// the command writes, driven over WebDriver BiDi. Never judges by itself.

import { spawn } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import puppeteer from "puppeteer-core";
import { program } from "./demo.mjs";

const OPEN_WITHIN_MS = 20_000;
const CLOSED_WITHIN_MS = 15_000;

/** Opens the page of a running demo. The same `profile` is the same browser again. */
export async function openFirefox(demo, profile) {
  const address = join(profile, "WebDriverBiDiServer.json");
  await rm(address, { force: true });
  const child = spawn(
    program,
    [
      "firefox", "--lang", "en", "--headless", "--profile", profile,
      "--api", demo.origin, "--push-service", demo.addresses["local push service"],
      "--", "--remote-debugging-port", "0",
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  const said = [];
  child.stderr.on("data", (text) => said.push(text));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const { ws_host: host, ws_port: port } = await written(address, child, said);
  const browser = await puppeteer.connect({
    browserWSEndpoint: `ws://${host}:${port}/session`,
    protocol: "webDriverBiDi",
  });
  return {
    browser,
    /** Closes Firefox as a person does; the command that opened it ends, and the profile stays. */
    async close() {
      await browser.close();
      const late = pause(CLOSED_WITHIN_MS, "late", { ref: false });
      const status = await Promise.race([ended, late]);
      if (status === 0) return;
      child.kill("SIGTERM");
      throw new Error(`after Firefox was closed the command ended with: ${status}\n${said.join("")}`);
    },
  };
}

/** Where Firefox listens; it writes that into its profile when it does. */
async function written(file, child, said) {
  const deadline = Date.now() + OPEN_WITHIN_MS;
  while (Date.now() < deadline && child.exitCode === null) {
    const text = await readFile(file, "utf8").catch(() => "");
    if (text) return JSON.parse(text);
    await pause(20);
  }
  child.kill("SIGTERM");
  throw new Error(`Firefox is not to be driven: ${said.join("")}`);
}
