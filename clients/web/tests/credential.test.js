import assert from "node:assert/strict";
import { createServer } from "node:http";
import test from "node:test";

import { VoiceClient } from "../voice-client.js";
import { createWebSocketVoiceSlice } from "../voice-slice.js";
import { environment } from "./stand-ins.js";

/** A bridge that issues tickets: the requests that it received, and its next answer. */
async function bridge(t) {
  const requests = [];
  const fake = { requests, status: 200, headers: {}, url: "" };
  const server = createServer((request, response) => {
    requests.push({ method: request.method, path: request.url, ...request.headers });
    response.writeHead(fake.status, fake.headers);
    response.end(JSON.stringify({ ticket: `ticket ${requests.length}`, expiresInMs: 30_000 }));
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  t.after(() => server.close());
  fake.url = `ws://127.0.0.1:${server.address().port}/api/voice/ws`;
  return fake;
}

/** A client with a token, and its environment: sockets and clock. */
function start(fake, token, path = "") {
  const env = environment();
  const client = new VoiceClient(fake.url + path, {}, token, env);
  client.connect();
  return { client, ...env };
}

/** Wait for a condition: replies over the network arrive at any time. */
async function until(isSo) {
  while (!isSo()) await new Promise(setImmediate);
}

/** Return the query parameters of a socket's address. */
function query({ url }) {
  return Object.fromEntries(url.searchParams);
}

test("a token is exchanged for a ticket for every socket, and stands in no address", async (t) => {
  const fake = await bridge(t);
  const { client, sockets, clock } = start(fake, "secret");
  await until(() => sockets.length === 1);
  sockets[0].welcome();
  assert.deepEqual(sockets[0].frames("auth"), []);
  sockets[0].fail();
  clock.advance(500);
  await until(() => sockets.length === 2);
  assert.deepEqual(sockets.map((socket) => query(socket).ticket), ["ticket 1", "ticket 2"]);
  assert.equal(query(sockets[1]).sessionId, client.sessionId);
  assert.deepEqual(
    fake.requests.map(({ method, path, authorization }) => [method, path, authorization]),
    [1, 2].map(() => ["POST", "/api/voice/tickets", "Bearer secret"]),
  );
});

test("a token in the address of the endpoint is removed from it", async (t) => {
  const fake = await bridge(t);
  const { sockets } = start(fake, null, "?token=secret");
  await until(() => sockets.length === 1);
  assert.equal(fake.requests[0].authorization, "Bearer secret");
  assert.deepEqual(Object.keys(query(sockets[0])).sort(), ["lastSeq", "sessionId", "ticket"]);
});

test("a function returns the token of each socket, or a promise of it", async (t) => {
  const fake = await bridge(t);
  const tokens = ["one", Promise.resolve("two")];
  const { sockets, clock } = start(fake, () => tokens.shift());
  await until(() => sockets.length === 1);
  sockets[0].fail();
  clock.advance(500);
  await until(() => sockets.length === 2);
  assert.deepEqual(fake.requests.map(({ authorization }) => authorization), ["Bearer one", "Bearer two"]);
});

test("a token that the bridge refuses ends the attempts", async (t) => {
  const fake = await bridge(t);
  fake.status = 401;
  const { client, sockets, clock } = start(fake, "wrong");
  await until(() => client.status === "refused");
  clock.advance(60_000);
  assert.deepEqual([fake.requests.length, sockets.length, clock.pending], [1, 0, 0]);
});

test("a busy bridge gets the next request after its Retry-After", async (t) => {
  const fake = await bridge(t);
  Object.assign(fake, { status: 429, headers: { "Retry-After": "7" } });
  const { client, sockets, clock } = start(fake, "secret");
  await until(() => client.retryAt !== null);
  assert.equal(client.retryAt, 7_000);
  fake.status = 200;
  clock.advance(7_000);
  await until(() => sockets.length === 1);
});

test("a token that does not arrive in time is a failed attempt", async (t) => {
  const fake = await bridge(t);
  const { client, clock } = start(fake, () => new Promise(() => {}));
  clock.advance(10_000);
  await until(() => client.retryAt !== null);
  assert.equal(client.status, "reconnecting");
});

test("a refused ticket is replaced by a new one, a few times", async (t) => {
  const fake = await bridge(t);
  const { client, sockets, clock } = start(fake, "secret");
  for (const count of [1, 2, 3]) {
    await until(() => sockets.length === count);
    assert.notEqual(client.status, "refused");
    sockets.at(-1).fail(1008);
    clock.advance(8_000);
  }
  assert.equal(client.status, "refused");
});

test("a token that arrives late is not used for a superseded attempt", async (t) => {
  const fake = await bridge(t);
  const given = [];
  const { client, sockets } = start(fake, () => new Promise((give) => given.push(give)));
  client.connect();
  given[1]("second");
  await until(() => sockets.length === 1);
  given[0]("first");
  client.connect();
  client.close();
  given[2]("third");
  await new Promise(setImmediate);
  assert.deepEqual(fake.requests.map(({ authorization }) => authorization), ["Bearer second"]);
  assert.deepEqual([sockets.length, client.status], [1, "closed"]);
});

test("an expiring token is renewed by the next one of a function", async (t) => {
  const fake = await bridge(t);
  const tokens = ["one", "two"];
  const { sockets } = start(fake, () => tokens.shift());
  await until(() => sockets.length === 1);
  sockets[0].welcome();
  sockets[0].say({ type: "token_expiring", timeLeftMs: 60_000 });
  await until(() => sockets[0].frames("auth").length === 1);
  assert.deepEqual(sockets[0].frames("auth"), [{ type: "auth", token: "two" }]);
});

test("a token that cannot be renewed is not sent again", async (t) => {
  const fake = await bridge(t);
  const { sockets } = start(fake, "one");
  await until(() => sockets.length === 1);
  sockets[0].welcome();
  sockets[0].say({ type: "token_expiring", timeLeftMs: 60_000 });
  await new Promise(setImmediate);
  assert.deepEqual(sockets[0].frames("auth"), []);
});

test("a slice sends its token as a client does", async (t) => {
  const fake = await bridge(t);
  const { sockets, ...client } = environment();
  const store = {};
  const set = (changes) => void Object.assign(store, changes);
  const nothing = new EventTarget();
  Object.assign(nothing, { release() {}, silence() {} });
  const env = { client, player: nothing, browserVoice: nothing, openMicrophone: () => nothing };
  set(createWebSocketVoiceSlice(set, () => store, null, { ...env, token: () => "secret" }));
  store.setVoiceEndpoint(fake.url.replace(/\/ws$/, ""));
  const connecting = store.connectWebSocket();
  await until(() => sockets.length === 1);
  sockets[0].welcome();
  await connecting;
  assert.equal(fake.requests[0].authorization, "Bearer secret");
  assert.equal(query(sockets[0]).ticket, "ticket 1");
});
