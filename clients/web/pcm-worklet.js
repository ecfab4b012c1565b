// @ts-check
/** The audio thread's part of a PCM recording: slices of 16 bit integers. */

// The DOM library has no types for this global scope.
const { AudioWorkletProcessor, registerProcessor } = /** @type {any} */ (globalThis);

/** Posts `{samples, isLast}`: full slices, and a shorter last one on any message. */
class PcmSlices extends AudioWorkletProcessor {
  /** @param {{ processorOptions: { sliceSamples: number } }} options */
  constructor({ processorOptions }) {
    super();
    this.slice = new Int16Array(processorOptions.sliceSamples);
    this.length = 0;
    this.isOver = false;
    this.port.onmessage = () => {
      this.isOver = true;
      this.post();
    };
  }

  /**
   * @param {Float32Array[][]} inputs one, with one channel while a source is connected
   * @returns {boolean} whether to continue
   */
  process([[samples = new Float32Array()]]) {
    for (const sample of samples) {
      this.slice[this.length] = Math.round(Math.max(-1, Math.min(1, sample)) * 0x7fff);
      this.length += 1;
      if (this.length === this.slice.length) this.post();
    }
    return !this.isOver;
  }

  post() {
    const samples = this.slice.slice(0, this.length);
    this.length = 0;
    this.port.postMessage({ samples, isLast: this.isOver }, [samples.buffer]);
  }
}

registerProcessor("pcm-slices", PcmSlices);
