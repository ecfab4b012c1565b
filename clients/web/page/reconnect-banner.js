// @ts-check
/** The banner of a lost connection: a countdown to the next attempt, and a button to retry now. */

import { element, write } from "./document.js";

const TICK_MS = 250;

export class ReconnectBanner {
  #waitMs;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ticking;

  /**
   * @param {() => number | null} waitMs time until the next attempt; null during an attempt
   * @param {() => void} retry
   */
  constructor(waitMs, retry) {
    this.#waitMs = waitMs;
    element("retry").onclick = () => {
      retry();
      this.#tick();
    };
  }

  /** @param {boolean} isLost */
  show(isLost) {
    if (isLost === (this.#ticking !== undefined)) return;
    element("reconnect").hidden = !isLost;
    clearInterval(this.#ticking);
    this.#ticking = isLost ? setInterval(() => this.#tick(), TICK_MS) : undefined;
    write("reconnect-text", isLost ? "Connection lost." : "");
    this.#tick();
  }

  /** The countdown is no live region: screen readers would announce every second. */
  #tick() {
    const waitMs = this.#waitMs();
    const seconds = Math.ceil((waitMs ?? 0) / 1000);
    write("countdown", waitMs === null ? "Reconnecting now" : `Reconnecting in ${seconds} s`);
  }
}
