// @ts-check
/**
 * Who the user is, without a word of it in addresses, which logs and histories keep: a token is
 * exchanged for a ticket, good once and for half a minute.
 *
 * @typedef {string | (() => string | Promise<string>)} Token a bearer token, or what gives the one
 *   that is good then
 */

/** The bridge lets nobody in with this token. */
export class TokenRefused extends Error {
  constructor() {
    super("the token is missing or wrong");
    this.name = "TokenRefused";
  }
}

/** The bridge gives no ticket at present. */
export class TicketUnavailable extends Error {
  /** @param {number} retryAfterMs 0 when the bridge does not say */
  constructor(retryAfterMs) {
    super("the bridge gives no ticket");
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

  /** Whether there may be another token when this one expires. */
  get isRenewable() {
    return typeof this.#token === "function";
  }

  /** The token that is good now. */
  async token() {
    return typeof this.#token === "function" ? this.#token() : this.#token;
  }

  /**
   * What stands for the token in one address of a socket.
   *
   * @param {URL} url of the socket
   * @param {AbortSignal} signal gives up
   * @returns {Promise<string>}
   * @throws {TokenRefused} another token is needed
   * @throws {TicketUnavailable} another attempt is needed, as for whatever else is thrown
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
