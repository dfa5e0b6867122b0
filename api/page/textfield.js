// A field for what people write: grows to six lines, counts, sends, and keeps the text when refused.

import { el } from "./dom.js";
import { t } from "./i18n.js";
import { explain } from "./refusal.js";

const LINES_MAX = 6;
/** What the server takes, in characters as people count them. */
export const [LENGTH_MIN, LENGTH_MAX] = [4, 500];
/** From here on the count is worth a look. */
const LENGTH_NEAR = 450;

const segmenter = new Intl.Segmenter();

let isPressed = false;
addEventListener("pointerdown", () => { isPressed = true; }, true);
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => { isPressed = false; }, true);

/** How many characters people see. */
export const length = (text) => [...segmenter.segment(text.normalize("NFC"))].length;

/**
 * A form with one field. `send(text)` does it and may fail with an ApiError, whose sentence then
 * stands below the field. `own` has sentences by status.
 */
export function textForm({ id, spec, before, label, placeholder, button, send, own }) {
  const area = el("textarea.field", { id, rows: 1, placeholder, "aria-describedby": `${id}-count ${id}-refusal` });
  const refusal = el("p.refusal", { id: `${id}-refusal`, role: "alert" });
  const count = el("span", { id: `${id}-count` });
  const submit = el("button.btn.primary", { type: "submit" }, button);
  const row = el("div.row", count, el("kbd", { "aria-hidden": "true" }, "Ctrl ↵"), submit);
  const form = el(spec, { on: { submit: (event) => { event.preventDefault(); attempt(); } } },
    before, el("div", el("label.sr", { for: id }, label), area, refusal, row));
  let sending = false;

  const say = (text) => {
    refusal.textContent = text;
    if (text === "") area.removeAttribute("aria-invalid");
    else area.setAttribute("aria-invalid", "true");
  };
  const draw = () => {
    const characters = length(area.value);
    count.textContent = characters === 0
      ? t(`${LENGTH_MIN}–${LENGTH_MAX}자`, `${LENGTH_MIN}–${LENGTH_MAX} characters`)
      : `${characters} / ${LENGTH_MAX}`;
    count.classList.toggle("near", characters > LENGTH_NEAR);
    count.classList.toggle("over", characters > LENGTH_MAX);
    form.classList.toggle("written", area.value !== "");
    grow(area);
  };
  const attempt = async () => {
    if (sending) return;
    const problem = wrong(area.value);
    say(problem);
    if (problem !== "") return area.focus();
    sending = true;
    submit.setAttribute("aria-disabled", "true");
    try {
      await send(area.value);
      area.value = "";
      draw();
    } catch (error) {
      say(explain(error, own));
      area.focus();
    } finally {
      sending = false;
      submit.removeAttribute("aria-disabled");
    }
  };
  area.addEventListener("input", () => { if (refusal.textContent !== "") say(wrong(area.value)); draw(); });
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); attempt(); }
  });
  const follow = () => form.classList.toggle("open", form.contains(document.activeElement));
  form.addEventListener("focusin", follow);
  form.addEventListener("focusout", () => {
    // A form that folds under a press moves what is pressed, and the click is lost.
    if (isPressed) addEventListener("pointerup", () => setTimeout(follow), { once: true });
    else setTimeout(follow);
  });
  draw();
  return { form, area };
}

/** Why a text cannot be sent, or nothing. */
function wrong(text) {
  const characters = length(text);
  if (text.trim() === "" || characters < LENGTH_MIN) return t("네 글자부터 쓸 수 있어요.", "At least four characters.");
  if (characters > LENGTH_MAX) {
    const over = characters - LENGTH_MAX;
    return t(`${over}자 넘쳤어요. ${LENGTH_MAX}자까지 쓸 수 있어요.`, `${over} too many: ${LENGTH_MAX} characters at most.`);
  }
  return "";
}

/** As many rows as the text has lines, up to six; then it scrolls. */
function grow(area) {
  area.rows = 1;
  const { lineHeight, paddingTop, paddingBottom } = getComputedStyle(area);
  const text = area.scrollHeight - parseFloat(paddingTop) - parseFloat(paddingBottom);
  const lines = Math.round(text / parseFloat(lineHeight));
  area.rows = Math.min(LINES_MAX, Math.max(1, lines || 1));
}
