// @ts-check
/** Latencies: of named events, and as metrics of a voice conversation. */

/**
 * @typedef {"connectionLatency" | "transcriptionLatency" | "responseLatency" | "audioLatency" |
 *   "totalLatency"} LatencyName
 *
 * @typedef {Record<LatencyName, number> & { errorRate: number, reconnectionCount: number }} Metrics
 */

const UNKNOWN = -1;

/** The field of a finished turn's metrics that each latency is read from. */
const TURN_FIELDS = /** @type {const} */ ({
  transcriptionLatency: "sttFinalMs",
  responseLatency: "llmFirstTokenMs",
  audioLatency: "ttsFirstAudioMs",
  totalLatency: "turnTotalMs",
});

/** Measures the milliseconds between the start and the end of named events. */
export class LatencyTracker {
  #now;
  /** @type {Map<string, number>} */
  #starts = new Map();

  /** @param {() => number} now milliseconds of a monotonic clock */
  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  /** @param {string} eventId event that starts now; a second call restarts it */
  markStart(eventId) {
    this.#starts.set(eventId, this.#now());
  }

  /**
   * @param {string} eventId event that ends now
   * @returns {number} milliseconds since its start; -1 when it was not started
   */
  markEnd(eventId) {
    const startedAt = this.#starts.get(eventId);
    if (startedAt === undefined) return UNKNOWN;
    this.#starts.delete(eventId);
    return this.#now() - startedAt;
  }
}

/** Collects the latest latencies of a conversation, its errors and its reconnections. */
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

  /** @param {() => number} now milliseconds of a monotonic clock */
  constructor(now = () => performance.now()) {
    this.#timers = new LatencyTracker(now);
  }

  /** @param {string} event a latency of the metrics, or any other name */
  startTimer(event) {
    this.#timers.markStart(event);
  }

  /**
   * @param {string} event
   * @returns {number} milliseconds; -1, without a change of metrics, when it was not started
   */
  endTimer(event) {
    const latency = this.#timers.markEnd(event);
    if (latency !== UNKNOWN) this.#record(event, latency);
    return latency;
  }

  /**
   * Record the service's figures of a finished turn.
   *
   * @param {import("./frames.js").TurnMetrics} turn
   */
  recordTurn(turn) {
    for (const [metric, figure] of Object.entries(TURN_FIELDS)) {
      const latency = turn[figure];
      if (latency !== undefined) this.#record(metric, latency);
    }
  }

  /** Count a failed turn. */
  recordError() {
    this.#errors += 1;
  }

  /** Count a connection that was lost and opened again. */
  recordReconnection() {
    this.#reconnections += 1;
  }

  /**
   * Return the latencies in milliseconds, 0 before the first, and `errorRate`: the share of failed
   * turns among failed turns and turns with a `totalLatency`.
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

  /** Print the metrics on the console. */
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
