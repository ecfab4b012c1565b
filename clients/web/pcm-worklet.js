// @ts-check
/** The audio thread's part of a recording of samples: slices of 16 bit integers. */

// The types of this global scope are not in the library of the DOM.
const { AudioWorkletProcessor, registerProcessor } = /** @type {any} */ (globalThis);

/** Posts `{samples, isLast}`: full slices, and what there is of one when it is told to end. */
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
   * @param {Float32Array[][]} inputs one, with one channel while something is connected
   * @returns {boolean} whether to go on
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
