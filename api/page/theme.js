// Light, dark, or as the system says.

const KEY = "theme";
const THEMES = ["system", "light", "dark"];

let current = stored();
apply();

/** The choice. */
export const theme = () => current;

/** The next choice. */
export function next() {
  current = THEMES[(THEMES.indexOf(current) + 1) % THEMES.length];
  apply();
  try {
    localStorage.setItem(KEY, current);
  } catch {
    // The browser keeps nothing; the choice lasts as long as the page.
  }
}

function apply() {
  if (current === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = current;
}

function stored() {
  try {
    const kept = localStorage.getItem(KEY);
    return THEMES.includes(kept) ? kept : "system";
  } catch {
    return "system";
  }
}
