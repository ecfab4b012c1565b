// @ts-check
/** When the next attempt to connect is due. The client keeps that to itself, but not its clock. */

/** Timers and sockets of a browser for a `VoiceClient`, which tell when it tries again. */
export class RetryClock {
  /** The end of the wait in the time of `now`; null while a socket is open or opening. */
  #dueAtMs = /** @type {number | null} */ (null);
  /** @type {WebSocket | null} */
  #socket = null;

  /** How long until the next attempt, in milliseconds; null while there is one. */
  get waitMs() {
    return this.#dueAtMs === null ? null : Math.max(0, this.#dueAtMs - this.now());
  }

  /** What the client opens its sockets with. */
  get WebSocket() {
    const clock = this;
    return class extends WebSocket {
      /** @param {URL} url */
      constructor(url) {
        super(url);
        clock.#socket = this;
        clock.#dueAtMs = null;
      }
    };
  }

  now() {
    return performance.now();
  }

  /**
   * A timer that is set while no socket lives is the wait for the next one.
   *
   * @param {() => void} tick
   * @param {number} delayMs
   */
  setTimeout(tick, delayMs) {
    const isAlive = this.#socket !== null && this.#socket.readyState <= WebSocket.OPEN;
    if (!isAlive) this.#dueAtMs = this.now() + delayMs;
    return setTimeout(tick, delayMs);
  }

  /** @param {any} timer */
  clearTimeout(timer) {
    clearTimeout(timer);
  }
}
