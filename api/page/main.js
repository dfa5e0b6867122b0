// Where the page begins.

import { el } from "./dom.js";
import { t } from "./i18n.js";

document.body.append(el("h1", () => t("광장", "Square")));
