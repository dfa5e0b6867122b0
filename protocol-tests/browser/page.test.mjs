// The page itself, judged in Chromium. One demo and one browser for all; each
// check opens pages of its own.

import { after, before, describe, it } from "node:test";
import { startChromium } from "./support/chromium.mjs";
import { startDemo } from "./support/demo.mjs";
import { startDevice } from "./support/device.mjs";
import { SEEDS, person } from "./support/people.mjs";
import { nothingSevere } from "./page/accessibility.mjs";
import { serverAway } from "./page/connection.mjs";
import { aFailureEndsTheWay, everyStep, growsWhileItHappens, nothingIsInvented, playedAtItsOwnMoments, textIsNeverMarkup } from "./page/journeys.mjs";
import { keyboardOnly } from "./page/keyboard.mjs";
import { charactersAsPeopleCount, eventsHoweverCut } from "./page/modules.mjs";
import { blockedPermission, noPushHere, pushIsShown } from "./page/notifications.mjs";
import { noClickIsLost } from "./page/mouse.mjs";
import { onAPhone } from "./page/phone.mjs";

const stage = {};

before(async () => {
  [stage.demo, stage.browser] = await Promise.all([startDemo(), startChromium()]);
  [stage.commenter, stage.author] = await Promise.all(SEEDS.slice(0, 2).map((seed) => person(stage.demo.origin, seed)));
  stage.device = await startDevice(stage.demo.pushService, stage.author);
});

after(async () => {
  await stage.browser?.close();
  stage.device?.close();
  await stage.demo?.stop();
});

// Two at a time: those of the second half touch nothing that the first half looks at.
describe("the page", { concurrency: 2 }, () => {
  describe("with one user's square", { concurrency: 1 }, () => {
    it("everything can be done without a mouse", () => keyboardOnly(stage));
    it("on a phone nothing scrolls sideways and everything is within reach of a thumb", () => onAPhone(stage));
    it("a press below a field that folds is not lost", () => noClickIsLost(stage));
    it("axe finds nothing serious, on any page, in any state", () => nothingSevere(stage));
    it("a permission that was refused is told", () => blockedPermission(stage));
    it("a push is shown and its receipt completes the journey", () => pushIsShown(stage));
  });
  describe("by itself", { concurrency: 1 }, () => {
    it("a browser without push is told so within seconds", () => noPushHere(stage));
    it("a server that is away is told, and what was missed is shown", () => serverAway(stage));
    it("events are read the same wherever their bytes are cut", () => eventsHoweverCut(stage));
    it("a character is what people see as one", () => charactersAsPeopleCount(stage));
    it("a journey has every step, each at its moment", () => everyStep(stage));
    it("a journey shows no figure that its trace does not have", () => nothingIsInvented(stage));
    it("a journey ends in brick at the step that failed, and says why", () => aFailureEndsTheWay(stage));
    it("a journey grows while it happens, and takes no focus", () => growsWhileItHappens(stage));
    it("what people wrote is text in a journey", () => textIsNeverMarkup(stage));
    it("a journey is played at its own moments", () => playedAtItsOwnMoments(stage));
  });
});
