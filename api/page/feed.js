// A list of posts: paged, newest first, with what the stream brings put in its place.

import { el, refresh } from "./dom.js";
import { onFollow } from "./follow.js";
import { t } from "./i18n.js";
import { postCard } from "./post.js";
import { explain } from "./refusal.js";
import * as stream from "./stream.js";

/** How many posts the server gives at once. */
const PAGE_SIZE = 5;

/**
 * The posts that `source` has: `page(offset)` gives the next ones, `accepts(post)` says whether one
 * from the stream belongs here, `empty` is what stands there when there is none.
 */
export function feed(source, context) {
  const { signal } = context;
  const cards = new Map();
  const list = el("div.posts", { "aria-busy": "true" }, ghost(), ghost());
  const more = el("button.btn.quiet.more", { type: "button", hidden: true, on: { click: () => load() } }, () => t("이전 글 더 보기", "Earlier posts"));
  let loading = false;

  const put = (post, where) => {
    const known = cards.get(post.seq);
    if (known) return known.update(post);
    const card = postCard(post, context);
    cards.set(post.seq, card);
    if (where === "top") list.prepend(card.node);
    else list.append(card.node);
  };
  const load = async () => {
    if (loading) return;
    loading = true;
    more.setAttribute("aria-disabled", "true");
    try {
      // Posts written meanwhile move the page: those that are there already are only updated.
      const posts = await source.page(cards.size);
      if (cards.size === 0) list.replaceChildren();
      for (const post of posts) put(post, "end");
      more.hidden = !source.paged || posts.length < PAGE_SIZE;
      settle();
      // Observed anew: a list still shorter than the window asks for the next page at once.
      near.unobserve(more);
      near.observe(more);
    } catch (error) {
      if (cards.size === 0) list.replaceChildren(failed(error, load));
    } finally {
      loading = false;
      list.removeAttribute("aria-busy");
      more.removeAttribute("aria-disabled");
    }
  };
  const settle = () => {
    if (cards.size === 0) list.replaceChildren(source.empty());
    else list.querySelector(":scope > .blank")?.remove();
  };
  const add = (post) => {
    put(post, "top");
    settle();
    return cards.get(post.seq);
  };
  const delta = ({ posts = [], comments = [] }) => {
    for (const post of posts) if (cards.has(post.seq) || source.accepts(post)) add(post);
    for (const comment of comments) cards.get(comment.postId)?.addComment(comment);
  };
  const renew = async () => {
    const posts = await source.page(0).catch(() => []);
    for (const post of posts.toReversed()) put(post, "top");
    for (const card of cards.values()) card.renew();
    if (posts.length > 0) settle();
  };
  stream.on("delta", delta, signal);
  stream.on("gap", renew, signal);
  onFollow((key) => dim(list, key), signal);
  // The next posts come when the end is near; the button is for those who use no pointer.
  const near = new IntersectionObserver(([entry]) => entry.isIntersecting && !more.hidden && load(), { rootMargin: "400px" });
  signal.addEventListener("abort", () => near.disconnect());
  const loaded = load().then(() => cards.values().next().value);
  return { node: el("div", list, more), add, loaded };
}

/** Everybody but the followed person steps back. */
function dim(list, key) {
  const anybody = key !== null && list.querySelector(`[data-key="${CSS.escape(key)}"]`) !== null;
  list.classList.toggle("following", anybody);
  for (const node of list.querySelectorAll("[data-key]")) node.classList.toggle("mine", node.dataset.key === key);
  refresh(list);
}

const ghost = () =>
  el("div.post.ghostpost", { "aria-hidden": "true" }, el("div.ghost", el("i.dot")), el("div.ghost", el("i.half"), el("i"), el("i")));

function failed(error, again) {
  return el("div.blank", { role: "alert" },
    el("h2", () => t("글을 읽지 못했어요", "The posts could not be read")), el("p", explain(error)),
    el("button.btn.small", { type: "button", on: { click: again } }, () => t("다시 읽기", "Read again")));
}
