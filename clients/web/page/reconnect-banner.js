// @ts-check
/** The banner of a lost connection: when it is tried again, and a button for those who cannot wait. */

import { element, write } from "./document.js";

const TICK_MS = 250;

export class ReconnectBanner {
  #waitMs;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ticking;

  /**
   * @param {() => number | null} waitMs until the next attempt; null while there is one
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
    write("reconnect-text", isLost ? "The connection is lost." : "");
    this.#tick();
  }

  /** The countdown is not read out: a number every second would drown everything else. */
  #tick() {
    const waitMs = this.#waitMs();
    const seconds = Math.ceil((waitMs ?? 0) / 1000);
    write("countdown", waitMs === null ? "Trying now" : `Trying again in ${seconds} s`);
  }
}
