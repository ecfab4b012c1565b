import assert from "node:assert/strict";
import test from "node:test";

import { BrowserVoice } from "../browser-voice.js";
import { ManualClock } from "./stand-ins.js";

/** A browser with a voice; what it says waits for the test to begin it. */
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

test("what was heard is counted from when it sounds", () => {
  const { voice, clock, spoken } = speaking();
  assert.equal(voice.playedMs, 0);
  voice.say("Good day", {});
  clock.advance(200);
  assert.equal(voice.playedMs, 0); // the browser has yet to begin
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
