// Plays a journey: lights up its rows at the moments they happened, in real
// time, slower, or one step at a time. Owns what is lit; draws nothing.

/** Nobody watches longer than this. */
const PLAYED_MILLIS_MAX = 45_000;

/** How many times slower a journey of this many milliseconds is worth being watched. */
export function slowerBy(millis) {
  return [60, 10].find((times) => millis * times <= PLAYED_MILLIS_MAX) ?? 1;
}

/**
 * Plays the rows below `box` that have `data-at`, also those that come while it
 * plays. `position(millis)` hears where it is, in the trace's own milliseconds,
 * `undefined` at the end; `follow(row)` which row was reached; `ended()` that it is over.
 */
export function playback(box, { position, follow, ended }) {
  let frame; // of a run
  let step; // of a walk

  const at = (row) => Number(row.dataset.at);
  const rows = () => [...box.querySelectorAll("[data-at]")].sort((one, other) => at(one) - at(other));

  function light(all, count, ring) {
    all.forEach((row, index) => {
      row.classList.toggle("done", index < count);
      row.classList.toggle("now", ring && index === count - 1);
    });
    if (ring && count > 0) follow(all[count - 1]);
  }

  function stop() {
    cancelAnimationFrame(frame);
    [frame, step] = [undefined, undefined];
  }

  /** Everything is lit; `current` rings the last row, because more is to come. */
  function finish({ current = false } = {}) {
    stop();
    const all = rows();
    light(all, all.length, false);
    if (current) all.at(-1)?.classList.add("now");
    position(undefined);
    ended();
  }

  /** From the beginning, that many times slower than it was. */
  function run(times) {
    stop();
    const began = performance.now();
    const tick = (now) => {
      const millis = Math.max(0, (now - began) / times);
      const all = rows();
      if (all.length === 0 || millis >= at(all.at(-1))) return finish();
      light(all, all.filter((row) => at(row) <= millis).length, true);
      position(millis);
      frame = requestAnimationFrame(tick);
    };
    tick(began);
  }

  /** To the next row, from the first on; behind the last one it is over. */
  function next() {
    const all = rows();
    const reached = (step ?? -1) + 1;
    if (reached >= all.length) return finish();
    stop();
    step = reached;
    light(all, reached + 1, true);
    position(at(all[reached]));
  }

  return {
    run,
    next,
    finish,
    stop,
    /** Whether it is between its beginning and its end. */
    get playing() {
      return frame !== undefined || step !== undefined;
    },
  };
}
