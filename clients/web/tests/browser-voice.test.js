import assert from "node:assert/strict";
import test from "node:test";

import { BrowserVoice } from "../browser-voice.js";
import { ManualClock } from "./stand-ins.js";

/** A browser with a voice; the test starts each utterance. */
function speaking() {
  const spoken = [];
  globalThis.SpeechSynthesisUtterance = class {
    constructor(text) {
      this.text = text;
    }
  };
  globalThis.speechSynthesis = {
    getVoices: () => ["a voice"],
    speak: (utterance) => spoken.push(utterance),
    cancel() {},
  };
  const clock = new ManualClock();
  return { voice: new BrowserVoice(clock.now), clock, spoken };
}

test("the played time counts from the first sound", () => {
  const { voice, clock, spoken } = speaking();
  assert.equal(voice.playedMs, 0);
  voice.say("Good day", {});
  clock.advance(200);
  assert.equal(voice.playedMs, 0); // the browser has not begun yet
  spoken[0].onstart();
  clock.advance(300);
  assert.equal(voice.playedMs, 300);
  voice.say("Again", {});
  assert.equal(voice.playedMs, 0);
  spoken[1].onstart();
  clock.advance(40);
  assert.equal(voice.playedMs, 40);
  voice.silence();
  assert.deepEqual([voice.playedMs, voice.isPlaying], [0, false]);
});
