import assert from "node:assert/strict";
import { test } from "node:test";

import { PlaybackPosition } from "../playback-position.js";

test("pauses between pieces do not count", () => {
  const position = new PlaybackPosition();
  position.add(1, 0, 1);
  position.add(1, 1, 2);
  position.add(1, 5, 6);
  assert.deepEqual(
    [0, 0.5, 2, 4, 5.5, 9].map((now) => position.playedSeconds(1, now)),
    [0, 0.5, 2, 2, 2.5, 3],
  );
});

test("a cut ends the sounding piece and removes later ones", () => {
  const position = new PlaybackPosition();
  position.add(1, 0, 2);
  position.add(1, 3, 4);
  position.cut(1, 1.5);
  position.cut(7, 1.5);
  assert.equal(position.playedSeconds(1, Infinity), 1.5);
  assert.equal(position.playedSeconds(7, Infinity), 0);
});

test("only the latest responses are kept", () => {
  const position = new PlaybackPosition();
  for (let id = 1; id <= 20; id += 1) position.add(id, id, id + 1);
  assert.equal(position.playedSeconds(1, Infinity), 0);
  assert.equal(position.playedSeconds(20, Infinity), 1);
});
