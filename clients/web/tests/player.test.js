import assert from "node:assert/strict";
import { test } from "node:test";

import { Player } from "../player.js";
import { FakeAudioContext } from "./audio-context.js";
import { Clock } from "./clock.js";

/** A player on a fake context. */
function playing(t) {
  const clock = new Clock(t);
  const context = new FakeAudioContext();
  const player = new Player(() => context);
  const reports = [];
  player.onPlayback = ({ responseId, playedMs, isPlaying }) => {
    reports.push([responseId, playedMs, isPlaying]);
  };
  const advance = (seconds) => {
    for (let left = Math.round(seconds * 20); left > 0; left -= 1) {
      context.advance(0.05);
      clock.advance(50);
    }
  };
  return { clock, context, player, reports, advance };
}

/** A file of the given length. */
const file = (seconds) => btoa(String(seconds));

test("pieces follow each other without a gap", async (t) => {
  const { context, player } = playing(t);
  for (const seconds of [1, 0.5, 2]) await player.play(1, file(seconds));
  assert.deepEqual(context.played, [
    [0.06, 1.06],
    [1.06, 1.56],
    [1.56, 3.56],
  ]);
  assert.equal(player.decodedSeconds, 3.5);
});

test("bytes are accepted like base64, and are not changed", async (t) => {
  const { context, player } = playing(t);
  const bytes = new TextEncoder().encode("1.5");
  await player.play(1, bytes);
  assert.deepEqual(context.played, [[0.06, 1.56]]);
  assert.equal(bytes.length, 3);
});

test("pieces keep their order in any order of decoding", async (t) => {
  const { context, player } = playing(t);
  context.waiting = [];
  const played = [1, 2, 3].map((seconds) => player.play(1, file(seconds)));
  await Promise.resolve();
  assert.equal(context.waiting.length, 3); // all at once
  context.waiting.reverse().forEach((decoded) => decoded());
  await Promise.all(played);
  assert.deepEqual(
    context.sources.map(({ buffer }) => buffer.duration),
    [1, 2, 3],
  );
});

test("a late piece begins after a head start, and pieces never overlap", async (t) => {
  const { context, player, advance } = playing(t);
  await player.play(1, file(1));
  advance(2);
  await player.play(1, file(1));
  await player.play(2, file(1));
  assert.deepEqual(context.played, [
    [0.06, 1.06],
    [2.06, 3.06],
    [3.06, 4.06],
  ]);
});

test("a piece that cannot be decoded is reported and left out, and the others play", async (t) => {
  const { context, player } = playing(t);
  const failures = [];
  player.addEventListener("failure", ({ detail }) => failures.push(detail.responseId));
  void player.play(1, file(1));
  void player.play(1, file(0));
  void player.play(2, "no base64?");
  await player.play(2, file(1));
  assert.deepEqual(failures, [1, 2]);
  assert.equal(context.played.length, 2);
  await assert.rejects(player.play(2, file(0)));
});

test("an early failure does not let later pieces overtake", async (t) => {
  const { context, player } = playing(t);
  context.waiting = [];
  const first = player.play(1, file(1));
  void player.play(1, "no base64?");
  const third = player.play(1, file(2));
  await Promise.resolve();
  context.waiting.reverse().forEach((decoded) => decoded());
  await Promise.all([first, third]);
  assert.deepEqual(
    context.sources.map(({ buffer }) => buffer.duration),
    [1, 2],
  );
});

test("flush stops playback at once, and a piece still being decoded never plays", async (t) => {
  const { context, player, advance } = playing(t);
  await player.play(3, file(1));
  await player.play(3, file(1));
  advance(0.5);
  context.waiting = [];
  const late = player.play(3, file(1));
  assert.deepEqual(player.flush(), { responseId: 3, playedMs: 440 });
  assert.equal(player.isPlaying, false);
  context.waiting.forEach((decoded) => decoded());
  context.waiting = null;
  await late;
  await player.play(3, file(1));
  assert.deepEqual(context.played, [[0.06, 0.505]]); // with the fade
  await player.play(4, file(1));
  assert.deepEqual(context.played.at(-1), [0.56, 1.56]);
});

test("silencing a response does not affect the next one", async (t) => {
  const { context, player } = playing(t);
  await player.play(1, file(1));
  await player.play(2, file(1));
  player.silence(1);
  assert.equal(player.isPlaying, true);
  assert.deepEqual(context.played, [[1.06, 2.06]]);
});

test("the played length excludes pauses and audio still in the device", async (t) => {
  const { context, player, advance } = playing(t);
  context.outputLatency = 0.04;
  await player.play(1, file(1));
  advance(0.5);
  assert.equal(player.playedMs(1), 400);
  advance(1.5);
  assert.equal(player.playedMs(1), 1_000);
  await player.play(1, file(1));
  advance(0.5);
  assert.equal(player.playedMs(1), 1_400);
  await player.play(2, file(1));
  player.silence(1);
  advance(5);
  assert.equal(player.playedMs(1), 1_440);
  assert.equal(player.playedMs(9), 0);
});

test("playback is reported during a response and at its end", async (t) => {
  const { clock, player, reports, advance } = playing(t);
  await player.play(1, file(2.5));
  await player.play(2, file(0.2));
  advance(3);
  assert.deepEqual(reports, [
    [1, 40, true],
    [1, 1040, true],
    [1, 2040, true],
    [1, 2500, false],
    [2, 40, true],
    [2, 200, false],
  ]);
  assert.equal(clock.intervals, 0);
  await player.play(3, file(1));
  advance(0.2);
  player.flush();
  assert.deepEqual(reports.at(-1), [3, 140, false]);
  assert.equal(clock.intervals, 0);
});

test("a held player is silent, and resumes without loss", async (t) => {
  const { context, player, reports, advance } = playing(t);
  await player.play(1, file(1));
  advance(0.56);
  player.hold(1);
  assert.deepEqual([player.isHeld, player.isBlocked, context.state], [true, false, "suspended"]);
  advance(5);
  await player.play(1, file(1)); // does not end the hold
  player.unlock();
  assert.deepEqual([player.playedMs(1), context.state], [490, "suspended"]);
  player.release();
  advance(3);
  assert.deepEqual(context.played, [
    [0.06, 1.06],
    [1.06, 2.06],
  ]);
  assert.deepEqual(reports.at(-1), [1, 2000, false]);
  assert.equal(reports.length, 3); // none during the hold
});

test("a hold before the first sound delays a response, and ends when it is silenced", async (t) => {
  const { context, player, advance } = playing(t);
  player.hold(1);
  await player.play(1, file(1));
  advance(1);
  assert.equal(player.playedMs(1), 0);
  player.silence(1);
  assert.deepEqual([player.isHeld, context.state, context.played], [false, "running", []]);
  player.hold(1); // arrives late
  assert.equal(player.isHeld, false);
  await player.play(2, file(1));
  advance(2);
  assert.equal(player.playedMs(2), 1_000);
});

test("a suspended context keeps its pieces until it runs", async (t) => {
  const { context, player, advance } = playing(t);
  context.state = "suspended";
  await player.play(1, file(1));
  await player.play(1, file(1));
  assert.equal(player.isBlocked, true);
  assert.equal(player.playedMs(1), 0);
  context.state = "running";
  assert.equal(player.isBlocked, false);
  advance(1.05);
  assert.equal(player.playedMs(1), 990);
  assert.ok(context.resumes > 0);
});

test("a closed player opens another context for later pieces", async (t) => {
  new Clock(t);
  const contexts = [];
  const player = new Player(() => contexts[contexts.push(new FakeAudioContext()) - 1]);
  await player.play(1, file(1));
  contexts[0].advance(0.56);
  await player.close();
  assert.equal(player.playedMs(1), 500);
  await player.play(2, file(1));
  contexts[1].advance(0.26);
  assert.deepEqual([contexts[0].state, player.playedMs(2)], ["closed", 200]);
});
