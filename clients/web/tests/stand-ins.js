/** The environment of a client under the control of a test: sockets and time. */

/** A WebSocket with the test as its other side. */
export class Socket {
  readyState = 0;
  sent = [];
  isClosed = false;

  constructor(url) {
    this.url = url;
  }

  /** Return the sent frames of these types. */
  frames(...types) {
    return this.sent.map((text) => JSON.parse(text)).filter(({ type }) => types.includes(type));
  }

  send(text) {
    this.sent.push(text);
  }

  close() {
    this.isClosed = true;
    this.readyState = 3;
  }

  /** Accept the connection, and send the first frames of a bridge. */
  welcome({ resumed = false, received } = {}) {
    this.readyState = 1;
    this.onopen?.();
    const ready = { type: "ready", sessionId: "s", resumed, received };
    this.say({ type: "connected", sessionId: "s" }, ready);
  }

  say(...frames) {
    for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) });
  }

  fail(code = 1006) {
    this.readyState = 3;
    this.onclose?.({ code });
  }
}

/** Time that the test advances. */
export class ManualClock {
  #nowMs = 0;
  #timers = new Map();
  #ids = 0;

  now = () => this.#nowMs;

  setTimeout = (tick, delayMs) => {
    this.#ids += 1;
    this.#timers.set(this.#ids, { tick, atMs: this.#nowMs + delayMs });
    return this.#ids;
  };

  clearTimeout = (id) => this.#timers.delete(id);

  advance(ms) {
    const endMs = this.#nowMs + ms;
    for (let due = this.#next(); due && due[1].atMs <= endMs; due = this.#next()) {
      this.#timers.delete(due[0]);
      this.#nowMs = due[1].atMs;
      due[1].tick();
    }
    this.#nowMs = endMs;
  }

  get pending() {
    return this.#timers.size;
  }

  #next() {
    return [...this.#timers].sort(([, a], [, b]) => a.atMs - b.atMs)[0];
  }
}

/** Return options of a client for a test: its clock, and the list of sockets that it opens. */
export function environment() {
  const sockets = [];
  class Opened extends Socket {
    constructor(url) {
      super(url);
      sockets.push(this);
    }
  }
  return { sockets, clock: new ManualClock(), WebSocket: Opened, random: () => 1 };
}
