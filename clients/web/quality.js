// @ts-check
/** Choice of the quality of a recording by the connection. Pure; the time is an argument. */

/** @typedef {"high" | "medium" | "low"} Quality */

/**
 * The state of the connection at one moment.
 *
 * @typedef {object} Conditions
 * @property {number} nowMs milliseconds of a monotonic clock
 * @property {string} [effectiveType] `navigator.connection.effectiveType`, where there is one
 * @property {number} [backlogBytes] bytes that wait to be sent: the socket's `bufferedAmount`
 */

/** Bits per second of each quality. @type {Readonly<Record<Quality, number>>} */
export const BITS_PER_SECOND = Object.freeze({ high: 128_000, medium: 64_000, low: 32_000 });

/** From best to worst. @type {readonly Quality[]} */
const QUALITIES = ["high", "medium", "low"];

const WIRE_BITS_PER_BYTE = 6; // base64 carries six bits of audio in each byte on the wire
const MAX_BACKLOG_MS = 600; // a larger one does not drain by itself
const CLEAR_BACKLOG_MS = 100;
const SETTLE_MS = 2_000; // a backlog from before a step down does not count against the new quality
const FIRST_CLEAR_TIME_MS = 5_000;
const LONGEST_CLEAR_TIME_MS = 80_000;

/**
 * Return the best quality for an effective type of connection; unknown types count as good ones.
 *
 * @param {string | undefined} effectiveType
 * @returns {Quality}
 */
export function ceilingOf(effectiveType) {
  if (effectiveType === "3g") return "medium";
  return effectiveType === "2g" || effectiveType === "slow-2g" ? "low" : "high";
}

/**
 * Chooses the quality of a recording.
 *
 * A growing backlog lowers the quality by one step at once. A time without backlog raises it by one
 * step; that time doubles whenever a step up proves too high, which keeps the quality from
 * oscillating.
 */
export class QualityPolicy {
  #quality;
  #clearTimeMs = FIRST_CLEAR_TIME_MS;
  #changedAtMs = -Infinity;
  #clearSinceMs = Infinity;
  #wasStepUp = false;

  /** @param {Quality} quality initial quality */
  constructor(quality = "high") {
    this.#quality = quality;
  }

  /** Quality to record in. */
  get quality() {
    return this.#quality;
  }

  /**
   * Update the quality from the present conditions.
   *
   * @param {Conditions} conditions
   * @returns {Quality}
   */
  observe({ nowMs, effectiveType, backlogBytes = 0 }) {
    const ceiling = QUALITIES.indexOf(ceilingOf(effectiveType));
    const index = QUALITIES.indexOf(this.#quality);
    const backlogMs = this.#backlogMs(backlogBytes);
    if (backlogMs > CLEAR_BACKLOG_MS) this.#clearSinceMs = Infinity;
    else this.#clearSinceMs = Math.min(this.#clearSinceMs, nowMs);

    if (index < ceiling) this.#step(ceiling, nowMs, false);
    else if (this.#isOverloaded(backlogMs, nowMs)) this.#stepDown(index, nowMs);
    else if (index > ceiling && this.#isClear(nowMs)) this.#step(index - 1, nowMs, true);
    return this.#quality;
  }

  /** @param {number} backlogBytes */
  #backlogMs(backlogBytes) {
    return (backlogBytes * WIRE_BITS_PER_BYTE * 1000) / BITS_PER_SECOND[this.#quality];
  }

  /**
   * @param {number} backlogMs
   * @param {number} nowMs
   */
  #isOverloaded(backlogMs, nowMs) {
    return backlogMs > MAX_BACKLOG_MS && nowMs - this.#changedAtMs >= SETTLE_MS;
  }

  /** @param {number} nowMs */
  #isClear(nowMs) {
    return nowMs - Math.max(this.#clearSinceMs, this.#changedAtMs) >= this.#clearTimeMs;
  }

  /**
   * @param {number} index
   * @param {number} nowMs
   */
  #stepDown(index, nowMs) {
    if (index === QUALITIES.length - 1) return;
    const wasTooHigh = this.#wasStepUp && nowMs - this.#changedAtMs < this.#clearTimeMs * 2;
    if (wasTooHigh) this.#clearTimeMs = Math.min(this.#clearTimeMs * 2, LONGEST_CLEAR_TIME_MS);
    this.#step(index + 1, nowMs, false);
  }

  /**
   * @param {number} index
   * @param {number} nowMs
   * @param {boolean} isStepUp
   */
  #step(index, nowMs, isStepUp) {
    this.#quality = QUALITIES[index];
    this.#changedAtMs = nowMs;
    this.#clearSinceMs = Infinity;
    this.#wasStepUp = isStepUp;
  }
}
