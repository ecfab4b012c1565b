import assert from "node:assert/strict";
import test from "node:test";

import { LatencyTracker, VoicePerformanceMonitor } from "../latency.js";
import { ManualClock } from "./stand-ins.js";

test("an event that begins at time 0 is measured", () => {
  const clock = new ManualClock();
  const tracker = new LatencyTracker(clock.now);
  tracker.markStart("transcription");
  clock.advance(120);
  assert.equal(tracker.markEnd("transcription"), 120);
});

test("an event that has not started, or has ended, has no latency", () => {
  const tracker = new LatencyTracker();
  tracker.markStart("once");
  tracker.markEnd("once");
  assert.equal(tracker.markEnd("once"), -1);
  assert.equal(tracker.markEnd("toString"), -1);
});

test("timers set the metrics of their names", () => {
  const clock = new ManualClock();
  const monitor = new VoicePerformanceMonitor(clock.now);
  monitor.startTimer("connectionLatency");
  clock.advance(30);
  assert.equal(monitor.endTimer("connectionLatency"), 30);
  assert.equal(monitor.endTimer("connectionLatency"), -1);
  assert.equal(monitor.getMetrics().connectionLatency, 30);
});

test("timers of other names change no metric", () => {
  const monitor = new VoicePerformanceMonitor(() => 5);
  const before = monitor.getMetrics();
  for (const name of ["errorRate", "reconnectionCount", "toString", "mine"]) {
    monitor.startTimer(name);
    assert.equal(monitor.endTimer(name), 0);
  }
  assert.deepEqual(monitor.getMetrics(), before);
});

test("the error rate is a share of the turns", () => {
  const monitor = new VoicePerformanceMonitor();
  assert.equal(monitor.getMetrics().errorRate, 0);
  monitor.recordTurn({
    type: "turn_metrics",
    interrupted: false,
    inputAudioMs: 900,
    outputAudioMs: 800,
    sttFinalMs: 40,
    turnTotalMs: 700,
  });
  monitor.recordError();
  monitor.recordReconnection();
  const metrics = monitor.getMetrics();
  assert.equal(metrics.errorRate, 0.5);
  assert.equal(metrics.reconnectionCount, 1);
  assert.deepEqual(
    [metrics.transcriptionLatency, metrics.responseLatency, metrics.totalLatency],
    [40, 0, 700],
  );
});
