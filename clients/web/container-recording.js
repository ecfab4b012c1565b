// @ts-check
/** A recording by MediaRecorder: WebM with Opus, or MP4 where the browser has no WebM. */

import { BITS_PER_SECOND } from "./quality.js";
import { OrderedLanes } from "./ordered-lanes.js";

/** @typedef {import("./quality.js").Quality} Quality */

/**
 * A piece of a recording.
 *
 * @typedef {object} Piece
 * @property {Uint8Array} bytes
 * @property {boolean} begins whether a container begins with this piece, with the header that the
 *   following pieces need
 */

const TIMESLICE_MS = 100;
const MIME_TYPES = ["audio/webm;codecs=opus", "audio/mp4"]; // the second for Safari

/**
 * A running recorder.
 *
 * @typedef {object} ActiveRecorder
 * @property {MediaRecorder} recorder
 * @property {Promise<void>} producing resolves after its first piece, or when it has stopped
 */

/**
 * Records a stream. The bit rate of a MediaRecorder is fixed, so another quality means another
 * recorder and a new container.
 */
export class ContainerRecording {
  #stream;
  #onPiece;
  /** @type {OrderedLanes<{ blob: Blob, begins: boolean }>} */
  #lanes;
  /** @type {ActiveRecorder | null} */
  #current = null;
  /** Resolves when every recorder so far has stopped. @type {Promise<unknown>} */
  #stopped = Promise.resolve();
  /** Resolves when every piece so far has been delivered. */
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

  /** The current recorder; null before the first and after the last. */
  get recorder() {
    return this.#current?.recorder ?? null;
  }

  /**
   * Begin in a quality, or continue in another one. No sound is recorded twice, and at most the
   * frame that the encoder had begun is lost, 60 ms.
   *
   * @param {Quality} quality
   */
  async record(quality) {
    const previous = this.#current;
    const current = this.#begin(quality);
    this.#current = current;
    if (!previous) return;
    if (previous.recorder.state === "recording") previous.recorder.pause();
    // A paused recorder still encodes the sound that it has captured; a stopped one would drop it.
    // It is done by the time its successor has encoded later sound.
    await current.producing;
    stop(previous.recorder);
  }

  /** End the recording; resolves after its last piece has been delivered. */
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
   * @returns {ActiveRecorder}
   */
  #begin(quality) {
    const recorder = new MediaRecorder(this.#stream, {
      mimeType: MIME_TYPES.find((type) => MediaRecorder.isTypeSupported(type)),
      audioBitsPerSecond: BITS_PER_SECOND[quality],
    });
    recorder.start(TIMESLICE_MS);
    const lane = this.#lanes.open();
    const stopped = once(recorder, "stop").then(() => lane.close());
    this.#stopped = Promise.all([this.#stopped, stopped]);
    /** @type {Promise<void>} */
    const firstPiece = new Promise((resolve) => {
      let begins = true;
      recorder.ondataavailable = ({ data }) => {
        if (data.size === 0) return;
        lane.put({ blob: data, begins });
        begins = false;
        resolve();
      };
    });
    return { recorder, producing: Promise.race([firstPiece, stopped]) };
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
function once(target, event) {
  return new Promise((resolve) => target.addEventListener(event, resolve, { once: true }));
}
