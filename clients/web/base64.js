// @ts-check
/** Base64 encoding and decoding. */

const STRIDE_BYTES = 0x8000; // number of arguments that every browser accepts

/**
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function toBase64(bytes) {
  let binary = "";
  for (let at = 0; at < bytes.length; at += STRIDE_BYTES) {
    binary += String.fromCharCode(...bytes.subarray(at, at + STRIDE_BYTES));
  }
  return btoa(binary);
}

/**
 * @param {string} base64
 * @returns {Uint8Array<ArrayBuffer>}
 * @throws {DOMException} the text is not base64
 */
export function toBytes(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
