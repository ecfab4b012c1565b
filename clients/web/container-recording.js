// @ts-check
/** A recording by MediaRecorder: WebM with Opus, or MP4 where there is no WebM. */

import { BITS_PER_SECOND } from "./quality.js";
import { Succession } from "./succession.js";

/** @typedef {import("./quality.js").Quality} Quality */

/**
 * Some of a recording, in order.
 *
 * @typedef {object} Piece
 * @property {Uint8Array} bytes
 * @property {boolean} begins whether a container begins here: with its header, which all need
 *   that follow until the next that begins
 */

const TIMESLICE_MS = 100;
const MIME_TYPES = ["audio/webm;codecs=opus", "audio/mp4"]; // the second for Safari

/**
 * Records a stream. A MediaRecorder keeps its bit rate for life, so for another one a new recorder
 * takes over, and a new container begins.
 */
export class ContainerRecording {
  #stream;
  #onPiece;
  /** @type {Succession<{ blob: Blob, begins: boolean }>} */
  #succession;
  /** @type {{ recorder: MediaRecorder, stopped: Promise<void> } | null} */
  #current = null;
  /** Resolves when every piece so far has been handed over. */
  #handedOver = Promise.resolve();

  /**
   * @param {MediaStream} stream
   * @param {(piece: Piece) => void} onPiece
   */
  constructor(stream, onPiece) {
    this.#stream = stream;
    this.#onPiece = onPiece;
    this.#succession = new Succession((slice) => this.#handOver(slice));
  }

  /** The recorder of the moment; null before the first and after the last. */
  get recorder() {
    return this.#current?.recorder ?? null;
  }

  /**
   * Begin in a quality, or go on in another one: nothing is heard twice. What the
   * encoder of the one before has not finished is lost: 10 ms, and more on a machine that is busy.
   *
   * @param {Quality} quality
   */
  async record(quality) {
    const before = this.#current;
    this.#current = this.#begin(quality);
    if (before && before.recorder.state !== "inactive") before.recorder.stop();
  }

  /** End the recording; resolves when its last piece has been handed over. */
  async stop() {
    const current = this.#current;
    this.#current = null;
    if (!current) return;
    if (current.recorder.state !== "inactive") current.recorder.stop();
    await current.stopped;
    await this.#handedOver;
  }

  /** @param {Quality} quality */
  #begin(quality) {
    const recorder = new MediaRecorder(this.#stream, {
      mimeType: MIME_TYPES.find((type) => MediaRecorder.isTypeSupported(type)),
      audioBitsPerSecond: BITS_PER_SECOND[quality],
    });
    recorder.start(TIMESLICE_MS);
    const lane = this.#succession.open();
    let begins = true;
    recorder.ondataavailable = ({ data }) => {
      if (data.size === 0) return;
      lane.put({ blob: data, begins });
      begins = false;
    };
    /** @type {Promise<void>} */
    const stopped = new Promise((resolve) => {
      recorder.onstop = () => {
        lane.close();
        resolve();
      };
    });
    return { recorder, stopped };
  }

  /** @param {{ blob: Blob, begins: boolean }} slice */
  #handOver({ blob, begins }) {
    const read = blob.arrayBuffer();
    this.#handedOver = this.#handedOver.then(async () => {
      this.#onPiece({ bytes: new Uint8Array(await read), begins });
    });
  }
}
