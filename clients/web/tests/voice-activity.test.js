import assert from "node:assert/strict";
import { test } from "node:test";

import { SpeechEdges, VoiceActivityDetector } from "../voice-activity.js";
import { Clock } from "./clock.js";

/** A meter with a loudness that the test sets, and a count of its readings. */
class Meter {
  now = 0;
  reads = 0;

  get loudness() {
    this.reads += 1;
    return this.now;
  }
}

/** A detector on a meter and the test's clock, and the list of its reports. */
function listening(t) {
  const clock = new Clock(t);
  const meter = new Meter();
  const detector = new VoiceActivityDetector(meter, () => clock.nowMs);
  const reports = [];
  detector.startDetection(
    () => reports.push("start"),
    () => reports.push("end"),
  );
  const measure = (loudness, ms) => {
    meter.now = loudness;
    clock.advance(ms);
  };
  return { clock, meter, detector, reports, measure };
}

test("each start and end is found once", () => {
  const edges = new SpeechEdges();
  const readings = [10, 40, 90, 31, 30, 5, 5, 5, 5];
  const found = readings.map((loudness, index) => edges.observe(loudness, index * 1_000));
  assert.deepEqual(found, [null, "start", null, null, null, "end", null, null, null]);
});

test("silence without speech is no end", () => {
  const edges = new SpeechEdges();
  assert.ok([0, 5_000, 10_000].every((nowMs) => edges.observe(0, nowMs) === null));
});

test("a pause shorter than the timeout is no end", () => {
  const edges = new SpeechEdges();
  edges.observe(80, 0);
  assert.equal(edges.observe(0, 1_900), null);
  assert.equal(edges.observe(80, 1_950), null);
  assert.equal(edges.observe(0, 3_900), null);
  assert.equal(edges.observe(0, 3_950), "end");
});

test("threshold and timeout can be set during detection", (t) => {
  const { detector, reports, measure } = listening(t);
  detector.setThreshold(60);
  measure(50, 1_000);
  assert.deepEqual(reports, []);
  detector.setThreshold(40);
  measure(50, 1_000);
  assert.deepEqual(reports, ["start"]);
  detector.setSilenceTimeout(300);
  measure(0, 300);
  assert.deepEqual(reports, ["start", "end"]);
});

test("each utterance is reported once, at any length", (t) => {
  const { detector, reports, measure } = listening(t);
  measure(80, 10_000);
  assert.equal(detector.isSpeaking, true);
  measure(0, 10_000);
  measure(80, 50);
  assert.deepEqual(reports, ["start", "end", "start"]);
});

test("a stopped detector takes no more readings", (t) => {
  const { clock, detector, reports, measure } = listening(t);
  measure(80, 100);
  detector.stopDetection();
  measure(0, 60_000);
  assert.deepEqual(reports, ["start"]);
  assert.equal(clock.intervals, 0);
  assert.equal(detector.isSpeaking, false);
});

test("a second start replaces the callbacks", (t) => {
  const { meter, detector, reports, measure } = listening(t);
  const others = [];
  detector.startDetection(
    () => others.push("start"),
    () => others.push("end"),
  );
  measure(80, 1_000);
  assert.deepEqual([reports, others], [[], ["start"]]);
  assert.equal(meter.reads, 20);
});

test("a callback may stop the detector", (t) => {
  const { meter, detector, measure } = listening(t);
  detector.startDetection(() => detector.stopDetection(), assert.fail);
  measure(80, 5_000);
  assert.equal(meter.reads, 1);
});
