// @ts-check
/**
 * One WebSocket with a liveness check: it sends pings, and reports a silent socket as lost.
 *
 * @typedef {object} Clock
 * @property {() => number} now milliseconds of a monotonic clock
 * @property {(tick: () => void, delayMs: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 *
 * @typedef {object} Environment
 * @property {new (url: URL) => WebSocket} WebSocket
 * @property {Clock} clock
 *
 * @typedef {object} Listener
 * @property {() => void} onOpen
 * @property {(frame: any) => void} onFrame
 * @property {() => number} lastSeq sequence number that pings acknowledge
 * @property {(closeCode: number) => void} onLost called once; 0 for a socket that fell silent
 */

const PING_MS = 10_000;
const SILENCE_MS = 25_000; // two unanswered pings and a margin
const OPEN = 1;

export class LiveSocket {
  #clock;
  #listener;
  #receivedAtMs;
  /** @type {any} */
  #timer;

  /**
   * @param {URL} url
   * @param {Environment} environment
   * @param {Listener} listener
   */
  constructor(url, { WebSocket, clock }, listener) {
    this.#clock = clock;
    this.#listener = listener;
    this.#receivedAtMs = clock.now();
    this.socket = new WebSocket(url);
    this.socket.onopen = () => listener.onOpen();
    this.socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    this.socket.onclose = ({ code }) => this.#lose(code);
    this.#watch();
  }

  /**
   * @param {{ type: string } & Record<string, any>} frame
   * @returns {boolean} false when the socket is not open
   */
  send(frame) {
    if (this.socket.readyState !== OPEN) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  /** Send a ping, which also acknowledges the frames received. */
  ping() {
    this.send({ type: "ping", sentAt: Date.now(), lastSeq: this.#listener.lastSeq() });
  }

  /** Close the socket and stop listening: a dead one may take minutes to report its close. */
  close() {
    this.#clock.clearTimeout(this.#timer);
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
  }

  /** @param {any} frame */
  #receive(frame) {
    this.#receivedAtMs = this.#clock.now();
    // The bridge sends actions on state as `setState` to clients whose context is an object.
    const isSetState = frame.type === "setState";
    this.#listener.onFrame(isSetState ? { ...frame, type: "action" } : frame);
  }

  #watch() {
    this.#timer = this.#clock.setTimeout(() => {
      if (this.#clock.now() - this.#receivedAtMs > SILENCE_MS) return this.#lose(0);
      this.ping();
      this.#watch();
    }, PING_MS);
  }

  /** @param {number} closeCode */
  #lose(closeCode) {
    this.close();
    this.#listener.onLost(closeCode);
  }
}
