// @ts-check
/** A recording of PCM samples: 16 bits, mono, as WAV of unknown length. */

/** @typedef {import("./container-recording.js").Piece} Piece */
/** @typedef {import("./quality.js").Quality} Quality */

const RATE_HZ = 16_000;
const SLICES_PER_SECOND = 10;
const WORKLET = new URL("./pcm-worklet.js", import.meta.url);
const FLUSH_MS = 500; // an audio thread without an answer by then is not running
const UNKNOWN_BYTES = 0xffffffff;

/** Records a stream without loss, as the alternative to Opus. */
export class PcmRecording {
  #stream;
  #onPiece;
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {AudioWorkletNode | null} */
  #node = null;
  #begins = true;

  /**
   * @param {MediaStream} stream
   * @param {(piece: Piece) => void} onPiece
   */
  constructor(stream, onPiece) {
    this.#stream = stream;
    this.#onPiece = onPiece;
  }

  /**
   * Begin, or continue with a new header. PCM has one quality only.
   *
   * @param {Quality} _quality
   */
  async record(_quality) {
    this.#begins = true;
    if (this.#context) return;
    const { context, source } = openContext(this.#stream);
    this.#context = context;
    await context.audioWorklet.addModule(WORKLET);
    if (this.#context !== context) return; // stopped in the meantime
    const node = new AudioWorkletNode(context, "pcm-slices", {
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: "explicit",
      processorOptions: { sliceSamples: Math.round(context.sampleRate / SLICES_PER_SECOND) },
    });
    node.port.onmessage = ({ data }) => this.#handOver(data, context.sampleRate);
    source.connect(node);
    this.#node = node;
    if (context.state === "suspended") await context.resume();
  }

  /** End the recording; resolves after its last piece has been delivered. */
  async stop() {
    const [context, node] = [this.#context, this.#node];
    this.#context = this.#node = null;
    if (node && context?.state === "running") {
      const flushed = new Promise((resolve) => {
        node.port.addEventListener("message", ({ data }) => data.isLast && resolve(null));
        setTimeout(resolve, FLUSH_MS);
      });
      node.port.postMessage("flush");
      await flushed;
    }
    await context?.close();
  }

  /**
   * @param {{ samples: Int16Array<ArrayBuffer> }} slice
   * @param {number} rateHz
   */
  #handOver({ samples }, rateHz) {
    if (samples.length === 0) return;
    const bytes = new Uint8Array(samples.buffer);
    const begins = this.#begins;
    this.#begins = false;
    this.#onPiece({ bytes: begins ? joined(wavHeader(rateHz), bytes) : bytes, begins });
  }
}

/**
 * Open a context at the rate of the recording, or at the device's rate in browsers that do not
 * convert.
 *
 * @param {MediaStream} stream
 */
function openContext(stream) {
  const wanted = new AudioContext({ sampleRate: RATE_HZ });
  try {
    return { context: wanted, source: wanted.createMediaStreamSource(stream) };
  } catch {
    void wanted.close();
    const context = new AudioContext();
    return { context, source: context.createMediaStreamSource(stream) };
  }
}

/**
 * Return the header of 16 bit mono WAV of unknown length.
 *
 * @param {number} rateHz
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function wavHeader(rateHz) {
  const header = new DataView(new ArrayBuffer(44));
  /** @type {(at: number, name: string) => void} */
  const name = (at, text) => [...text].forEach((c, i) => header.setUint8(at + i, c.charCodeAt(0)));
  name(0, "RIFF");
  header.setUint32(4, UNKNOWN_BYTES, true);
  name(8, "WAVEfmt ");
  header.setUint32(16, 16, true); // bytes of the following format
  header.setUint16(20, 1, true); // integers
  header.setUint16(22, 1, true); // mono
  header.setUint32(24, rateHz, true);
  header.setUint32(28, rateHz * 2, true); // bytes per second
  header.setUint16(32, 2, true); // bytes per sample
  header.setUint16(34, 16, true); // bits per sample
  name(36, "data");
  header.setUint32(40, UNKNOWN_BYTES, true);
  return new Uint8Array(header.buffer);
}

/**
 * @param {Uint8Array} head
 * @param {Uint8Array} tail
 */
function joined(head, tail) {
  const bytes = new Uint8Array(head.length + tail.length);
  bytes.set(head);
  bytes.set(tail, head.length);
  return bytes;
}
