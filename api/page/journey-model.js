// What is drawn of a trace: which process did which step, what lies between
// two processes, what is still to come. Pure: no page, no clock, no language.

/** Processes in the order in which a comment passes them. */
const PROCESSES = ["social-server-api", "broker", "social-server-push", "browser"];

/** The way of a comment through Kafka to a device, as far as it is always the same. */
const WAY = [
  { name: "request", process: "social-server-api" },
  { name: "committed", process: "social-server-api" },
  { name: "busEvent", process: "social-server-api" },
  { name: "answered", process: "social-server-api" },
  { name: "record", process: "broker" },
  { name: "consumed", process: "social-server-push" },
  { name: "sent", process: "social-server-push" },
  { name: "offsetCommitted", process: "social-server-push" },
  { name: "shown", process: "browser" },
];

/** Steps that are a way over the network: drawn between the processes, not in one. */
const ON_THE_NETWORK = new Set(["produced", "fetched"]);

/**
 * Sections from top to bottom: `{ process, hop?, steps }`. A step is one of the
 * trace, or `{ name, waiting: true }` for one that is still to come. A hop is
 * `{ name, at, step? }` with the step of the trace that tells of it. Without
 * `kafka` nothing is expected of a broker.
 *
 * Where the comment was given up nothing is drawn behind the step that failed.
 */
export function sections(trace, { kafka = true } = {}) {
  const known = trace.steps.slice(0, endOf(trace));
  const drawn = [...known.filter((step) => !ON_THE_NETWORK.has(step.name)), ...stillToCome(trace, known, kafka)];
  return PROCESSES.map((process) => ({ process, steps: drawn.filter((step) => step.process === process) }))
    .filter(({ steps }) => steps.length > 0)
    .map((section, index, all) => (index === 0 ? section : { ...section, hop: hopTo(section, all[index - 1], known) }));
}

/** The last moment that is known, in milliseconds since the request. */
export function lastMillis(trace) {
  return Math.max(0, ...trace.steps.map((step) => step.offsetMillis));
}

/** How long the comment took to where it is: an offset may be committed after it arrived. */
export function totalMillis({ totalMillis: total, parts }) {
  return total ?? parts.reduce((sum, { millis }) => sum + millis, 0);
}

/** One device of several that got nothing is no end. */
function endOf({ steps, state }) {
  const ended = state === "dead" || state === "lost";
  const failed = steps.findLastIndex((step) => step.failed && (ended || step.name !== "sent"));
  return failed < 0 ? steps.length : failed + 1;
}

function stillToCome(trace, known, kafka) {
  const waiting = (step) => ({ ...step, waiting: true });
  if (trace.state === "delivered") {
    return WAY.filter(({ name }) => name === "shown" && !has(known, name)).map(waiting);
  }
  if (trace.state !== "waiting") return [];
  const reached = Math.max(-1, ...known.map(({ name }) => WAY.findIndex((step) => step.name === name)));
  return WAY.slice(reached + 1)
    .filter((step) => kafka || step.process !== "broker")
    .map(waiting);
}

const has = (steps, name) => steps.some((step) => step.name === name);

function hopTo({ process, steps }, before, known) {
  const first = (name) => known.find((step) => step.name === name);
  const reached = steps.find((step) => !step.waiting)?.offsetMillis;
  const hop = (name, step, at = step?.offsetMillis) => ({ name, step, at: earlier(at, reached) });
  switch (process) {
    case "broker":
      return hop("Produce", first("produced"));
    case "social-server-push":
      return before.process === "broker" ? hop("Fetch", first("fetched")) : hop("bus");
    default:
      return hop("Web Push", undefined, first("sent")?.offsetMillis);
  }
}

/** A way is passed when its end is reached, at the latest. */
function earlier(at, reached) {
  if (reached === undefined) return undefined;
  return at === undefined ? reached : Math.min(at, reached);
}
