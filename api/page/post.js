// One post: who, what, where its key goes, likes, and its comments once they are opened.

import { call } from "./api.js";
import { commentList } from "./comments.js";
import { el, icon, keep, refresh } from "./dom.js";
import { follow, followedKey } from "./follow.js";
import { ago, number, t } from "./i18n.js";
import { avatar, hue, keyMark, partitionMark } from "./people.js";
import { explain } from "./refusal.js";

/**
 * The card of a post. `update` takes a newer picture of it, `addComment` a comment from the
 * stream, `renew` reads the comments again.
 */
export function postCard(first, context) {
  let post = first;
  let comments = null;
  const writer = { seq: post.writer.seq, name: post.writer.name ?? post.writer.email.address };
  const refusal = el("p.refusal", { role: "alert" });
  const likes = el("button.act", {
    type: "button", "aria-pressed": () => String(post.likesOfMe),
    on: { click: () => like() },
  }, icon("heart"), el("span", () => t(`좋아요 ${number(post.likes)}`, `${number(post.likes)} ${post.likes === 1 ? "like" : "likes"}`)));
  const talk = el("button.act", { type: "button", "aria-expanded": "false", on: { click: () => toggle() } },
    icon("comment"), el("span", () => t(`댓글 ${number(post.comments)}`, `${number(post.comments)} ${post.comments === 1 ? "comment" : "comments"}`)));
  const node = el("article.post", { class: hue(writer.seq), "data-post": String(post.seq), "data-key": String(writer.seq), "aria-labelledby": `p-${post.seq}` },
    el("header", avatar(writer),
      el("div", el("div.name", { id: `p-${post.seq}` }, writer.name),
        el("a.meta", { href: `/posts/${post.seq}` }, el("time", { datetime: post.createAt }, () => ago(post.createAt)))),
      keyChip(post, writer)),
    el("p.body.preline", post.contents),
    el("div.acts", likes, talk),
    refusal);

  const update = (next) => {
    post = { ...post, ...next };
    refresh(likes);
    refresh(talk);
  };
  const like = async () => {
    if (post.likesOfMe) return;
    try {
      update(await call("PATCH", `/api/user/${writer.seq}/post/${post.seq}/like`));
      refusal.textContent = "";
    } catch (error) {
      refusal.textContent = explain(error);
    }
  };
  const open = () => {
    if (comments !== null) return comments;
    comments = commentList(post, {
      ...context,
      onCount: (count) => update({ comments: Math.max(count, post.comments) }),
      onWritten: (comment) => comment.traceId && context.journey.choose(comment.traceId, { written: true }),
    });
    node.append(comments.node);
    talk.setAttribute("aria-expanded", "true");
    return comments;
  };
  const toggle = () => {
    if (comments === null) return open().focus();
    comments.node.hidden = !comments.node.hidden;
    talk.setAttribute("aria-expanded", String(!comments.node.hidden));
  };
  const addComment = (comment) => comments?.add(comment);
  const renew = () => comments?.load();
  return { node, update, open, addComment, renew };
}

/** Where the events of this post's comments go: pressed, everybody else steps back. */
function keyChip(post, writer) {
  const key = post.key ?? String(writer.seq);
  const where = post.partition === undefined ? [] : [" → ", partitionMark(post.partition), el("b", `P${post.partition}`)];
  const chip = el("button.keychip", {
    type: "button",
    class: hue(key),
    title: () => t("이 사람만 따라가기", "Follow this person only"),
    on: { click: () => follow(key) },
  }, keyMark(key), el("span", () => t(`키 ${key}`, `key ${key}`)), ...where);
  return keep(chip, () => chip.setAttribute("aria-pressed", String(followedKey() === key)));
}
