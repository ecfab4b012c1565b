/** Time for tests: intervals that fire when the test advances the clock. */
export class Clock {
  nowMs = 0;
  #intervals = new Map();
  #ids = 0;

  /** Replace the real intervals until the test ends. */
  constructor(t) {
    t.mock.method(globalThis, "setInterval", (tick, periodMs) => this.#every(tick, periodMs));
    t.mock.method(globalThis, "clearInterval", (id) => this.#intervals.delete(id));
  }

  /** Number of running intervals. */
  get intervals() {
    return this.#intervals.size;
  }

  /** Advance the clock, and fire the intervals that are due. */
  advance(ms) {
    const endMs = this.nowMs + ms;
    for (let due = this.#next(); due && due.atMs <= endMs; due = this.#next()) {
      this.nowMs = due.atMs;
      due.atMs += due.periodMs;
      due.tick();
    }
    this.nowMs = endMs;
  }

  #every(tick, periodMs) {
    this.#ids += 1;
    this.#intervals.set(this.#ids, { tick, periodMs, atMs: this.nowMs + periodMs });
    return this.#ids;
  }

  #next() {
    return [...this.#intervals.values()].sort((a, b) => a.atMs - b.atMs)[0];
  }
}
