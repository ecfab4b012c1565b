// @ts-check
/**
 * The client of a voice session: typed events, and frames that survive a lost connection.
 *
 * @typedef {{ type: string } & Record<string, any>} Frame
 * @typedef {import("./reconnecting-socket.js").Status} Status
 *
 * @typedef {object} Dropped frames that will not be sent
 * @property {"queue_full" | "session_lost" | "closed"} reason
 * @property {number} count
 *
 * @typedef {import("./frames.js").DownFrames &
 *   { frame: Frame, status: Status, dropped: Dropped }} VoiceEvents
 *
 * @typedef {object} SayOptions
 * @property {boolean} [interruptible] whether the user's speech may interrupt it; default true
 * @property {boolean} [addToHistory] whether the conversation keeps it; default true
 *
 * @typedef {object} VoiceClientOptions
 * @property {string} [sessionId] name of a session to continue; default: a new one of random name
 * @property {number} [maxQueueBytes] limit of the frames that wait to be sent or acknowledged
 * @property {new (url: URL) => WebSocket} [WebSocket] default: the browser's
 * @property {typeof fetch} [fetch] default: the browser's
 * @property {import("./live-socket.js").Clock} [clock] default: the browser's
 * @property {() => number} [random] 0 to 1, for the jitter of delays
 */

import { toBase64 } from "./base64.js";
import { Credential } from "./credential.js";
import { FrameDeduplicator } from "./frame-dedup.js";
import { Outbox } from "./outbox.js";
import { ReconnectingSocket } from "./reconnecting-socket.js";

const MAX_QUEUE_BYTES = 1 << 20; // about a minute of Opus at 96 kbit/s
const FINAL = new Set(["refused", "replaced", "closed"]); // statuses without another attempt

/** @type {import("./live-socket.js").Clock} */
const BROWSER_CLOCK = {
  now: () => performance.now(),
  setTimeout: (tick, delayMs) => setTimeout(tick, delayMs),
  clearTimeout: (timer) => clearTimeout(timer),
};

/** Thrown by `opened()` when no connection will open; `status` is the reason. */
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
 * `dropped` when frames will not be sent; each is a `CustomEvent` with its value in `detail`.
 *
 * The client keeps one session name, so a new socket resumes the session. Frames that the bridge
 * repeats after a lost connection are dispatched once.
 */
export class VoiceClient extends EventTarget {
  #config;
  #url;
  #socket;
  #outbox;
  #receivedFrames = new FrameDeduplicator();
  /** Whether this client named the session, and so receives it from its first event. */
  #ownsSession;
  /** Whether a socket of this client has had a ready session. */
  #hadSession = false;
  /** The newest playback report that could not be sent. @type {Frame | null} */
  #unsentPlayback = null;
  /** Resolves when the audio so far is in the outbox. */
  #audio = Promise.resolve();

  /**
   * @param {string | URL} url of the bridge's WebSocket
   * @param {import("./frames.js").Config} config sent whenever a socket opens
   * @param {import("./credential.js").Token | null} token where the bridge requires one; never part
   *   of an address
   * @param {VoiceClientOptions} options
   */
  constructor(url, config = {}, token = null, options = {}) {
    super();
    // Named, so that silence ends a turn also after `start_listening`.
    this.#config = { turnDetection: {}, ...config };
    this.#url = new URL(url);
    const bearer = token || this.#url.searchParams.get("token");
    this.#url.searchParams.delete("token");
    this.#url.searchParams.set("sessionId", options.sessionId ?? randomId());
    this.#ownsSession = options.sessionId === undefined;
    this.#outbox = new Outbox(options.maxQueueBytes ?? MAX_QUEUE_BYTES);
    const credential = bearer && new Credential(bearer, options.fetch ?? fetch.bind(globalThis));
    const environment = {
      WebSocket: options.WebSocket ?? globalThis.WebSocket,
      clock: options.clock ?? BROWSER_CLOCK,
      random: options.random ?? Math.random,
    };
    this.#socket = new ReconnectingSocket(this.#url, credential || null, environment, {
      onOpen: () => void this.#socket.send({ type: "config", ...this.#config }),
      onFrame: (frame) => this.#receive(frame),
      onStatus: (status) => this.#statusChanged(status),
      lastSeq: () => this.#completeSeq,
      resumeSeq: () => (this.#hadSession || this.#ownsSession ? this.#completeSeq : null),
    });
  }

  /** Status of the connection. */
  get status() {
    return this.#socket.status;
  }

  /** Name of the session; constant for the life of the client. */
  get sessionId() {
    return /** @type {string} */ (this.#url.searchParams.get("sessionId"));
  }

  /** The current WebSocket; null while there is none. */
  get socket() {
    return this.#socket.socket;
  }

  /** Highest sequence number received from the session; 0 before the first. */
  get lastSeq() {
    return this.#receivedFrames.lastSeq;
  }

  /**
   * Highest sequence number received completely: an event may arrive in several frames, so frames
   * of the last one may be missing.
   */
  get #completeSeq() {
    return Math.max(0, this.lastSeq - 1);
  }

  /** Time of the next attempt, in milliseconds of the clock; null while none is scheduled. */
  get retryAt() {
    return this.#socket.retryAt;
  }

  /** Open a socket, and another one whenever it is lost. */
  connect() {
    this.#socket.connect();
  }

  /**
   * Wait for the connection.
   *
   * @returns {Promise<void>}
   * @throws {ConnectionOver} no connection will open
   */
  async opened() {
    while (this.#socket.isPending) {
      await new Promise((resolve) => this.addEventListener("status", resolve, { once: true }));
    }
    if (this.status !== "connected") throw new ConnectionOver(this.status);
  }

  /** Close the connection permanently. */
  close() {
    this.#socket.close();
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
   * Send a frame, or queue it until there is a connection.
   *
   * @param {Frame} frame
   * @returns {boolean} false when it will not be sent: the queue is full, or the connection closed
   */
  send(frame) {
    if (FINAL.has(this.status)) return this.#reportDropped("closed", 1);
    const isConnected = this.status === "connected";
    if (this.#outbox.add(frame)) {
      if (isConnected) this.#flush();
      return true;
    }
    return (isConnected && this.#socket.send(frame)) || this.#reportDropped("queue_full", 1);
  }

  /**
   * Send a chunk of a recording. Chunks are sent in the order of the calls.
   *
   * @param {Blob | Uint8Array | string} audio bytes, or base64 text
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
   * Begin a listening period: the audio that follows is new input.
   *
   * @returns {Promise<boolean>} as of `send`
   */
  startListening() {
    return this.#afterAudio(async () => this.send({ type: "start_listening" }));
  }

  /**
   * End the user's turn. Sent after all audio of earlier calls.
   *
   * @returns {Promise<boolean>} as of `send`
   */
  stopListening() {
    return this.#afterAudio(async () => this.send({ type: "stop_listening" }));
  }

  /**
   * Send a typed user turn.
   *
   * @param {string} text
   * @returns {boolean} as of `send`
   */
  sendText(text) {
    return this.send({ type: "text", text });
  }

  /**
   * Have the assistant speak a given text, without the language model.
   *
   * @param {string} text
   * @param {SayOptions} options
   * @returns {boolean} as of `send`
   */
  say(text, options = {}) {
    return this.send({ ...options, type: "say", text });
  }

  /**
   * Request an answer to the conversation in its present state.
   *
   * @param {string} [instructions] for this answer only
   * @returns {boolean} as of `send`
   */
  createResponse(instructions) {
    return this.send({ type: "create_response", instructions });
  }

  /**
   * Report the playback position of a response, as `Player.onPlayback` receives it. Without a
   * connection only the newest report is kept, and sent when the session resumes.
   *
   * @param {import("./frames.js").Playback} playback
   */
  reportPlayback({ responseId, playedMs }) {
    const frame = { type: "playback", responseId, playedMs };
    const isSent = this.status === "connected" && this.#socket.send(frame);
    this.#unsentPlayback = isSent ? null : frame;
  }

  /**
   * Stop an answer.
   *
   * @param {number} responseId 0 for the one in progress
   * @param {number} [playedMs] length of its audio that the user heard
   * @returns {boolean} as of `send`
   */
  interrupt(responseId = 0, playedMs) {
    return this.send({ type: "interrupt", responseId, playedMs });
  }

  /**
   * Change the configuration, now and for every later socket.
   *
   * @param {import("./frames.js").Config} patch
   */
  configure(patch) {
    this.#config = { ...this.#config, ...patch };
    if (this.status === "connected") this.#socket.send({ type: "config", ...patch });
  }

  #flush() {
    this.#outbox.flush((frame) => this.#socket.send(frame));
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
   * Run an action once all earlier audio is in the outbox: reading a Blob is asynchronous.
   *
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
    if (frame.type === "token_expiring") void this.#socket.renewToken();
    if (frame.type === "error") this.#socket.delayRetry(frame.retryAfterMs ?? 0);
    this.#dispatch("frame", frame);
    this.#dispatch(frame.type, frame);
  }

  /** @param {Frame} ready */
  #startSession({ resumed: isResumed, received }) {
    if (isResumed && this.#unsentPlayback) this.#socket.send(this.#unsentPlayback);
    this.#unsentPlayback = null;
    if (!isResumed) this.#receivedFrames.reset();
    if (isResumed || !this.#hadSession) this.#outbox.resume(received);
    else this.#reportDropped("session_lost", this.#outbox.startNewSession(received));
    this.#hadSession = true;
    this.#flush();
    this.#socket.markReady();
  }

  /** @param {Status} status */
  #statusChanged(status) {
    this.#dispatch("status", status);
    if (FINAL.has(status)) this.#reportDropped("closed", this.#outbox.clear());
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

/** Return a random name; `crypto.randomUUID` is missing on pages without https. */
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function noop() {}
