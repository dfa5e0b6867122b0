// Which layout the style sheets have chosen.

const phone = matchMedia("(max-width: 720px)");
const narrow = matchMedia("(max-width: 1180px)");

/** Whether the journey is a sheet over the page. */
export const isPhone = () => phone.matches;

/** Whether the journey stands below the posts, not beside them. */
export const isNarrow = () => narrow.matches;
