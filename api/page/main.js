// Where the page begins: who is here, which view the address means, and what lives as long as the page.

import { el, keep, refresh } from "./dom.js";
import { t } from "./i18n.js";
import { friend } from "./friend.js";
import * as keyboard from "./keyboard.js";
import { me } from "./me.js";
import { notices } from "./notices.js";
import * as push from "./push.js";
import { explain } from "./refusal.js";
import * as router from "./router.js";
import * as session from "./session.js";
import { frame } from "./shell.js";
import { onePost, square } from "./square.js";
import * as stream from "./stream.js";
import { trace } from "./trace.js";
import { travelled } from "./trip.js";
import { welcome } from "./welcome.js";
import * as worker from "./worker.js";

/** How often "5 minutes ago" is put right, in milliseconds. */
const MINUTE = 60_000;

const VIEWS = {
  square: { draw: square, title: () => t("광장", "Square"), tab: "square" },
  post: { draw: onePost, title: () => t("글", "Post"), tab: "square" },
  friend: { draw: friend, title: () => t("사람", "Person"), tab: "square" },
  me: { draw: me, title: () => t("나", "Me"), tab: "me" },
  trace: { draw: trace, title: () => t("여정", "Journey"), tab: "square" },
};

const whole = new AbortController().signal;
const main = el("main", { id: "main", tabindex: "-1" });
const { parts, mark } = frame(main);
let leave = new AbortController();
let view = null;

keep(main, () => (document.title = view === null ? "Ottla" : `${view.title()} · Ottla`));
document.body.replaceChildren(...parts, notices(whole));
setInterval(refresh, MINUTE);
keyboard.start();
worker.start(router.go);
begin();

async function begin() {
  mark(null, false);
  try {
    await session.restore();
  } catch (error) {
    return main.replaceChildren(unreachable(error));
  }
  if (session.current() === null) {
    main.replaceChildren();
    return welcome(main, () => { scrollTo(0, 0); enter(); });
  }
  enter();
}

/** Somebody is logged in. */
function enter() {
  const user = session.current();
  stream.on("ended", session.expired, whole);
  stream.on("snapshot", ({ traces = [] }) => travelled(traces), whole);
  stream.on("delta", ({ traces = [] }) => travelled(traces), whole);
  stream.open();
  push.look(user);
  worker.tell({ say: "receipts" });
  router.start(draw);
}

function draw(name, parameter) {
  leave.abort();
  leave = new AbortController();
  const isFirst = view === null;
  view = VIEWS[name];
  mark(view.tab, true);
  main.replaceChildren();
  view.draw(main, { user: session.current(), signal: leave.signal }, parameter);
  refresh(main);
  if (isFirst) return;
  scrollTo(0, 0);
  main.querySelector("h1")?.focus({ preventScroll: true });
}

function unreachable(error) {
  return el("div.alone", el("div.blank", { role: "alert" },
    el("h1", () => t("서버에 닿지 못했어요", "The server was not reached")), el("p", explain(error)),
    el("button.btn.small", { type: "button", on: { click: begin } }, () => t("다시 잇기", "Try again"))));
}
