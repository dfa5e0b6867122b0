// The comments of one post: newest first, each with its way through the system at the right.

import { call } from "./api.js";
import { el } from "./dom.js";
import { ago, number, t } from "./i18n.js";
import { avatar, hue } from "./people.js";
import { explain } from "./refusal.js";
import { textForm } from "./textfield.js";
import { tripLink } from "./trip.js";

/** How many are on screen before one asks for more. */
const SHOWN_FIRST = 10;

/**
 * The comments and the form of `post`. `add(comment)` takes one from the stream, `load` reads all
 * again; `onCount` hears how many are known, `onWritten` of one's own.
 */
export function commentList(post, { user, journey, onCount, onWritten }) {
  const path = `/api/user/${post.writer.seq}/post/${post.seq}/comment`;
  const rows = new Map();
  const list = el("div.comments", { role: "list" });
  const trouble = el("p.refusal", { role: "alert" });
  const more = el("button.btn.small.quiet", { type: "button", hidden: true, on: { click: () => { shown = Infinity; arrange(); } } });
  let shown = SHOWN_FIRST;

  const place = (comment, fresh) => {
    const known = rows.get(comment.seq);
    const row = commentRow(comment, post, journey);
    if (fresh && known === undefined) row.classList.add("new");
    known?.replaceWith(row);
    rows.set(comment.seq, row);
    return known === undefined;
  };
  const arrange = () => {
    const newest = [...rows.keys()].sort((a, b) => b - a);
    const visible = newest.slice(0, shown).map((seq) => rows.get(seq));
    visible.forEach((row, at) => { if (list.children[at] !== row) list.insertBefore(row, list.children[at] ?? null); });
    const hidden = newest.length - visible.length;
    more.hidden = hidden === 0;
    journey.mark();
    more.textContent = t(`이전 댓글 ${number(hidden)}개`, `${number(hidden)} earlier`);
  };
  const add = (comment, fresh = true) => {
    const isNew = place(comment, fresh);
    arrange();
    if (isNew) onCount(rows.size);
  };
  const writing = textForm({
    id: `comment-${post.seq}`,
    spec: "form.cform",
    before: avatar(user, "s"),
    label: () => t("댓글", "Comment"),
    placeholder: () => t(`${post.writer.name ?? ""}님에게 댓글 달기`, `Comment to ${post.writer.name ?? ""}`),
    button: () => t("댓글 달기", "Comment"),
    send: async (contents) => {
      const comment = await call("POST", path, { contents });
      add(comment);
      onWritten(comment);
    },
  });
  const load = async () => {
    list.setAttribute("aria-busy", "true");
    try {
      const comments = await call("GET", `${path}/list`);
      for (const comment of comments) place(comment, false);
      trouble.textContent = "";
      arrange();
      onCount(rows.size);
    } catch (error) {
      if (rows.size === 0) trouble.textContent = explain(error);
    } finally {
      list.querySelector(".ghost")?.remove();
      list.removeAttribute("aria-busy");
    }
  };
  if (post.comments > 0) list.append(el("div.ghost", el("i"), el("i.half")));
  /** The newest one that has a journey. */
  const newest = () => list.querySelector(".cmt[data-trace]")?.dataset.trace;
  const loaded = load();
  return { node: el("div", trouble, list, more, writing.form), add, load, loaded, newest, focus: () => writing.area.focus() };
}

function commentRow(comment, post, journey) {
  const writer = { seq: comment.writer.seq, name: comment.writer.name ?? comment.writer.email.address };
  // The bar of a chosen comment has the colour of its record's key: the post's author.
  return el("div.cmt", { class: hue(post.writer.seq), role: "listitem", "data-comment": String(comment.seq), "data-trace": comment.traceId, "data-key": String(writer.seq ?? "") },
    avatar(writer, "s"),
    el("div", el("div.name", writer.name, el("time", { datetime: comment.createAt }, () => ago(comment.createAt, "short"))),
      el("p.preline", comment.contents)),
    comment.traceId ? tripLink(comment, journey) : null);
}
