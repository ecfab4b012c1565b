// @ts-check
/** The microphone: a recording in pieces of 100 ms, delivered in order as base64. */

import { toBase64 } from "./base64.js";
import { ContainerRecording } from "./container-recording.js";
import { LevelMeter } from "./level-meter.js";
import { PcmRecording } from "./pcm-recording.js";
import { QualityPolicy } from "./quality.js";

/** @typedef {import("./container-recording.js").Piece} Piece */
/** @typedef {import("./quality.js").Quality} Quality */

/**
 * Options of a recording.
 *
 * @typedef {object} MicrophoneOptions
 * @property {"opus" | "pcm16"} [encoding] "opus" (default) is WebM, or MP4 where the browser has no
 *   WebM; "pcm16" is WAV of unknown length
 * @property {() => number} [backlogBytes] bytes that wait to be sent: the socket's `bufferedAmount`
 * @property {Quality} [quality] initial quality
 * @property {MediaTrackConstraints} [constraints]
 */

const QUALITY_CHECK_MS = 250;

/** @type {MediaTrackConstraints} */
const CONSTRAINTS = {
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
  channelCount: 1,
};

/** Return whether this browser can record on this page. */
export function canRecord() {
  return Boolean(globalThis.navigator?.mediaDevices && globalThis.MediaRecorder);
}

/** A recording is not possible; the message is for the user. */
export class MicrophoneError extends Error {}

/** Dispatches `quality` when the quality of the recording has changed. */
export class Microphone extends EventTarget {
  #onChunk;
  #onLost;
  #encoding;
  #backlogBytes;
  #constraints;
  #policy;
  /** Pending while the browser asks the user for permission. @type {Promise<MediaStream> | null} */
  #opening = null;
  /** @type {MediaStream | null} */
  #stream = null;
  /** @type {ContainerRecording | PcmRecording | null} */
  #recording = null;
  /** @type {LevelMeter | null} */
  #meter = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #qualityTimer;

  /**
   * @param {(base64: string, piece: Piece) => void} onChunk receives each piece
   * @param {() => void} onLost called when the device is disconnected
   * @param {MicrophoneOptions} options
   */
  constructor(onChunk, onLost = () => {}, options = {}) {
    super();
    this.#onChunk = onChunk;
    this.#onLost = onLost;
    this.#encoding = options.encoding ?? "opus";
    this.#backlogBytes = options.backlogBytes ?? (() => 0);
    this.#constraints = options.constraints ?? CONSTRAINTS;
    this.#policy = new QualityPolicy(options.quality);
  }

  /** Whether a recording is in progress. */
  get isOn() {
    return this.#recording !== null;
  }

  /** The recorded stream, for other listeners; null while the microphone is closed. */
  get stream() {
    return this.#stream;
  }

  /** The current MediaRecorder; null without a recording, and for "pcm16". */
  get recorder() {
    return this.#recording instanceof ContainerRecording ? this.#recording.recorder : null;
  }

  /** Quality of the recording. */
  get quality() {
    return this.#policy.quality;
  }

  /** Root mean square of the latest samples, 0 to 1. */
  get level() {
    return this.#measure()?.level ?? 0;
  }

  /**
   * Return the latest samples, -1 to 1; none while the microphone is closed.
   *
   * @returns {Float32Array}
   */
  waveform() {
    return this.#measure()?.waveform() ?? new Float32Array();
  }

  /**
   * Request the microphone and keep it open for the `start` that follows, so that the browser's
   * question does not cut the first word.
   *
   * @throws {MicrophoneError} the microphone is not available
   */
  async requestPermission() {
    await this.#open();
  }

  /**
   * Begin a recording, and request the microphone unless it is open. A `stop` while the browser
   * still asks the user cancels the recording.
   *
   * @throws {MicrophoneError} the microphone is not available, or the browser cannot record
   */
  async start() {
    const stream = await this.#open();
    if (this.#recording || this.#stream !== stream) return;
    const Recording = this.#encoding === "opus" ? ContainerRecording : PcmRecording;
    const recording = new Recording(stream, (piece) => {
      this.#onChunk(toBase64(piece.bytes), piece);
    });
    this.#adjustQuality(); // start in a quality that the connection carries
    this.#recording = recording;
    this.#qualityTimer = setInterval(() => this.#adjustQuality(), QUALITY_CHECK_MS);
    connection()?.addEventListener("change", this.#adjustQuality);
    try {
      await recording.record(this.quality);
    } catch (error) {
      if (this.#recording !== recording) return; // stopped in the meantime
      await this.stop();
      throw new MicrophoneError("This browser cannot record.", { cause: error });
    }
  }

  /**
   * Continue in a new container, for a server that has lost the beginning of the recording together
   * with the connection.
   */
  async restart() {
    await this.#recording?.record(this.quality);
  }

  /** End the recording and close the microphone; resolves after the last piece is delivered. */
  async stop() {
    const [recording, stream] = [this.#recording, this.#stream];
    this.#recording = this.#stream = this.#opening = null;
    clearInterval(this.#qualityTimer);
    connection()?.removeEventListener("change", this.#adjustQuality);
    this.#meter?.close();
    this.#meter = null;
    try {
      await recording?.stop();
    } finally {
      if (stream) stopTracks(stream);
    }
  }

  /** @returns {Promise<MediaStream>} the same for all calls until the user has answered */
  #open() {
    if (this.#opening) return this.#opening;
    const opening = open(this.#constraints).then(
      (stream) => {
        if (this.#opening === opening) this.#adopt(stream);
        else stopTracks(stream);
        return stream;
      },
      (error) => {
        if (this.#opening === opening) this.#opening = null;
        throw error;
      },
    );
    this.#opening = opening;
    return opening;
  }

  /** @param {MediaStream} stream */
  #adopt(stream) {
    this.#stream = stream;
    for (const track of stream.getTracks()) {
      track.onended = () => {
        if (this.#stream === stream) this.#onLost();
      };
    }
  }

  #measure() {
    if (this.#stream) this.#meter ??= new LevelMeter(this.#stream);
    return this.#meter;
  }

  #adjustQuality = () => {
    const before = this.quality;
    const quality = this.#policy.observe({
      nowMs: performance.now(),
      effectiveType: connection()?.effectiveType,
      backlogBytes: this.#backlogBytes(),
    });
    if (quality === before) return;
    if (this.#encoding === "opus") this.#recording?.record(quality).catch(() => this.#onLost());
    this.dispatchEvent(new Event("quality"));
  };
}

/** @param {MediaStream} stream */
function stopTracks(stream) {
  for (const track of stream.getTracks()) track.stop();
}

/** @returns {(EventTarget & { effectiveType?: string }) | undefined} undefined in some browsers */
function connection() {
  return /** @type {any} */ (navigator).connection;
}

/**
 * @param {MediaTrackConstraints} constraints
 * @returns {Promise<MediaStream>}
 */
async function open(constraints) {
  if (!canRecord()) {
    throw new MicrophoneError("The browser allows the microphone on https and localhost only.");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: constraints });
  } catch (error) {
    throw new MicrophoneError(messageFor(error), { cause: error });
  }
}

/** @param {unknown} error */
function messageFor(error) {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError") return "This page has no permission to use the microphone.";
  if (name === "NotReadableError") return "The microphone is used by another program.";
  return "No microphone was found.";
}
