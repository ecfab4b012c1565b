// @ts-check
/** The microphone: a recording in pieces of 100 ms, each handed over as base64, in order. */

const TIMESLICE_MS = 100;
const FORMATS = ["audio/webm;codecs=opus", "audio/mp4"]; // the second for Safari

/** Why there is no recording, in words for the user. */
export class MicrophoneError extends Error {}

export class Microphone {
  #onChunk;
  #onLost;
  /** @type {MediaRecorder | null} */
  #recorder = null;
  /** Resolves when every piece so far has been handed over. */
  #handedOver = Promise.resolve();

  /**
   * @param {(base64: string) => void} onChunk takes each piece
   * @param {() => void} onLost called when the device goes away
   */
  constructor(onChunk, onLost) {
    this.#onChunk = onChunk;
    this.#onLost = onLost;
  }

  /** Whether it records. */
  get isOn() {
    return this.#recorder !== null;
  }

  /**
   * Begin a recording.
   *
   * @throws {MicrophoneError} it cannot be had
   */
  async start() {
    const stream = await open();
    const mimeType = FORMATS.find((format) => MediaRecorder.isTypeSupported(format));
    const recorder = new MediaRecorder(stream, { mimeType });
    recorder.ondataavailable = ({ data }) => {
      if (data.size > 0) this.#handOver(data);
    };
    for (const track of stream.getTracks()) track.onended = () => this.#onLost();
    recorder.start(TIMESLICE_MS);
    this.#recorder = recorder;
  }

  /** End the recording; resolves when its last piece has been handed over. */
  async stop() {
    const recorder = this.#recorder;
    if (!recorder) return;
    this.#recorder = null;
    if (recorder.state !== "inactive") {
      const stopped = new Promise((resolve) => recorder.addEventListener("stop", resolve));
      recorder.stop();
      await stopped;
    }
    for (const track of recorder.stream.getTracks()) track.stop();
    await this.#handedOver;
  }

  /** @param {Blob} piece */
  #handOver(piece) {
    const encoded = toBase64(piece);
    this.#handedOver = this.#handedOver.then(async () => this.#onChunk(await encoded));
  }
}

/** @returns {Promise<MediaStream>} */
async function open() {
  if (!navigator.mediaDevices || !window.MediaRecorder) {
    throw new MicrophoneError("The browser offers the microphone on https and localhost only.");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, channelCount: 1 },
    });
  } catch (error) {
    const isDenied = error instanceof DOMException && error.name === "NotAllowedError";
    throw new MicrophoneError(
      isDenied ? "The microphone is not allowed for this page." : "No microphone was found.",
    );
  }
}

/**
 * @param {Blob} piece
 * @returns {Promise<string>}
 */
function toBase64(piece) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).split(",", 2)[1]);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(piece);
  });
}
