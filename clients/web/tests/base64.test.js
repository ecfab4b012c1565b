import assert from "node:assert/strict";
import { test } from "node:test";

import { toBase64, toBytes } from "../base64.js";

test("bytes of every value and any length survive a round trip", () => {
  for (const length of [0, 1, 2, 3, 256, 100_000]) {
    const bytes = Uint8Array.from({ length }, (_, index) => index % 256);
    const base64 = toBase64(bytes);
    assert.equal(base64, Buffer.from(bytes).toString("base64"));
    assert.deepEqual(toBytes(base64), bytes);
  }
});

test("text that is not base64 is refused", () => {
  assert.throws(() => toBytes("a?b"));
});
