import assert from "node:assert/strict";
import { test } from "node:test";

import { Succession } from "../succession.js";

test("the first lane goes through at once", () => {
  const heard = [];
  const lane = new Succession((item) => heard.push(item)).open();
  lane.put(1);
  assert.deepEqual(heard, [1]);
});

test("later lanes wait until those before are closed, and keep their order", () => {
  const heard = [];
  const succession = new Succession((item) => heard.push(item));
  const [first, second, third] = [1, 2, 3].map(() => succession.open());
  third.put("c1");
  second.put("b1");
  first.put("a1");
  third.close();
  first.put("a2");
  assert.deepEqual(heard, ["a1", "a2"]);
  first.close();
  assert.deepEqual(heard, ["a1", "a2", "b1"]);
  second.put("b2");
  second.close();
  assert.deepEqual(heard, ["a1", "a2", "b1", "b2", "c1"]);
});

test("a lane may be closed before those in front of it", () => {
  const heard = [];
  const succession = new Succession((item) => heard.push(item));
  const [first, second] = [succession.open(), succession.open()];
  second.close();
  first.close();
  const last = succession.open();
  last.put("now");
  assert.deepEqual(heard, ["now"]);
});
