// Korean and English: which one is spoken, and how numbers and times are said in it.

const KEY = "language";
const LANGUAGES = ["ko", "en"];

let current = chosen();

/** `ko` or `en`. */
export const language = () => current;

/** The text of the language that is spoken. */
export const t = (ko, en) => (current === "en" ? en : ko);

/** Speaks `next` from now on, and at the next visit. The caller refreshes what is on screen. */
export function speak(next) {
  current = next;
  document.documentElement.lang = next;
  remember(next);
}

/** A number with its thousands apart. */
export const number = (value) => value.toLocaleString("en-US");

/** Milliseconds as people read them: 38.2 ms, 1.3 s. */
export function duration(millis) {
  if (millis < 100) return `${millis.toFixed(1)} ms`;
  if (millis < 1000) return `${Math.round(millis)} ms`;
  return t(`${(millis / 1000).toFixed(1)}초`, `${(millis / 1000).toFixed(1)} s`);
}

/** How long ago a moment was, in words. */
export function ago(moment, style = "long") {
  const seconds = Math.max(0, (Date.now() - Date.parse(moment)) / 1000);
  if (seconds < 60) return t("방금", "just now");
  const steps = [[60, "minute"], [60, "hour"], [24, "day"]];
  let [value, unit] = [seconds, "second"];
  for (const [size, next] of steps) {
    if (Math.round(value) < size) break;
    [value, unit] = [value / size, next];
  }
  if (unit === "day" && value > 30) return new Date(moment).toLocaleDateString(current);
  const words = new Intl.RelativeTimeFormat(current, { numeric: "always", style });
  return words.format(-Math.max(1, Math.round(value)), unit);
}

function chosen() {
  const kept = stored();
  const browser = navigator.language?.startsWith("ko") ? "ko" : "en";
  const first = LANGUAGES.includes(kept) ? kept : browser;
  document.documentElement.lang = first;
  return first;
}

// A browser may forbid storage; then the choice lasts as long as the page.
function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function remember(value) {
  try {
    localStorage.setItem(KEY, value);
  } catch {
    // Not kept.
  }
}
