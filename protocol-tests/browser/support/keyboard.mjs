// A person without a mouse: Tab, Enter, letters. Finds things the way such a
// person does, by going through the page.

const STOPS_MAX = 150;

/** Tabs forward until the focus is on what matches `selector`, and tells how it looks there. */
export async function tabTo(page, selector) {
  for (let stop = 0; stop < STOPS_MAX; stop += 1) {
    await page.keyboard.press("Tab");
    const found = await page.evaluate((wanted) => {
      const element = document.activeElement;
      if (!element?.matches(wanted)) return null;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      const { top, bottom } = element.getBoundingClientRect();
      return { ring: outlineStyle !== "none" && outlineWidth !== "0px", inView: bottom > 0 && top < innerHeight };
    }, selector);
    if (found) {
      if (!found.ring) throw new Error(`${selector} has the focus and does not show it`);
      if (!found.inView) throw new Error(`${selector} has the focus and is out of view`);
      return;
    }
  }
  throw new Error(`${selector} cannot be reached by Tab`);
}

/** Tabs to a field and writes into it. */
export async function writeInto(page, selector, text) {
  await tabTo(page, selector);
  await page.keyboard.type(text);
}

/** Tabs to a button or a link and presses it. */
export async function pressOn(page, selector) {
  await tabTo(page, selector);
  await page.keyboard.press("Enter");
}
