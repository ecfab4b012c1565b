import assert from "node:assert/strict";
import { test } from "node:test";

import { Heard } from "../heard.js";

test("pauses between pieces do not count", () => {
  const heard = new Heard();
  heard.add(1, 0, 1);
  heard.add(1, 1, 2);
  heard.add(1, 5, 6);
  assert.deepEqual(
    [0, 0.5, 2, 4, 5.5, 9].map((now) => heard.secondsOf(1, now)),
    [0, 0.5, 2, 2, 2.5, 3],
  );
});

test("a cut ends what sounds and takes away what would have come", () => {
  const heard = new Heard();
  heard.add(1, 0, 2);
  heard.add(1, 3, 4);
  heard.cut(1, 1.5);
  heard.cut(7, 1.5);
  assert.equal(heard.secondsOf(1, Infinity), 1.5);
  assert.equal(heard.secondsOf(7, Infinity), 0);
});

test("only the latest responses are remembered", () => {
  const heard = new Heard();
  for (let id = 1; id <= 20; id += 1) heard.add(id, id, id + 1);
  assert.equal(heard.secondsOf(1, Infinity), 0);
  assert.equal(heard.secondsOf(20, Infinity), 1);
});
