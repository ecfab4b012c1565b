import assert from "node:assert/strict";
import { test } from "node:test";

import { OrderedLanes } from "../ordered-lanes.js";

test("items of the first lane are delivered at once", () => {
  const delivered = [];
  const lane = new OrderedLanes((item) => delivered.push(item)).open();
  lane.put(1);
  assert.deepEqual(delivered, [1]);
});

test("later lanes wait until earlier ones are closed, and keep their order", () => {
  const delivered = [];
  const lanes = new OrderedLanes((item) => delivered.push(item));
  const [first, second, third] = [1, 2, 3].map(() => lanes.open());
  third.put("c1");
  second.put("b1");
  first.put("a1");
  third.close();
  first.put("a2");
  assert.deepEqual(delivered, ["a1", "a2"]);
  first.close();
  assert.deepEqual(delivered, ["a1", "a2", "b1"]);
  second.put("b2");
  second.close();
  assert.deepEqual(delivered, ["a1", "a2", "b1", "b2", "c1"]);
});

test("a lane may be closed before earlier ones", () => {
  const delivered = [];
  const lanes = new OrderedLanes((item) => delivered.push(item));
  const [first, second] = [lanes.open(), lanes.open()];
  second.close();
  first.close();
  const last = lanes.open();
  last.put("now");
  assert.deepEqual(delivered, ["now"]);
});
