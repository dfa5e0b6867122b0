// What an eye sees at once and a test has to measure.

/** By how many pixels the page is wider than the screen; 0 when nothing scrolls sideways. */
export const sideways = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/**
 * What can be pressed and is smaller than `pixels` in height or width, as short
 * descriptions. A link within a sentence is as high as its line and is left out
 * (WCAG 2.5.8 does the same), and so is what is not on screen.
 */
export const smallTargets = (page, pixels) =>
  page.evaluate((least) => {
    const targets = document.querySelectorAll("a[href], button, input, select, textarea, summary, [role=button]");
    const small = [];
    for (const target of targets) {
      if (target.closest("[inert]") || !target.checkVisibility({ visibilityProperty: true })) continue;
      const { width, height } = target.getBoundingClientRect();
      const within = target.tagName === "A" && getComputedStyle(target).display === "inline";
      if (within || width === 0 || (Math.round(width) >= least && Math.round(height) >= least)) continue;
      if (target.matches(".skip, .sr")) continue;
      small.push(`${target.tagName.toLowerCase()}.${target.className || target.id} ${width.toFixed(0)}×${height.toFixed(0)} “${target.textContent.trim().slice(0, 20)}”`);
    }
    return small;
  }, pixels);

/** Lets what moves arrive. */
export const settled = (page) =>
  page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {}))));
