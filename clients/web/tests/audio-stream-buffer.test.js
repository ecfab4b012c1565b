import assert from "node:assert/strict";
import test from "node:test";

import { AudioStreamBuffer } from "../audio-stream-buffer.js";

const HEADER = [0x1a, 0x45, 0xdf, 0xa3, 0x80];
const CLUSTER = [0x1f, 0x43, 0xb6, 0x75];

const blob = (...bytes) => new Blob([Uint8Array.from(bytes)], { type: "audio/webm;codecs=opus" });
const contentOf = async (buffer) => [
  ...new Uint8Array(await buffer.getCombinedAudio().arrayBuffer()),
];

async function filled(maxChunks, chunks) {
  const buffer = new AudioStreamBuffer(maxChunks);
  for (const chunk of chunks) await buffer.addChunk(chunk);
  return buffer;
}

test("nothing is dropped while there is room", async () => {
  const buffer = await filled(3, [blob(...HEADER, ...CLUSTER, 1), blob(2), blob(3)]);
  assert.deepEqual(await contentOf(buffer), [...HEADER, ...CLUSTER, 1, 2, 3]);
  assert.equal(buffer.getCombinedAudio().type, "audio/webm;codecs=opus");
});

test("the header stays, followed by whole clusters", async () => {
  const buffer = await filled(2, [
    blob(...HEADER, ...CLUSTER, 1, 1),
    blob(2, ...CLUSTER, 3),
    blob(4, ...CLUSTER, 5),
    blob(6),
    blob(7),
  ]);
  assert.deepEqual(await contentOf(buffer), [...HEADER, ...CLUSTER, 5, 6, 7]);
});

test("a cluster's mark may lie across chunks", async () => {
  const buffer = await filled(1, [
    blob(...HEADER, ...CLUSTER, 1, 0x1f),
    blob(0x43, 0xb6),
    blob(0x75, 2),
    blob(3),
  ]);
  assert.deepEqual(await contentOf(buffer), [...HEADER, ...CLUSTER, 2, 3]);
});

test("a stream in one long cluster is kept whole: a part of it is not decodable", async () => {
  const chunks = [blob(...HEADER, ...CLUSTER, 1), blob(2), blob(3), blob(4)];
  const buffer = await filled(1, chunks);
  assert.deepEqual(await contentOf(buffer), [...HEADER, ...CLUSTER, 1, 2, 3, 4]);
});

test("a chunk is part of the audio at once", async () => {
  const buffer = new AudioStreamBuffer();
  const added = buffer.addChunk(blob(...HEADER, 1));
  assert.deepEqual(await contentOf(buffer), [...HEADER, 1]);
  await added;
});

test("another recording begins with its header", async () => {
  const buffer = await filled(1, [
    blob(...HEADER, ...CLUSTER, 1),
    blob(...CLUSTER, 2),
    blob(3),
    blob(...HEADER, ...CLUSTER, 9),
  ]);
  assert.deepEqual(await contentOf(buffer), [...HEADER, ...CLUSTER, 9]);
});

test("a cleared buffer holds no earlier chunk, not even one that is still being read", async () => {
  const buffer = new AudioStreamBuffer(1);
  const added = buffer.addChunk(blob(...HEADER, ...CLUSTER, 1));
  buffer.clear();
  await added;
  await buffer.addChunk(blob(...HEADER, ...CLUSTER, 2));
  assert.deepEqual(await contentOf(buffer), [...HEADER, ...CLUSTER, 2]);
});
