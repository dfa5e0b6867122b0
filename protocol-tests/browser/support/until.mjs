// Waiting for an answer to become what it should be.

import { setTimeout as pause } from "node:timers/promises";

/** Asks every 50 ms until `wanted(answer)`; gives up after ten seconds and says what came last. */
export async function until(ask, wanted) {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`waited in vain; the last answer was ${JSON.stringify(answer)}`);
    await pause(50);
  }
}
