// @ts-check
/**
 * The connection to the bridge: frames in and out, and coming back after a drop.
 *
 * @typedef {{ type: string } & Record<string, any>} Frame
 * @typedef {"connecting" | "connected" | "reconnecting" | "refused" | "replaced" | "closed"} Status
 */

const PING_MS = 10_000;
const SILENCE_MS = 25_000; // two pings unanswered, and some
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 8_000;

const UNAUTHORIZED = 1008;
const TAKEN_OVER = 4409;

/**
 * Dispatches `status` when `status` has changed and `frame`, with the frame in `detail`.
 *
 * The session has one name for as long as the page lives, so a new socket goes on with it.
 */
export class VoiceClient extends EventTarget {
  /** @type {Status} */
  status = "closed";

  #url;
  #token;
  #config;
  /** @type {WebSocket | null} */
  #socket = null;
  #attempts = 0;
  #heardAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #pinging;

  /**
   * @param {string} url of the WebSocket
   * @param {Record<string, any>} config sent whenever a socket opens
   * @param {string | null} token bearer token, where the bridge wants one
   */
  constructor(url, config, token = null) {
    super();
    this.#url = new URL(url);
    this.#url.searchParams.set("sessionId", newName());
    this.#config = config;
    this.#token = token;
  }

  /** Open a socket, and another whenever it is lost. */
  connect() {
    clearTimeout(this.#retry);
    this.#drop();
    this.#become(this.#attempts === 0 ? "connecting" : "reconnecting");
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#heardAt = performance.now();
    this.#pinging = setInterval(() => this.#watch(), PING_MS);
    socket.onopen = () => {
      if (this.#token) this.send({ type: "auth", token: this.#token });
      this.send({ type: "config", ...this.#config });
    };
    socket.onmessage = (event) => this.#hear(JSON.parse(event.data));
    socket.onclose = (event) => this.#lose(event.code);
  }

  /** Close the socket for good. */
  close() {
    clearTimeout(this.#retry);
    this.#drop();
    this.#become("closed");
  }

  /**
   * Send a frame.
   *
   * @param {Frame} frame
   * @returns {boolean} whether there was a socket to send it on
   */
  send(frame) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /**
   * Change what is configured, now and for every later socket.
   *
   * @param {Record<string, any>} patch
   */
  configure(patch) {
    this.#config = { ...this.#config, ...patch };
    this.send({ type: "config", ...patch });
  }

  /** @param {Frame} frame */
  #hear(frame) {
    this.#heardAt = performance.now();
    if (frame.type === "ready") {
      this.#attempts = 0;
      this.#become("connected");
    }
    this.dispatchEvent(new CustomEvent("frame", { detail: frame }));
  }

  #watch() {
    if (performance.now() - this.#heardAt > SILENCE_MS) this.#lose(0);
    else this.send({ type: "ping", sentAt: Date.now() });
  }

  /** @param {number} code */
  #lose(code) {
    this.#drop();
    if (code === UNAUTHORIZED) return this.#become("refused");
    if (code === TAKEN_OVER) return this.#become("replaced");
    const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#attempts);
    this.#attempts += 1;
    this.#become("reconnecting");
    this.#retry = setTimeout(() => this.connect(), longest * (0.5 + Math.random() / 2));
  }

  /** Forget the socket: a dead one may take minutes to say that it is closed. */
  #drop() {
    clearInterval(this.#pinging);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  /** @param {Status} status */
  #become(status) {
    if (status === this.status) return;
    this.status = status;
    this.dispatchEvent(new Event("status"));
  }
}

/** A random name; `crypto.randomUUID` is missing on pages without https. */
function newName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
