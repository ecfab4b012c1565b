import assert from "node:assert/strict";
import { test } from "node:test";

import { BITS_PER_SECOND, QualityPolicy, ceilingOf } from "../quality.js";

/** Return the bytes on the wire for a length of audio in a quality. */
const backlog = (quality, ms) => (BITS_PER_SECOND[quality] * ms) / 1000 / 6;

/** Observe every 500 ms of an interval, and return the quality at each time. */
function observe(policy, fromMs, toMs, conditions = {}) {
  const qualities = [];
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += 500) {
    qualities.push(policy.observe({ nowMs, ...conditions }));
  }
  return qualities;
}

test("the connection's type limits the quality, and unknown types count as good ones", () => {
  const types = ["4g", "3g", "2g", "slow-2g", undefined, "5g"];
  assert.deepEqual(types.map(ceilingOf), ["high", "medium", "low", "low", "high", "high"]);
  const policy = new QualityPolicy();
  assert.equal(policy.observe({ nowMs: 0, effectiveType: "3g" }), "medium");
  assert.equal(policy.observe({ nowMs: 100, effectiveType: "2g" }), "low");
});

test("the quality rises to that of a better type step by step", () => {
  const policy = new QualityPolicy("low");
  const qualities = observe(policy, 0, 15_000, { effectiveType: "4g" });
  assert.deepEqual([...new Set(qualities)], ["low", "medium", "high"]);
  assert.equal(qualities.indexOf("medium"), 10); // after 5 s without a backlog
  assert.equal(observe(policy, 16_000, 90_000, { effectiveType: "3g" }).at(-1), "medium");
});

test("a backlog lowers the quality by one step only, until it settles", () => {
  const policy = new QualityPolicy();
  assert.equal(policy.observe({ nowMs: 0, backlogBytes: backlog("high", 500) }), "high");
  const conditions = { backlogBytes: backlog("high", 700) };
  assert.equal(policy.observe({ nowMs: 500, ...conditions }), "medium");
  assert.equal(policy.observe({ nowMs: 1_500, ...conditions }), "medium");
  assert.equal(policy.observe({ nowMs: 2_500, ...conditions }), "low");
  assert.equal(policy.observe({ nowMs: 9_000, ...conditions }), "low");
});

test("a small backlog keeps the quality from rising", () => {
  const policy = new QualityPolicy("medium");
  const conditions = { backlogBytes: backlog("medium", 200) };
  assert.equal(observe(policy, 0, 60_000, conditions).at(-1), "medium");
});

test("each step up that proves too high doubles the time to the next one", () => {
  const policy = new QualityPolicy();
  const climbs = [];
  let nowMs = 0;
  for (let round = 0; round < 7; round += 1) {
    policy.observe({ nowMs, backlogBytes: backlog("high", 1_000) });
    assert.equal(policy.quality, "medium");
    const sinceMs = nowMs;
    while (policy.observe({ nowMs }) !== "high") nowMs += 500;
    climbs.push(nowMs - sinceMs);
    nowMs += 2_000;
  }
  assert.deepEqual(climbs, [5_000, 10_000, 20_000, 40_000, 80_000, 80_000, 80_000]);
});
