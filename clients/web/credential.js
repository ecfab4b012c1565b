// @ts-check
/**
 * The user's token, kept out of addresses, which logs and histories keep: the client exchanges it
 * for a ticket that is valid once, for half a minute.
 *
 * @typedef {string | (() => string | Promise<string>)} Token a bearer token, or a function that
 *   returns the current one
 */

/** The bridge refuses this token. */
export class TokenRefused extends Error {
  constructor() {
    super("the token is missing or wrong");
    this.name = "TokenRefused";
  }
}

/** The bridge issues no ticket at present. */
export class TicketUnavailable extends Error {
  /** @param {number} retryAfterMs shortest wait until the next attempt; 0 when unknown */
  constructor(retryAfterMs) {
    super("the bridge issues no ticket");
    this.name = "TicketUnavailable";
    this.retryAfterMs = retryAfterMs;
  }
}

const RETRYABLE_STATUSES = [408, 429];

export class Credential {
  #token;
  #fetch;

  /**
   * @param {Token} token
   * @param {typeof fetch} fetch
   */
  constructor(token, fetch) {
    this.#token = token;
    this.#fetch = fetch;
  }

  /** Whether another token may be available when this one expires. */
  get isRenewable() {
    return typeof this.#token === "function";
  }

  /** Return the current token. */
  async token() {
    return typeof this.#token === "function" ? this.#token() : this.#token;
  }

  /**
   * Request a ticket, which replaces the token in the address of one socket.
   *
   * @param {URL} url of the socket
   * @param {AbortSignal} signal aborts the request
   * @returns {Promise<string>}
   * @throws {TokenRefused} another attempt needs another token
   * @throws {TicketUnavailable} another attempt may succeed, as after any other error
   */
  async ticket(url, signal) {
    const address = new URL("tickets", url);
    address.protocol = address.protocol.replace("ws", "http");
    address.search = "";
    const headers = { Authorization: `Bearer ${await abortable(signal, this.token())}` };
    const response = await this.#fetch(address, { method: "POST", headers, signal });
    if (response.ok) return (await response.json()).ticket;
    const isRefused = response.status >= 400 && response.status < 500;
    if (isRefused && !RETRYABLE_STATUSES.includes(response.status)) throw new TokenRefused();
    throw new TicketUnavailable(1_000 * (Number(response.headers.get("Retry-After")) || 0));
  }
}

/**
 * Wait for a promise until the signal aborts.
 *
 * @template T
 * @param {AbortSignal} signal
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
function abortable(signal, promise) {
  const aborted = new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  return Promise.race([promise, /** @type {Promise<never>} */ (aborted)]);
}
