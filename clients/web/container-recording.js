// @ts-check
/** A recording by MediaRecorder: WebM with Opus, or MP4 where there is no WebM. */

import { BITS_PER_SECOND } from "./quality.js";
import { OrderedLanes } from "./ordered-lanes.js";

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
 * A recorder at work.
 *
 * @typedef {object} Take
 * @property {MediaRecorder} recorder
 * @property {Promise<void>} underWay resolves with its first piece, or when it has stopped
 */

/**
 * Records a stream. A MediaRecorder keeps its bit rate for life, so for another one a new recorder
 * takes over, and a new container begins.
 */
export class ContainerRecording {
  #stream;
  #onPiece;
  /** @type {OrderedLanes<{ blob: Blob, begins: boolean }>} */
  #lanes;
  /** @type {Take | null} */
  #current = null;
  /** Resolves when every recorder so far has stopped. @type {Promise<unknown>} */
  #stopped = Promise.resolve();
  /** Resolves when every piece so far has been handed over. */
  #handedOver = Promise.resolve();

  /**
   * @param {MediaStream} stream
   * @param {(piece: Piece) => void} onPiece
   */
  constructor(stream, onPiece) {
    this.#stream = stream;
    this.#onPiece = onPiece;
    this.#lanes = new OrderedLanes((slice) => this.#handOver(slice));
  }

  /** The recorder of the moment; null before the first and after the last. */
  get recorder() {
    return this.#current?.recorder ?? null;
  }

  /**
   * Begin in a quality, or go on in another one: nothing is heard twice, and no more is lost than
   * the frame that the encoder had begun, 60 ms at most.
   *
   * @param {Quality} quality
   */
  async record(quality) {
    const before = this.#current;
    const current = this.#begin(quality);
    this.#current = current;
    if (!before) return;
    if (before.recorder.state === "recording") before.recorder.pause();
    // Paused, it goes on encoding what it has heard, and stopped, it would drop that. By the time
    // that its successor has encoded what came later, it is done.
    await current.underWay;
    stop(before.recorder);
  }

  /** End the recording; resolves when its last piece has been handed over. */
  async stop() {
    const current = this.#current;
    this.#current = null;
    if (!current) return;
    stop(current.recorder);
    await this.#stopped;
    await this.#handedOver;
  }

  /**
   * @param {Quality} quality
   * @returns {Take}
   */
  #begin(quality) {
    const recorder = new MediaRecorder(this.#stream, {
      mimeType: MIME_TYPES.find((type) => MediaRecorder.isTypeSupported(type)),
      audioBitsPerSecond: BITS_PER_SECOND[quality],
    });
    recorder.start(TIMESLICE_MS);
    const lane = this.#lanes.open();
    const stopped = happens(recorder, "stop").then(() => lane.close());
    this.#stopped = Promise.all([this.#stopped, stopped]);
    /** @type {Promise<void>} */
    const heard = new Promise((resolve) => {
      let begins = true;
      recorder.ondataavailable = ({ data }) => {
        if (data.size === 0) return;
        lane.put({ blob: data, begins });
        begins = false;
        resolve();
      };
    });
    return { recorder, underWay: Promise.race([heard, stopped]) };
  }

  /** @param {{ blob: Blob, begins: boolean }} slice */
  #handOver({ blob, begins }) {
    const read = blob.arrayBuffer();
    this.#handedOver = this.#handedOver.then(async () => {
      this.#onPiece({ bytes: new Uint8Array(await read), begins });
    });
  }
}

/** @param {MediaRecorder} recorder */
function stop(recorder) {
  if (recorder.state !== "inactive") recorder.stop();
}

/**
 * @param {EventTarget} target
 * @param {string} event
 */
function happens(target, event) {
  return new Promise((resolve) => target.addEventListener(event, resolve, { once: true }));
}
