// @ts-check
/**
 * The connection to the bridge: frames in and out, and coming back after a drop.
 *
 * @typedef {{ type: string } & Record<string, any>} Frame
 * @typedef {"connecting" | "connected" | "reconnecting" | "refused" | "replaced" | "closed"} Status
 *
 * @typedef {object} Dropped frames that will not be sent
 * @property {"queue_full" | "session_lost" | "closed"} reason
 * @property {number} count
 *
 * @typedef {import("./frames.js").DownFrames &
 *   { frame: Frame, status: Status, dropped: Dropped }} VoiceEvents
 *
 * @typedef {object} SayOptions
 * @property {boolean} [interruptible] whether speech cuts it off; true unless given
 * @property {boolean} [addToHistory] whether the conversation keeps it; true unless given
 *
 * @typedef {object} VoiceClientOptions
 * @property {string} [sessionId] of a session to go on with; a random one otherwise
 * @property {number} [maxQueueBytes] limit of the frames that wait to be sent or acknowledged
 * @property {new (url: URL) => WebSocket} [WebSocket] the browser's unless given
 * @property {typeof fetch} [fetch] the browser's unless given
 * @property {import("./live-socket.js").Clock} [clock] the browser's unless given
 * @property {() => number} [random] 0 to 1
 */

import { toBase64 } from "./base64.js";
import { Credential, TicketUnavailable, TokenRefused } from "./credential.js";
import { LiveSocket } from "./live-socket.js";
import { Outbox } from "./outbox.js";
import { FrameDeduplicator } from "./frame-dedup.js";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 8_000;
const TICKET_TIMEOUT_MS = 10_000;
const MAX_REFUSALS = 3; // in a row, of sockets with a ticket: a bridge that restarts forgets tickets
const MAX_QUEUE_BYTES = 1 << 20; // about a minute of Opus at 96 kbit/s

const UNAUTHORIZED = 1008;
const TAKEN_OVER = 4409;

/** @type {import("./live-socket.js").Clock} */
const BROWSER_CLOCK = {
  now: () => performance.now(),
  setTimeout: (tick, delayMs) => setTimeout(tick, delayMs),
  clearTimeout: (timer) => clearTimeout(timer),
};

/** There is no connection and there will be none; `status` says why. */
export class ConnectionOver extends Error {
  /** @param {Status} status */
  constructor(status) {
    super(`the connection is ${status}`);
    this.name = "ConnectionOver";
    this.status = status;
  }
}

/**
 * Dispatches every frame under its type and as `frame`, `status` when the status has changed, and
 * `dropped` when frames will not be sent; each a `CustomEvent` with its value in `detail`.
 *
 * The session has one name for as long as the client lives, so a new socket goes on with it. What
 * the bridge says again after a drop is told once.
 */
export class VoiceClient extends EventTarget {
  /** @type {Status} */
  status = "closed";

  #url;
  /** Whether the session is this client's from its beginning. */
  #ownsSession;
  /** @type {Credential | null} */
  #credential = null;
  #config;
  #environment;
  #outbox;
  #receivedFrames = new FrameDeduplicator();
  /** @type {LiveSocket | null} */
  #live = null;
  /** The ticket that is being bought. @type {AbortController | null} */
  #ticketRequest = null;
  /** How the next socket is opened, and whether there was a session on one before. */
  #reconnection = { attempts: 0, refusals: 0, retryAfterMs: 0, hadSession: false };
  /** The attempt that waits. @type {{ timer: any, atMs: number } | null} */
  #retry = null;
  /** How far the user has heard what came before a drop. @type {Frame | null} */
  #unsentPlayback = null;
  /** Keeps what follows audio behind it: reading a Blob takes a moment. */
  #audio = Promise.resolve();

  /**
   * @param {string | URL} url of the WebSocket
   * @param {import("./frames.js").Config} config sent whenever a socket opens
   * @param {import("./credential.js").Token | null} token where the bridge wants one; it never
   *   stands in an address
   * @param {VoiceClientOptions} options
   */
  constructor(url, config = {}, token = null, options = {}) {
    super();
    this.#url = new URL(url);
    this.#url.searchParams.set("sessionId", options.sessionId ?? randomId());
    this.#ownsSession = options.sessionId === undefined;
    this.#config = config;
    const bearer = token || this.#url.searchParams.get("token");
    this.#url.searchParams.delete("token");
    if (bearer) this.#credential = new Credential(bearer, options.fetch ?? fetch.bind(globalThis));
    this.#environment = {
      WebSocket: options.WebSocket ?? globalThis.WebSocket,
      clock: options.clock ?? BROWSER_CLOCK,
      random: options.random ?? Math.random,
    };
    this.#outbox = new Outbox(options.maxQueueBytes ?? MAX_QUEUE_BYTES);
  }

  /** The name of the session, the same for as long as the client lives. */
  get sessionId() {
    return /** @type {string} */ (this.#url.searchParams.get("sessionId"));
  }

  /** The present socket, if there is one. */
  get socket() {
    return this.#live?.socket ?? null;
  }

  /** The newest place in the session's sequence that was heard; 0 before the first. */
  get lastSeq() {
    return this.#receivedFrames.lastSeq;
  }

  /** The newest place of which all was heard: of the last one, some frames may be missing. */
  get #completeSeq() {
    return Math.max(0, this.lastSeq - 1);
  }

  /** When a lost connection is tried again, in milliseconds of the clock; null while none waits. */
  get retryAt() {
    return this.#retry?.atMs ?? null;
  }

  /** Open a socket, and another whenever it is lost. */
  connect() {
    this.#disconnect();
    this.#setStatus(this.#reconnection.attempts === 0 ? "connecting" : "reconnecting");
    if (this.#reconnection.hadSession || this.#ownsSession) {
      this.#url.searchParams.set("lastSeq", String(this.#completeSeq));
    }
    if (this.#credential) void this.#openWithTicket(this.#credential);
    else this.#open(this.#url);
  }

  /**
   * Wait for the connection.
   *
   * @returns {Promise<void>}
   * @throws {ConnectionOver} it is not coming
   */
  async opened() {
    while (this.#isPending()) {
      await new Promise((resolve) => this.addEventListener("status", resolve, { once: true }));
    }
    if (this.status !== "connected") throw new ConnectionOver(this.status);
  }

  /** Close the socket for good. */
  close() {
    this.#end("closed");
  }

  /**
   * Listen to one kind of event.
   *
   * @template {keyof VoiceEvents} K
   * @param {K} type
   * @param {(detail: VoiceEvents[K]) => void} listener
   * @returns {() => void} stops listening
   */
  on(type, listener) {
    /** @param {Event} event */
    const handle = (event) => listener(/** @type {CustomEvent} */ (event).detail);
    this.addEventListener(type, handle);
    return () => this.removeEventListener(type, handle);
  }

  /**
   * Send a frame, or let it wait for the connection.
   *
   * @param {Frame} frame
   * @returns {boolean} false when it will not be sent: the queue is full, or the connection over
   */
  send(frame) {
    if (this.status !== "connected" && !this.#isPending()) return this.#reportDropped("closed", 1);
    const isConnected = this.status === "connected";
    if (this.#outbox.add(frame)) {
      if (isConnected) this.#flush();
      return true;
    }
    return (isConnected && this.#transmit(frame)) || this.#reportDropped("queue_full", 1);
  }

  /**
   * Send a piece of a recording. Pieces go out in the order of the calls.
   *
   * @param {Blob | Uint8Array | string} audio string: base64
   * @returns {Promise<boolean>} as of `send`
   */
  sendAudio(audio) {
    const encoded = typeof audio === "string" ? Promise.resolve(audio) : encode(audio);
    const timestamp = Date.now();
    return this.#afterAudio(async () =>
      this.send({ type: "audio_chunk", data: await encoded, timestamp }),
    );
  }

  /**
   * The following audio is new input.
   *
   * @returns {Promise<boolean>} as of `send`
   */
  startListening() {
    return this.#afterAudio(async () => this.send({ type: "start_listening" }));
  }

  /**
   * The user's turn is over; goes out behind all audio.
   *
   * @returns {Promise<boolean>} as of `send`
   */
  stopListening() {
    return this.#afterAudio(async () => this.send({ type: "stop_listening" }));
  }

  /**
   * A typed user turn.
   *
   * @param {string} text
   * @returns {boolean} as of `send`
   */
  sendText(text) {
    return this.send({ type: "text", text });
  }

  /**
   * Have a text spoken as it is, without the language model.
   *
   * @param {string} text
   * @param {SayOptions} options
   * @returns {boolean} as of `send`
   */
  say(text, options = {}) {
    return this.send({ ...options, type: "say", text });
  }

  /**
   * Have the conversation answered as it stands.
   *
   * @param {string} [instructions] for this answer alone
   * @returns {boolean} as of `send`
   */
  createResponse(instructions) {
    return this.send({ type: "create_response", instructions });
  }

  /**
   * Say how far a response has been played: a `Player` tells it to its `onPlayback`. Without a
   * connection the newest report waits for it.
   *
   * @param {import("./frames.js").Playback} playback
   */
  reportPlayback({ responseId, playedMs }) {
    const frame = { type: "playback", responseId, playedMs };
    const isSent = this.status === "connected" && this.#transmit(frame);
    this.#unsentPlayback = isSent ? null : frame;
  }

  /**
   * Stop an answer.
   *
   * @param {number} responseId 0 for whichever is in progress
   * @param {number} [playedMs] how much of it was heard
   * @returns {boolean} as of `send`
   */
  interrupt(responseId = 0, playedMs) {
    return this.send({ type: "interrupt", responseId, playedMs });
  }

  /**
   * Change what is configured, now and for every later socket.
   *
   * @param {import("./frames.js").Config} patch
   */
  configure(patch) {
    this.#config = { ...this.#config, ...patch };
    if (this.status === "connected") this.#transmit({ type: "config", ...patch });
  }

  #isPending() {
    return this.status === "connecting" || this.status === "reconnecting";
  }

  /** @param {Credential} credential */
  async #openWithTicket(credential) {
    const { clock } = this.#environment;
    const request = (this.#ticketRequest = new AbortController());
    const timer = clock.setTimeout(() => request.abort(), TICKET_TIMEOUT_MS);
    try {
      const ticket = await credential.ticket(this.#url, request.signal);
      if (request !== this.#ticketRequest) return; // dropped meanwhile
      const url = new URL(this.#url);
      url.searchParams.set("ticket", ticket);
      this.#open(url);
    } catch (error) {
      if (request !== this.#ticketRequest) return;
      if (error instanceof TokenRefused) return this.#end("refused");
      this.#reconnection.retryAfterMs = error instanceof TicketUnavailable ? error.retryAfterMs : 0;
      this.#connectionLost(0);
    } finally {
      clock.clearTimeout(timer);
    }
  }

  /** @param {URL} url */
  #open(url) {
    this.#live = new LiveSocket(url, this.#environment, {
      onOpen: () => this.#transmit({ type: "config", ...this.#config }),
      onFrame: (frame) => this.#receive(frame),
      lastSeq: () => this.#completeSeq,
      onLost: (closeCode) => this.#connectionLost(closeCode),
    });
  }

  /** Show the next token before the present one expires; without one the socket ends then. */
  async #renew() {
    const live = this.#live;
    if (!this.#credential?.isRenewable) return;
    const token = await this.#credential.token().catch(noop);
    if (token && live === this.#live) this.#transmit({ type: "auth", token });
  }

  /** @param {Frame} frame */
  #transmit(frame) {
    return this.#live?.send(frame) ?? false;
  }

  #flush() {
    this.#outbox.flush((frame) => this.#transmit(frame));
  }

  /**
   * @param {Dropped["reason"]} reason
   * @param {number} count
   * @returns {false}
   */
  #reportDropped(reason, count) {
    if (count > 0) this.#dispatch("dropped", { reason, count });
    return false;
  }

  /**
   * @template T
   * @param {() => Promise<T>} act
   * @returns {Promise<T>}
   */
  #afterAudio(act) {
    const acted = this.#audio.then(act);
    this.#audio = acted.then(noop, noop);
    return acted;
  }

  /** @param {Frame} frame */
  #receive(frame) {
    if (frame.type === "ready" && this.status !== "connected") this.#startSession(frame);
    else if (frame.received) this.#outbox.acknowledge(frame.received);
    if (!this.#receivedFrames.accept(frame)) return;
    if (frame.type === "token_expiring") void this.#renew();
    if (frame.type === "error") this.#reconnection.retryAfterMs = frame.retryAfterMs ?? 0;
    this.#dispatch("frame", frame);
    this.#dispatch(frame.type, frame);
  }

  /** @param {Frame} ready */
  #startSession({ resumed: isResumed, received }) {
    const { hadSession } = this.#reconnection;
    this.#reconnection = { attempts: 0, refusals: 0, retryAfterMs: 0, hadSession: true };
    if (isResumed && this.#unsentPlayback) this.#transmit(this.#unsentPlayback);
    this.#unsentPlayback = null;
    if (!isResumed) this.#receivedFrames.reset();
    if (isResumed || !hadSession) this.#outbox.resume(received);
    else this.#reportDropped("session_lost", this.#outbox.startNewSession(received));
    this.#flush();
    this.#setStatus("connected");
  }

  /** @param {number} code */
  #connectionLost(code) {
    if (code === UNAUTHORIZED) this.#reconnection.refusals += 1;
    const isRefused = this.#reconnection.refusals >= (this.#credential ? MAX_REFUSALS : 1);
    if (isRefused) return this.#end("refused");
    if (code === TAKEN_OVER) return this.#end("replaced");
    this.#disconnect();
    const { attempts, retryAfterMs } = this.#reconnection;
    const longestMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempts);
    const jitteredMs = longestMs * (0.5 + this.#environment.random() / 2);
    const delayMs = Math.max(jitteredMs, retryAfterMs);
    const { clock } = this.#environment;
    this.#reconnection.attempts += 1;
    const timer = clock.setTimeout(() => this.connect(), delayMs);
    this.#retry = { timer, atMs: clock.now() + delayMs };
    this.#setStatus("reconnecting");
  }

  /** @param {Status} status */
  #end(status) {
    this.#disconnect();
    this.#reconnection.attempts = this.#reconnection.refusals = 0;
    this.#setStatus(status);
    this.#reportDropped("closed", this.#outbox.clear());
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
    this.#dispatch("status", status);
  }

  /**
   * @param {string} type
   * @param {unknown} detail
   */
  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** @param {Blob | Uint8Array} audio */
async function encode(audio) {
  return toBase64(audio instanceof Uint8Array ? audio : new Uint8Array(await audio.arrayBuffer()));
}

/** A random name; `crypto.randomUUID` is missing on pages without https. */
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function noop() {}
