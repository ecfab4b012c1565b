// @ts-check
/** How long things take: by name, and as the figures of a voice conversation. */

/**
 * @typedef {"connectionLatency" | "transcriptionLatency" | "responseLatency" | "audioLatency" |
 *   "totalLatency"} LatencyName
 *
 * @typedef {Record<LatencyName, number> & { errorRate: number, reconnectionCount: number }} Metrics
 */

const UNKNOWN = -1;

/** Which figure of a finished turn is which metric. */
const TURN_FIELDS = /** @type {const} */ ({
  transcriptionLatency: "sttFinalMs",
  responseLatency: "llmFirstTokenMs",
  audioLatency: "ttsFirstAudioMs",
  totalLatency: "turnTotalMs",
});

/** Milliseconds between the beginning and the end of named events. */
export class LatencyTracker {
  #now;
  /** @type {Map<string, number>} */
  #starts = new Map();

  /** @param {() => number} now in milliseconds, never going back */
  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  /** @param {string} eventId begins now; once more, it begins anew */
  markStart(eventId) {
    this.#starts.set(eventId, this.#now());
  }

  /**
   * @param {string} eventId ends now
   * @returns {number} milliseconds; -1 when it has not begun
   */
  markEnd(eventId) {
    const startedAt = this.#starts.get(eventId);
    if (startedAt === undefined) return UNKNOWN;
    this.#starts.delete(eventId);
    return this.#now() - startedAt;
  }
}

/** The latest latencies of a conversation, and how often it failed. */
export class VoicePerformanceMonitor {
  #timers;
  /** @type {Record<LatencyName, number>} */
  #latencies = {
    connectionLatency: 0,
    transcriptionLatency: 0,
    responseLatency: 0,
    audioLatency: 0,
    totalLatency: 0,
  };
  #errors = 0;
  #turns = 0;
  #reconnections = 0;

  /** @param {() => number} now in milliseconds, never going back */
  constructor(now = () => performance.now()) {
    this.#timers = new LatencyTracker(now);
  }

  /** @param {string} event one of the latencies, or a name of your own */
  startTimer(event) {
    this.#timers.markStart(event);
  }

  /**
   * @param {string} event
   * @returns {number} milliseconds; -1 when it was not started, and then no metric changes
   */
  endTimer(event) {
    const latency = this.#timers.markEnd(event);
    if (latency !== UNKNOWN) this.#record(event, latency);
    return latency;
  }

  /**
   * Take the service's own figures for a finished turn.
   *
   * @param {import("./frames.js").TurnMetrics} turn
   */
  recordTurn(turn) {
    for (const [metric, figure] of Object.entries(TURN_FIELDS)) {
      const latency = turn[figure];
      if (latency !== undefined) this.#record(metric, latency);
    }
  }

  /** A turn failed. */
  recordError() {
    this.#errors += 1;
  }

  /** The connection was lost and came back. */
  recordReconnection() {
    this.#reconnections += 1;
  }

  /**
   * Latencies in milliseconds, 0 before the first; `errorRate` is the share of turns that failed, of
   * those and the ones with a `totalLatency`.
   *
   * @returns {Metrics}
   */
  getMetrics() {
    const attempts = this.#errors + this.#turns;
    return {
      ...this.#latencies,
      errorRate: attempts === 0 ? 0 : this.#errors / attempts,
      reconnectionCount: this.#reconnections,
    };
  }

  /** Show the metrics on the console. */
  logMetrics() {
    console.table(this.getMetrics());
  }

  /**
   * @param {string} event
   * @param {number} latency
   */
  #record(event, latency) {
    if (!Object.hasOwn(this.#latencies, event)) return;
    this.#latencies[/** @type {LatencyName} */ (event)] = latency;
    if (event === "totalLatency") this.#turns += 1;
  }
}
