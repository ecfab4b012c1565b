// @ts-check
/**
 * A WebSocket that is opened again after each loss, with a growing delay and a fresh ticket.
 *
 * @typedef {"connecting" | "connected" | "reconnecting" | "refused" | "replaced" | "closed"} Status
 *
 * @typedef {{ random: () => number } & import("./live-socket.js").Environment} Environment
 *
 * @typedef {object} Listener
 * @property {() => void} onOpen called when a socket opens, before its session is ready
 * @property {(frame: any) => void} onFrame
 * @property {(status: Status) => void} onStatus called when the status has changed
 * @property {() => number} lastSeq sequence number that pings acknowledge
 * @property {() => number | null} resumeSeq sequence number after which the next socket's events
 *   begin; null leaves it to the bridge
 */

import { TicketUnavailable, TokenRefused } from "./credential.js";
import { LiveSocket } from "./live-socket.js";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 8_000;
const TICKET_TIMEOUT_MS = 10_000;
const MAX_REFUSALS = 3; // in a row, of sockets with a ticket: a restarted bridge knows no old ones

const UNAUTHORIZED = 1008;
const TAKEN_OVER = 4409;

export class ReconnectingSocket {
  /** @type {Status} */
  status = "closed";

  #url;
  #credential;
  #environment;
  #listener;
  /** @type {LiveSocket | null} */
  #live = null;
  /** The ticket request in progress. @type {AbortController | null} */
  #ticketRequest = null;
  /** Counters since the last ready session, and the delay that the bridge asks for. */
  #failures = { attempts: 0, refusals: 0, retryAfterMs: 0 };
  /** The scheduled attempt. @type {{ timer: any, atMs: number } | null} */
  #retry = null;

  /**
   * @param {URL} url of the socket, without token and ticket
   * @param {import("./credential.js").Credential | null} credential if the bridge requires one
   * @param {Environment} environment
   * @param {Listener} listener
   */
  constructor(url, credential, environment, listener) {
    this.#url = url;
    this.#credential = credential;
    this.#environment = environment;
    this.#listener = listener;
  }

  /** The current WebSocket; null while there is none. */
  get socket() {
    return this.#live?.socket ?? null;
  }

  /** Whether a connection is being opened, now or after a delay. */
  get isPending() {
    return this.status === "connecting" || this.status === "reconnecting";
  }

  /** Time of the next attempt, in milliseconds of the clock; null while none is scheduled. */
  get retryAt() {
    return this.#retry?.atMs ?? null;
  }

  /** Open a socket now. */
  connect() {
    this.#disconnect();
    this.#setStatus(this.#failures.attempts === 0 ? "connecting" : "reconnecting");
    const resumeSeq = this.#listener.resumeSeq();
    if (resumeSeq !== null) this.#url.searchParams.set("lastSeq", String(resumeSeq));
    if (this.#credential) void this.#openWithTicket(this.#credential);
    else this.#open(this.#url);
  }

  /** Record that the session on the current socket is ready, and forget earlier failures. */
  markReady() {
    this.#failures = { attempts: 0, refusals: 0, retryAfterMs: 0 };
    this.#setStatus("connected");
  }

  /** @param {number} delayMs shortest delay of the next attempt, set by the bridge */
  delayRetry(delayMs) {
    this.#failures.retryAfterMs = delayMs;
  }

  /** Close the socket permanently. */
  close() {
    this.#end("closed");
  }

  /**
   * @param {{ type: string } & Record<string, any>} frame
   * @returns {boolean} false when no socket is open
   */
  send(frame) {
    return this.#live?.send(frame) ?? false;
  }

  /** Send the next token before the current one expires, at which the bridge closes the socket. */
  async renewToken() {
    const live = this.#live;
    if (!this.#credential?.isRenewable) return;
    const token = await this.#credential.token().catch(() => null);
    if (token && live === this.#live) this.send({ type: "auth", token });
  }

  /** @param {import("./credential.js").Credential} credential */
  async #openWithTicket(credential) {
    const { clock } = this.#environment;
    const request = (this.#ticketRequest = new AbortController());
    const timer = clock.setTimeout(() => request.abort(), TICKET_TIMEOUT_MS);
    try {
      const ticket = await credential.ticket(this.#url, request.signal);
      if (request !== this.#ticketRequest) return; // superseded in the meantime
      const url = new URL(this.#url);
      url.searchParams.set("ticket", ticket);
      this.#open(url);
    } catch (error) {
      if (request !== this.#ticketRequest) return;
      if (error instanceof TokenRefused) return this.#end("refused");
      this.#failures.retryAfterMs = error instanceof TicketUnavailable ? error.retryAfterMs : 0;
      this.#connectionLost(0);
    } finally {
      clock.clearTimeout(timer);
    }
  }

  /** @param {URL} url */
  #open(url) {
    const { onOpen, onFrame, lastSeq } = this.#listener;
    const onLost = (/** @type {number} */ closeCode) => this.#connectionLost(closeCode);
    this.#live = new LiveSocket(url, this.#environment, { onOpen, onFrame, lastSeq, onLost });
  }

  /** @param {number} closeCode */
  #connectionLost(closeCode) {
    if (closeCode === UNAUTHORIZED) this.#failures.refusals += 1;
    const isRefused = this.#failures.refusals >= (this.#credential ? MAX_REFUSALS : 1);
    if (isRefused) return this.#end("refused");
    if (closeCode === TAKEN_OVER) return this.#end("replaced");
    this.#disconnect();
    const { clock } = this.#environment;
    const delayMs = this.#delayMs();
    this.#failures.attempts += 1;
    const timer = clock.setTimeout(() => this.connect(), delayMs);
    this.#retry = { timer, atMs: clock.now() + delayMs };
    this.#setStatus("reconnecting");
  }

  /** Delay before the next attempt: doubled by each failure, with jitter. */
  #delayMs() {
    const { attempts, retryAfterMs } = this.#failures;
    const longestMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempts);
    const jitteredMs = longestMs * (0.5 + this.#environment.random() / 2);
    return Math.max(jitteredMs, retryAfterMs);
  }

  /** @param {Status} status */
  #end(status) {
    this.#disconnect();
    this.#failures.attempts = this.#failures.refusals = 0;
    this.#setStatus(status);
  }

  #disconnect() {
    this.#environment.clock.clearTimeout(this.#retry?.timer);
    this.#retry = null;
    this.#live?.close();
    this.#live = null;
    const request = this.#ticketRequest;
    this.#ticketRequest = null;
    request?.abort();
  }

  /** @param {Status} status */
  #setStatus(status) {
    if (status === this.status) return;
    this.status = status;
    this.#listener.onStatus(status);
  }
}
