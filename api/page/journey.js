// The journey of one comment: which trace is on screen, how it is played, and
// what is shown instead while there is none. Owns the panel `root` and nothing
// around it; asks for traces through `fetchTrace`.

import { el, icon, keep } from "./dom.js";
import { language, t } from "./i18n.js";
import { drawHead } from "./journey-head.js";
import { lastMillis } from "./journey-model.js";
import { playback, slowerBy } from "./journey-play.js";
import { sheet } from "./journey-sheet.js";
import { drawSteps } from "./journey-steps.js";
import { drawTable } from "./journey-table.js";
import { hue } from "./people.js";

/** What arrives within this time of being asked for is played at once. */
const FRESH_MILLIS = 3000;

const HUES = ["k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "striped"];
const calm = matchMedia("(prefers-reduced-motion: reduce)");

/**
 * Fills `root`, until `signal` ends it. `fetchTrace(id)` resolves to a trace, or
 * rejects with an error that has the answer's `status`; `backend()` tells what
 * carries the events, or null as long as that is not known; `arrived(trace)`
 * hears what is shown.
 *
 * Of what it returns, `show(id, from)` shows a journey and brings it into view
 * when `from`, what a person pressed, is given; `update(ids)` hears of traces
 * that changed.
 */
export function journey(root, { fetchTrace, backend, arrived = () => {}, signal }) {
  let wanted; // the id of the trace to show
  let askedAt = 0;
  let trace; // as it was answered
  let spoken = language();
  let speed = "slow";
  let asTable = false;
  let head = drawHead();

  const grip = el("button.sheetgrip", { type: "button", "aria-label": () => t("여정 닫기", "Close the journey") });
  const headBox = el("div.jtop");
  const controls = makeControls({ replay, choose, toggleTable });
  const body = el("div.jbody");
  root.replaceChildren(grip, headBox, controls.node, body);
  const panel = sheet(root, grip, signal);
  const play = playback(body, { position: (millis) => head.position(millis), follow: (row) => follow(root, row), ended });
  keep(root, () => language() !== spoken && draw());
  signal.addEventListener("abort", play.stop);
  draw();

  function show(id, from) {
    if (from) panel.open(from);
    if (id === wanted && trace) return from && start();
    play.stop();
    [wanted, trace, askedAt] = [id, undefined, Date.now()];
    draw();
    ask();
  }

  function update(ids) {
    if (ids.includes(wanted)) ask();
  }

  async function ask() {
    const id = wanted;
    try {
      const answer = await fetchTrace(id);
      if (id === wanted) take(answer);
    } catch (error) {
      if (id === wanted && !trace) refused(error);
    }
  }

  function take(answer) {
    const first = !trace;
    if (!first && JSON.stringify(answer) === JSON.stringify(trace)) return;
    const waited = first || trace.state === "waiting";
    trace = answer;
    arrived(trace);
    draw();
    if (play.playing) return;
    if (trace.state === "waiting") play.finish({ current: true });
    else if (waited && Date.now() - askedAt < FRESH_MILLIS) start();
    else play.finish();
  }

  function refused({ status }) {
    const unknown = status === 403 || status === 404;
    const [title, why] = unknown
      ? [t("볼 수 없는 여정이에요", "Not yours to see"), t("글을 볼 수 있는 사람만 그 댓글의 여정을 볼 수 있어요. 오래된 여정은 지워지기도 해요.", "Who may see the post may see its comments’ journeys. Old ones are deleted.")]
      : [t("여정을 읽지 못했어요", "The journey could not be read"), t("서버가 답하지 않았어요. 댓글은 그대로 있어요.", "The server did not answer. The comment is where it was.")];
    const next = unknown
      ? el("a.btn.small", { href: "/" }, t("광장으로", "To the square"))
      : el("button.btn.small", { type: "button", on: { click: ask } }, t("다시 읽기", "Read again"));
    body.replaceChildren(el("div.blank", el("h3", title), el("p", why), next));
  }

  function draw() {
    spoken = language();
    root.classList.remove(...HUES);
    if (trace) root.classList.add(...hue(trace.post.writer.seq).split(" "));
    head = drawHead(trace);
    headBox.replaceChildren(...head.node);
    controls.show({ trace, speed, asTable });
    keepingPlace(body, () => body.replaceChildren(...content()));
    if (trace && !play.playing) play.finish({ current: trace.state === "waiting" });
  }

  function content() {
    if (trace) return asTable ? [drawTable(trace, backend())] : drawSteps(trace, backend());
    return [wanted ? loading() : nothing()];
  }

  /** Starts from the beginning, as the chosen speed says. */
  function start() {
    root.scrollTop = 0;
    if (speed === "step") return next();
    if (calm.matches) return play.finish();
    play.run(speed === "real" ? 1 : slowerBy(lastMillis(trace)));
  }

  function next() {
    play.next();
    controls.stepping(play.playing);
  }

  function replay() {
    if (speed === "step") next();
    else start();
  }

  function ended() {
    controls.stepping(false);
  }

  function choose(next) {
    speed = next;
    controls.show({ trace, speed, asTable });
    play.stop();
    start();
  }

  function toggleTable() {
    asTable = !asTable;
    play.stop();
    draw();
  }

  return { show, update };
}

/** What is pressed: play, how fast, as a table; and the link to the journey alone. */
function makeControls({ replay, choose, toggleTable }) {
  const label = el("span");
  const play = el("button.btn.small", { type: "button", on: { click: replay } }, icon("play", 10), label);
  const speeds = ["real", "slow", "step"].map((name) => el("button", { type: "button", on: { click: () => choose(name) } }));
  const [real, slow, step] = speeds;
  const group = el("div.seg", { role: "group" }, ...speeds);
  const table = el("button.btn.small.quiet", { type: "button", on: { click: toggleTable } });
  const code = el("code");
  const name = el("span");
  const link = el("a.tracelink", name, " ", code);
  const node = el("div.jctl", play, group, el("span.sp"), table, link);

  function stepping(between) {
    const walking = step.getAttribute("aria-pressed") === "true";
    label.textContent = walking && between ? t("다음 걸음", "Next step") : walking ? t("첫 걸음부터", "From the start") : t("다시 보기", "Replay");
  }

  function show({ trace, speed, asTable }) {
    node.hidden = !trace;
    if (!trace) return;
    const times = slowerBy(lastMillis(trace));
    group.setAttribute("aria-label", t("재생 속도", "speed"));
    real.textContent = t("실제 속도", "real time");
    slow.textContent = t(`${times}배 느리게`, `${times}× slower`);
    slow.hidden = times === 1;
    step.textContent = t("한 걸음씩", "step by step");
    const played = speed === "slow" && times === 1 ? "real" : speed;
    for (const [button, name] of [[real, "real"], [slow, "slow"], [step, "step"]]) {
      button.setAttribute("aria-pressed", String(name === played));
    }
    play.hidden = group.hidden = asTable;
    table.textContent = asTable ? t("그림으로 보기", "As a drawing") : t("표로 보기", "As a table");
    name.textContent = t("추적", "trace");
    code.textContent = trace.traceId.slice(0, 8);
    link.href = `/trace/${trace.traceId}`;
    stepping(false);
  }

  return { node, show, stepping };
}

function loading() {
  const rows = () => el("div.proc", el("div.ghost", el("i.half"), el("i"), el("i.half")));
  const title = el("p.sr", t("여정을 읽는 중", "Reading the journey"));
  return el("div.jloading", { "aria-busy": "true" }, title, rows(), rows(), rows());
}

function nothing() {
  return el(
    "div.blank",
    el("h3", t("아직 고른 댓글이 없어요", "No comment chosen yet")),
    el("p", t("댓글을 달거나 댓글 옆의 시간을 누르면, 그 댓글이 지나간 길을 여기서 보여 드려요.", "Leave a comment, or press the time beside one: its way is drawn here.")),
  );
}

/** Keeps a step in view inside of the panel, and never scrolls the page. */
function follow(root, row) {
  if (root.scrollHeight <= root.clientHeight) return;
  const below = row.getBoundingClientRect().bottom - root.getBoundingClientRect().bottom + 90;
  if (below > 0) root.scrollTop += below;
}

/** Draws again without taking the focus away, and without folding what was unfolded. */
function keepingPlace(box, redraw) {
  const stops = () => [...box.querySelectorAll("[tabindex], summary, button")];
  const focused = stops().indexOf(document.activeElement);
  const unfolded = [...box.querySelectorAll("details")].map((details) => details.open);
  redraw();
  box.querySelectorAll("details").forEach((details, index) => (details.open = unfolded[index] ?? false));
  if (focused >= 0) stops()[focused]?.focus({ preventScroll: true });
}
