// Starts the program under test as a newcomer does, everything in one process,
// and stops it. Never touches a page.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const READY_WITHIN_MS = 20_000;
const STOPPED_WITHIN_MS = 8_000;

const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL("../../../target", import.meta.url));
/** The program under test. */
export const program = process.env.OTTLA_DEMO ?? `${target}/release/ottla-demo`;

/**
 * Runs the demo with the local push service, and with its seed users unless
 * `seeds` is false.
 *
 * `addresses` are those of an earlier run, to come back where it was; without
 * them every port is a free one. `data` keeps everything in that directory.
 * Resolves when the API says that it is ready.
 */
export async function startDemo({ addresses, data, seeds = true } = {}) {
  const listen = (part) => addresses?.[part] ?? "127.0.0.1:0";
  const flags = [
    "--lang", "en",
    "--listen", listen("API"),
    "--push-listen", listen("push service"),
    "--broker-listen", listen("broker"),
    "--push-service", listen("local push service"),
    ...(data ? ["--data", data] : []),
    ...(seeds ? ["--seed-data"] : []),
  ];
  const child = spawn(program, flags, { stdio: ["ignore", "pipe", "pipe"] });
  const consoleLines = [];
  createInterface({ input: child.stdout }).on("line", (line) => consoleLines.push(line));
  const started = await partsOf(child);
  const demo = {
    addresses: started,
    origin: `http://${started.API}`,
    pushService: `http://${started["local push service"]}`,
    /** The seed's lines: what the push service says on standard output. */
    consoleLines,
    /** Ends it in order, or at once. */
    stop: (signal = "SIGTERM") => stop(child, signal),
  };
  await ready(`${demo.origin}/readyz`);
  return demo;
}

/** Reads what the demo says of its parts, up to its last line. */
function partsOf(child) {
  const parts = {};
  const log = [];
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(new Error(`${program} does not start: ${error.message}`)));
    child.once("exit", (code) => reject(new Error(`${program} ended with ${code}:\n${log.join("\n")}`)));
    createInterface({ input: child.stderr }).on("line", (line) => {
      if (log.length < 200) log.push(line);
      const part = /^ {2}(broker|local push service|push service|API) +(?:http:\/\/)?(127\.0\.0\.1:\d+)/.exec(line);
      if (part) parts[part[1]] = part[2];
      if (line.includes("Ctrl-C")) resolve(parts);
    });
  });
}

async function ready(url) {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (Date.now() < deadline) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    await pause(50);
  }
  throw new Error(`${url} was not ready within ${READY_WITHIN_MS} ms`);
}

async function stop(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  const late = pause(STOPPED_WITHIN_MS, "late", { ref: false });
  if ((await Promise.race([ended, late])) === "late") {
    child.kill("SIGKILL");
    await ended;
    throw new Error(`the demo did not stop within ${STOPPED_WITHIN_MS} ms of ${signal}`);
  }
}
