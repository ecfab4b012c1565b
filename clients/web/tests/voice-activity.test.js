import assert from "node:assert/strict";
import { test } from "node:test";

import { SpeechEdges, VoiceActivityDetector } from "../voice-activity.js";
import { Clock } from "./clock.js";

/** A loudness that the test sets; counts its readings. */
class Meter {
  now = 0;
  reads = 0;

  get loudness() {
    this.reads += 1;
    return this.now;
  }
}

/** A detector that listens to a meter, on the test's clock; what it said. */
function listening(t) {
  const clock = new Clock(t);
  const meter = new Meter();
  const detector = new VoiceActivityDetector(meter, () => clock.nowMs);
  const said = [];
  detector.startDetection(
    () => said.push("start"),
    () => said.push("end"),
  );
  const hear = (loudness, ms) => {
    meter.now = loudness;
    clock.advance(ms);
  };
  return { clock, meter, detector, said, hear };
}

test("each edge is found once", () => {
  const edges = new SpeechEdges();
  const readings = [10, 40, 90, 31, 30, 5, 5, 5, 5];
  const found = readings.map((loudness, index) => edges.observe(loudness, index * 1_000));
  assert.deepEqual(found, [null, "start", null, null, null, "end", null, null, null]);
});

test("silence alone is no end", () => {
  const edges = new SpeechEdges();
  assert.ok([0, 5_000, 10_000].every((nowMs) => edges.observe(0, nowMs) === null));
});

test("a pause shorter than the timeout is none", () => {
  const edges = new SpeechEdges();
  edges.observe(80, 0);
  assert.equal(edges.observe(0, 1_900), null);
  assert.equal(edges.observe(80, 1_950), null);
  assert.equal(edges.observe(0, 3_900), null);
  assert.equal(edges.observe(0, 3_950), "end");
});

test("threshold and timeout can be set while it listens", (t) => {
  const { detector, said, hear } = listening(t);
  detector.setThreshold(60);
  hear(50, 1_000);
  assert.deepEqual(said, []);
  detector.setThreshold(40);
  hear(50, 1_000);
  assert.deepEqual(said, ["start"]);
  detector.setSilenceTimeout(300);
  hear(0, 300);
  assert.deepEqual(said, ["start", "end"]);
});

test("it tells of each utterance once, however long it is", (t) => {
  const { detector, said, hear } = listening(t);
  hear(80, 10_000);
  assert.equal(detector.isSpeaking, true);
  hear(0, 10_000);
  hear(80, 50);
  assert.deepEqual(said, ["start", "end", "start"]);
});

test("it stops when told, and reads no more", (t) => {
  const { clock, detector, said, hear } = listening(t);
  hear(80, 100);
  detector.stopDetection();
  hear(0, 60_000);
  assert.deepEqual(said, ["start"]);
  assert.equal(clock.intervals, 0);
  assert.equal(detector.isSpeaking, false);
});

test("to start again replaces who is told", (t) => {
  const { meter, detector, said, hear } = listening(t);
  const others = [];
  detector.startDetection(
    () => others.push("start"),
    () => others.push("end"),
  );
  hear(80, 1_000);
  assert.deepEqual([said, others], [[], ["start"]]);
  assert.equal(meter.reads, 20);
});

test("who is told may stop it", (t) => {
  const { meter, detector, hear } = listening(t);
  detector.startDetection(() => detector.stopDetection(), assert.fail);
  hear(80, 5_000);
  assert.equal(meter.reads, 1);
});
