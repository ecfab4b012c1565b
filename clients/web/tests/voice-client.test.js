import assert from "node:assert/strict";
import test from "node:test";

import { ConnectionOver, VoiceClient } from "../voice-client.js";
import { environment } from "./stand-ins.js";

const URL_OF_BRIDGE = "ws://localhost/api/voice/ws";
const HEADER = new Uint8Array([0x1a, 0x45, 0xdf, 0xa3, 0x01]);
const TAIL = new Uint8Array([1, 2, 3, 4, 5]);

function start({ config = {}, token = null, ...options } = {}) {
  const env = environment();
  const client = new VoiceClient(URL_OF_BRIDGE, config, token, { ...env, ...options });
  client.connect();
  return { client, ...env };
}

/** Collect the client's events of a type from now on. */
function collect(client, type) {
  const details = [];
  client.on(type, (detail) => details.push(detail));
  return details;
}

test("a socket is configured before anything else", () => {
  const { client, sockets } = start({ config: { settings: { rate: 2 } } });
  client.sendText("hello");
  sockets[0].welcome();
  assert.deepEqual(
    sockets[0].sent.map((text) => JSON.parse(text)),
    [
      { type: "config", turnDetection: {}, settings: { rate: 2 } },
      { type: "text", text: "hello" },
    ],
  );
  assert.equal(client.status, "connected");
});

test("a session keeps its name from socket to socket", () => {
  const { client, sockets, clock } = start();
  sockets[0].fail();
  clock.advance(500);
  assert.equal(sockets.length, 2);
  assert.equal(sockets[1].url.searchParams.get("sessionId"), client.sessionId);
});

test("a session is continued by its name, from its current position", () => {
  const { sockets } = start({ sessionId: "mine" });
  assert.equal(sockets[0].url.searchParams.get("lastSeq"), null);
  assert.equal(sockets[0].url.searchParams.get("sessionId"), "mine");
});

test("delays double up to a limit, and start over after a connection", () => {
  const { client, sockets, clock } = start();
  const waits = [];
  for (let attempt = 0; attempt < 6; attempt += 1) {
    sockets.at(-1).fail();
    const count = sockets.length;
    const before = clock.now();
    while (sockets.length === count) clock.advance(1);
    waits.push(clock.now() - before);
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 8000]);
  assert.equal(client.status, "reconnecting");
  sockets.at(-1).welcome({ resumed: true });
  sockets.at(-1).fail();
  clock.advance(500);
  assert.equal(sockets.length, 8);
});

test("jitter shortens a delay by up to half", () => {
  const { sockets, clock } = start({ random: () => 0 });
  sockets[0].fail();
  clock.advance(249);
  assert.equal(sockets.length, 1);
  clock.advance(1);
  assert.equal(sockets.length, 2);
});

test("an overloaded service gets its retryAfterMs", () => {
  const { sockets, clock } = start();
  sockets[0].say({ type: "error", code: "overloaded", message: "later", retryAfterMs: 3000 });
  sockets[0].fail(1013);
  clock.advance(2999);
  assert.equal(sockets.length, 1);
  clock.advance(1);
  assert.equal(sockets.length, 2);
});

test("a new socket names the last sequence number received", () => {
  const { sockets, clock } = start();
  assert.equal(sockets[0].url.searchParams.get("lastSeq"), "0");
  sockets[0].welcome();
  sockets[0].say({ type: "response_chunk", seq: 7, turnId: 1, text: "Hi", responseId: 1 });
  sockets[0].fail();
  clock.advance(500);
  assert.equal(sockets[1].url.searchParams.get("lastSeq"), "6"); // event 7 may have more frames
});

test("a new socket of a session without events requests all of them", () => {
  const { sockets, clock } = start();
  sockets[0].welcome();
  sockets[0].fail();
  clock.advance(500);
  assert.equal(sockets[1].url.searchParams.get("lastSeq"), "0");
});

test("a ping acknowledges the events received completely", () => {
  const { sockets, clock } = start();
  sockets[0].welcome();
  sockets[0].say({ type: "response_chunk", seq: 7, turnId: 1, text: "Hi", responseId: 1 });
  clock.advance(10_000);
  assert.equal(sockets[0].frames("ping")[0].lastSeq, 6);
});

test("a silent socket is replaced", () => {
  const { client, sockets, clock } = start();
  sockets[0].welcome();
  clock.advance(20_000);
  assert.equal(sockets[0].frames("ping").length, 2);
  sockets[0].say({ type: "pong", sentAt: 0, answeredAt: 0 });
  clock.advance(20_000);
  assert.equal(client.status, "connected");
  clock.advance(10_000);
  assert.equal(client.status, "reconnecting");
  assert.ok(sockets[0].isClosed);
});

test("frames are queued in order while there is no connection", async () => {
  const { client, sockets, clock } = start();
  sockets[0].welcome();
  sockets[0].fail();
  client.startListening();
  client.sendAudio(new Blob([HEADER]));
  client.sendAudio(TAIL);
  await client.stopListening();
  clock.advance(500);
  sockets[1].welcome({ resumed: true });
  const sent = sockets[1].frames("start_listening", "audio_chunk", "stop_listening");
  assert.deepEqual(
    sent.map(({ type, data }) => data ?? type),
    ["start_listening", "GkXfowE=", "AQIDBAU=", "stop_listening"],
  );
});

test("the end of a recording is sent after its last piece", async () => {
  const { client, sockets } = start();
  sockets[0].welcome();
  let finish = () => {};
  const piece = new Blob([TAIL]);
  piece.arrayBuffer = () => new Promise((resolve) => (finish = () => resolve(TAIL.buffer)));
  client.sendAudio(piece);
  const stopped = client.stopListening();
  await Promise.resolve();
  assert.deepEqual(sockets[0].frames("stop_listening"), []);
  finish();
  await stopped;
  const sent = sockets[0].frames("audio_chunk", "stop_listening");
  assert.deepEqual(sent.map(({ type }) => type), ["audio_chunk", "stop_listening"]);
});

test("a piece that cannot be read fails alone", async () => {
  const { client, sockets } = start();
  sockets[0].welcome();
  const piece = new Blob([TAIL]);
  piece.arrayBuffer = () => Promise.reject(new Error("gone"));
  await assert.rejects(client.sendAudio(piece), /gone/);
  assert.equal(await client.stopListening(), true);
});

test("a full queue refuses frames, and reports it", () => {
  const { client } = start({ maxQueueBytes: 60 });
  const dropped = collect(client, "dropped");
  assert.equal(client.sendText("a".repeat(20)), true);
  assert.equal(client.sendText("b".repeat(20)), false);
  assert.deepEqual(dropped, [{ reason: "queue_full", count: 1 }]);
});

test("an unacknowledged frame is sent again with its sequence number", async () => {
  const { client, sockets, clock } = start();
  sockets[0].welcome({ received: 0 });
  client.startListening();
  client.sendAudio(HEADER);
  await client.sendAudio(TAIL);
  const [start_, header, tail] = sockets[0].frames("start_listening", "audio_chunk");
  assert.ok(0 < start_.seq && start_.seq < header.seq && header.seq < tail.seq);
  sockets[0].say({ type: "pong", sentAt: 0, answeredAt: 0, received: start_.seq });
  sockets[0].fail();
  await client.stopListening();
  clock.advance(500);
  sockets[1].welcome({ resumed: true, received: header.seq });
  const again = sockets[1].frames("start_listening", "audio_chunk", "stop_listening");
  assert.deepEqual(again, [tail, { type: "stop_listening", seq: tail.seq + 1 }]);
});

test("a page that continues a session leaves sequence numbers to frames in flight", () => {
  const { client, sockets } = start({ sessionId: "mine" });
  client.sendText("hello");
  sockets[0].welcome({ resumed: true, received: 7 });
  const [{ seq }] = sockets[0].frames("text");
  assert.ok(seq > 1_000_000);
});

test("frames sent to a lost session are not sent to the next", () => {
  const { client, sockets, clock } = start();
  const dropped = collect(client, "dropped");
  sockets[0].welcome({ received: 0 });
  client.sendText("hello");
  sockets[0].fail();
  client.sendText("again");
  clock.advance(500);
  sockets[1].welcome({ resumed: false, received: 0 });
  assert.deepEqual(sockets[1].frames("text").map(({ text }) => text), ["again"]);
  assert.deepEqual(dropped, []);
});

test("unacknowledged frames make room for new ones", () => {
  const { client, sockets, clock } = start({ maxQueueBytes: 100 });
  sockets[0].welcome({ received: 0 });
  for (const letter of "abcdef") assert.equal(client.sendText(letter.repeat(20)), true);
  assert.equal(sockets[0].frames("text").length, 6);
  sockets[0].fail();
  clock.advance(500);
  sockets[1].welcome({ resumed: true, received: 0 });
  const letters = sockets[1].frames("text").map(({ text }) => text[0]).join("");
  assert.equal(letters, "ef");
});

test("the rest of a recording is not sent to a session without its beginning", async () => {
  const { client, sockets, clock } = start();
  const dropped = collect(client, "dropped");
  sockets[0].welcome();
  sockets[0].fail();
  await client.sendAudio(TAIL);
  client.interrupt(1, 10);
  client.sendText("hello");
  await client.sendAudio(HEADER);
  await client.sendAudio(TAIL);
  clock.advance(500);
  sockets[1].welcome({ resumed: false });
  const sent = sockets[1].frames("audio_chunk", "interrupt", "text");
  assert.deepEqual(sent.map(({ type, data }) => data ?? type), ["text", "GkXfowE=", "AQIDBAU="]);
  assert.deepEqual(dropped, [{ reason: "session_lost", count: 2 }]);
});

test("repeated frames after a lost connection are dispatched once", () => {
  const { client, sockets, clock } = start();
  const chunks = collect(client, "response_chunk");
  const audio = collect(client, "audio_chunk");
  const ends = collect(client, "audio_complete");
  sockets[0].welcome();
  const frames = [
    { type: "response_chunk", seq: 4, responseId: 1, text: "a" },
    { type: "audio_chunk", seq: 5, responseId: 1, data: "" },
  ];
  sockets[0].say(...frames);
  sockets[0].fail();
  clock.advance(500);
  sockets[1].welcome({ resumed: true });
  sockets[1].say(...frames, { type: "audio_complete", seq: 5, responseId: 1 });
  assert.deepEqual([chunks.length, audio.length, ends.length], [1, 1, 1]);
  assert.equal(client.lastSeq, 5);
});

test("a new session is received from its beginning", () => {
  const { client, sockets, clock } = start();
  const chunks = collect(client, "response_chunk");
  sockets[0].welcome();
  sockets[0].say({ type: "response_chunk", seq: 9, responseId: 1, text: "a" });
  sockets[0].fail();
  clock.advance(500);
  sockets[1].welcome({ resumed: false });
  sockets[1].say({ type: "response_chunk", seq: 1, responseId: 1, text: "b" });
  assert.deepEqual(chunks.map(({ text }) => text), ["a", "b"]);
});

test("a change of configuration applies to later sockets", () => {
  const { client, sockets, clock } = start({ config: { context: 1, settings: { rate: 1 } } });
  sockets[0].welcome();
  client.configure({ settings: { rate: 2 } });
  assert.deepEqual(sockets[0].frames("config")[1], { type: "config", settings: { rate: 2 } });
  sockets[0].fail();
  clock.advance(500);
  sockets[1].welcome();
  const [config] = sockets[1].frames("config");
  assert.deepEqual(config, {
    type: "config",
    turnDetection: {},
    context: 1,
    settings: { rate: 2 },
  });
});

for (const [code, status] of [[1008, "refused"], [4409, "replaced"]]) {
  test(`a connection that is ${status} is not opened again`, async () => {
    const { client, sockets, clock } = start();
    const dropped = collect(client, "dropped");
    client.sendText("hello");
    const opened = client.opened();
    sockets[0].fail(code);
    await assert.rejects(opened, (error) => error instanceof ConnectionOver);
    clock.advance(60_000);
    assert.equal(sockets.length, 1);
    assert.equal(client.status, status);
    assert.deepEqual(dropped, [{ reason: "closed", count: 1 }]);
    assert.equal(client.sendText("more"), false);
  });
}

test("a closed client opens nothing and leaves no timer", () => {
  const { client, sockets, clock } = start();
  sockets[0].fail();
  client.close();
  assert.equal(clock.pending, 0);
  clock.advance(60_000);
  assert.equal(sockets.length, 1);
  assert.equal(client.status, "closed");
});

test("a client waits for its connection through failed attempts", async () => {
  const { client, sockets, clock } = start();
  const opened = client.opened();
  sockets[0].fail();
  clock.advance(500);
  sockets[1].welcome();
  await opened;
  assert.equal(client.socket, sockets[1]);
});

test("a listener can stop listening", () => {
  const { client, sockets } = start();
  const texts = [];
  const stop = client.on("transcription_final", ({ text }) => texts.push(text));
  sockets[0].say({ type: "transcription_final", text: "a" });
  stop();
  sockets[0].say({ type: "transcription_final", text: "b" });
  assert.deepEqual(texts, ["a"]);
});

test("a lost connection has the time of its next attempt", () => {
  const { client, sockets, clock } = start();
  assert.equal(client.retryAt, null);
  clock.advance(100);
  sockets[0].fail();
  assert.equal(client.retryAt, 600);
  clock.advance(500);
  assert.equal(client.retryAt, null);
});

test("a ready after a configuration starts no session", () => {
  const { client, sockets } = start();
  sockets[0].welcome();
  sockets[0].say({ type: "response_chunk", seq: 4, responseId: 1, text: "a" });
  sockets[0].say({ type: "ready", sessionId: "s", resumed: false });
  assert.equal(client.lastSeq, 4);
});

test("texts to speak are queued for a new session, requests for answers are dropped", () => {
  const { client, sockets, clock } = start();
  sockets[0].welcome();
  client.createResponse("Be brief.");
  sockets[0].fail();
  client.say("Welcome back", { interruptible: false, addToHistory: false });
  client.createResponse();
  clock.advance(500);
  sockets[1].welcome({ resumed: false });
  assert.deepEqual(sockets[0].frames("create_response"), [
    { type: "create_response", instructions: "Be brief." },
  ]);
  assert.deepEqual(sockets[1].frames("say", "create_response"), [
    { type: "say", text: "Welcome back", interruptible: false, addToHistory: false },
  ]);
});

test("the newest playback report is kept for the connection, and sent to its session only", () => {
  const { client, sockets, clock } = start();
  const dropped = collect(client, "dropped");
  sockets[0].welcome();
  client.reportPlayback({ responseId: 1, playedMs: 40, isPlaying: true });
  sockets[0].fail();
  client.reportPlayback({ responseId: 1, playedMs: 1040, isPlaying: true });
  client.reportPlayback({ responseId: 1, playedMs: 1500, isPlaying: false });
  clock.advance(500);
  sockets[1].welcome({ resumed: true });
  sockets[1].fail();
  client.reportPlayback({ responseId: 2, playedMs: 40, isPlaying: true });
  clock.advance(500);
  sockets[2].welcome({ resumed: false });
  assert.deepEqual(
    sockets.map((socket) => socket.frames("playback").map(({ playedMs }) => playedMs)),
    [[40], [1500], []],
  );
  assert.deepEqual(sockets[0].frames("playback"), [{ type: "playback", responseId: 1, playedMs: 40 }]);
  assert.deepEqual(dropped, []);
});

test("an interruption has the played length", () => {
  const { client, sockets } = start();
  sockets[0].welcome();
  client.interrupt(3, 1200);
  assert.deepEqual(sockets[0].frames("interrupt"), [
    { type: "interrupt", responseId: 3, playedMs: 1200 },
  ]);
});

test("an action has one name, whichever the bridge sends it under", () => {
  const { client, sockets } = start({ config: { context: { page: "home" } } });
  const actions = collect(client, "action");
  sockets[0].welcome();
  sockets[0].say({ type: "setState", stateKey: "screen", setterKey: "show", args: ["report"] });
  assert.equal(actions.length, 1);
  assert.equal(actions[0].setterKey, "show");
});
