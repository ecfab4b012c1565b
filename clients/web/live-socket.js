// @ts-check
/**
 * One WebSocket that is known to be alive: it is asked every now and then, and given up when silent.
 *
 * @typedef {object} Clock
 * @property {() => number} now in milliseconds, never going back
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
 * @property {() => number} lastSeq the newest place that was heard
 * @property {(closeCode: number) => void} onLost called once; 0 when it fell silent
 */

const PING_MS = 10_000;
const SILENCE_MS = 25_000; // two pings unanswered, and some
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
   * @returns {boolean} whether it was open to send it
   */
  send(frame) {
    if (this.socket.readyState !== OPEN) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  /** Ask whether it is alive, and tell what was heard. */
  ping() {
    this.send({ type: "ping", sentAt: Date.now(), lastSeq: this.#listener.lastSeq() });
  }

  /** Close it and forget it: a dead one may take minutes to say that it is closed. */
  close() {
    this.#clock.clearTimeout(this.#timer);
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
  }

  /** @param {any} frame */
  #receive(frame) {
    this.#receivedAtMs = this.#clock.now();
    this.#listener.onFrame(frame);
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
