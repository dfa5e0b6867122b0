// Modules of the page that need neither server nor elements, called in the
// browser they are written for.

import assert from "node:assert/strict";
import { newPage } from "../support/chromium.mjs";

/** Events come out of a stream the same, wherever the network cuts its bytes. */
export async function eventsHoweverCut({ browser, demo }) {
  const page = await newPage(browser);
  await page.goto(demo.origin);
  const wrong = await page.evaluate(async () => {
    const { events } = await import("/page/sse.js");
    const text = ': first\n\nid: a-1\r\nevent: snapshot\r\ndata: {"name":"민지"}\r\n\r\nid: a-2\ndata: one\ndata:two\n\n:\n\nevent: cut';
    const expected = JSON.stringify([
      null,
      { id: "a-1", event: "snapshot", data: '{"name":"민지"}' },
      { id: "a-2", event: "message", data: "one\ntwo" },
      null,
    ]);
    const bytes = new TextEncoder().encode(text);
    const cutAt = (...places) => {
      const ends = [...places, bytes.length];
      const pieces = ends.map((end, at) => bytes.slice(at === 0 ? 0 : ends[at - 1], end));
      return new ReadableStream({ start: (to) => { pieces.forEach((piece) => to.enqueue(piece)); to.close(); } });
    };
    const found = [];
    for (let first = 0; first <= bytes.length; first += 1) {
      const read = [];
      for await (const event of events(cutAt(first, Math.min(bytes.length, first + 1)))) read.push(event);
      if (JSON.stringify(read) !== expected) found.push([first, read]);
    }
    return found;
  });
  assert.deepEqual(wrong, []);
  await page.close();
}

/** What people see as one character counts as one, as the server counts it. */
export async function charactersAsPeopleCount({ browser, demo }) {
  const page = await newPage(browser);
  await page.goto(demo.origin);
  const counts = await page.evaluate(async () => {
    const { length } = await import("/page/textfield.js");
    return ["", "abc", "한글", "\u1112\u1161\u11ab", "👩‍👩‍👧‍👦", "🇰🇷", "e\u0301", "\r\n"].map(length);
  });
  assert.deepEqual(counts, [0, 3, 2, 1, 1, 1, 1, 1]);
  await page.close();
}
