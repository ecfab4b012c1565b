// @ts-check
/** The microphone: a recording in pieces of 100 ms, each handed over as base64, in order. */

import { toBase64 } from "./base64.js";
import { ContainerRecording } from "./container-recording.js";
import { LevelMeter } from "./level-meter.js";
import { PcmRecording } from "./pcm-recording.js";
import { QualityPolicy } from "./quality.js";

/** @typedef {import("./container-recording.js").Piece} Piece */
/** @typedef {import("./quality.js").Quality} Quality */

/**
 * How to record.
 *
 * @typedef {object} MicrophoneOptions
 * @property {"opus" | "pcm16"} [encoding] "opus" is WebM, or MP4 where there is no WebM; "pcm16" is
 *   a WAV file without an end
 * @property {() => number} [backlogBytes] what waits to be sent: the socket's `bufferedAmount`
 * @property {Quality} [quality] to begin with
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

/** Whether this browser can record on this page. */
export function canRecord() {
  return Boolean(globalThis.navigator?.mediaDevices && globalThis.MediaRecorder);
}

/** Why there is no recording, in words for the user. */
export class MicrophoneError extends Error {}

/** Dispatches `quality` when it has begun to record in another quality. */
export class Microphone extends EventTarget {
  #onChunk;
  #onLost;
  #encoding;
  #backlogBytes;
  #constraints;
  #policy;
  /** Pending while the user is asked. @type {Promise<MediaStream> | null} */
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
   * @param {(base64: string, piece: Piece) => void} onChunk takes each piece
   * @param {() => void} onLost called when the device goes away
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

  /** Whether it records. */
  get isOn() {
    return this.#recording !== null;
  }

  /** What is recorded, for others that listen to it; null while the microphone is closed. */
  get stream() {
    return this.#stream;
  }

  /** The recorder of the moment; null while it does not record, or records samples. */
  get recorder() {
    return this.#recording instanceof ContainerRecording ? this.#recording.recorder : null;
  }

  /** The quality that it records in. */
  get quality() {
    return this.#policy.quality;
  }

  /** Root mean square of the latest samples, 0 to 1. */
  get level() {
    return this.#measure()?.level ?? 0;
  }

  /**
   * The latest samples, -1 to 1; none while the microphone is closed.
   *
   * @returns {Float32Array}
   */
  waveform() {
    return this.#measure()?.waveform() ?? new Float32Array();
  }

  /**
   * Ask for the microphone and keep it open for the `start` that follows, so that the first word
   * does not wait for the question.
   *
   * @throws {MicrophoneError} it cannot be had
   */
  async requestPermission() {
    await this.#open();
  }

  /**
   * Begin a recording, and ask for the microphone where that was not done. Nothing is recorded if
   * `stop` is called while the user is still being asked.
   *
   * @throws {MicrophoneError} it cannot be had
   */
  async start() {
    const stream = await this.#open();
    if (this.#recording || this.#stream !== stream) return;
    const Recording = this.#encoding === "opus" ? ContainerRecording : PcmRecording;
    const recording = new Recording(stream, (piece) => {
      this.#onChunk(toBase64(piece.bytes), piece);
    });
    this.#adjustQuality(); // begins in the quality that the connection carries
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
   * Go on with a new container, which whoever has lost the beginning of the recording can read:
   * a server after a lost connection, for one.
   */
  async restart() {
    await this.#recording?.record(this.quality);
  }

  /** End the recording and close the microphone; resolves when its last piece is handed over. */
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

  /** @returns {Promise<MediaStream>} the same to everybody who asks before there is an answer */
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

/** @returns {(EventTarget & { effectiveType?: string }) | undefined} not every browser tells */
function connection() {
  return /** @type {any} */ (navigator).connection;
}

/**
 * @param {MediaTrackConstraints} constraints
 * @returns {Promise<MediaStream>}
 */
async function open(constraints) {
  if (!canRecord()) {
    throw new MicrophoneError("The browser offers the microphone on https and localhost only.");
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
  if (name === "NotAllowedError") return "The microphone is not allowed for this page.";
  if (name === "NotReadableError") return "The microphone is used by another program.";
  return "No microphone was found.";
}
