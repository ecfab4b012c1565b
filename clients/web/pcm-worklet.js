// The audio thread's part of a recording of samples: cuts them into slices of 16 bit integers.
// Not type-checked: the types of this global scope are not in the library of the DOM.

class PcmSlices extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.sliceSamples = processorOptions.sliceSamples;
    this.slice = new Int16Array(this.sliceSamples);
    this.length = 0;
    this.isOver = false;
    this.port.onmessage = () => {
      this.isOver = true;
      this.hand(true);
    };
  }

  process([[samples = []]]) {
    for (const sample of samples) {
      this.slice[this.length] = Math.round(Math.max(-1, Math.min(1, sample)) * 0x7fff);
      this.length += 1;
      if (this.length === this.sliceSamples) this.hand(false);
    }
    return !this.isOver;
  }

  hand(isLast) {
    const samples = this.slice.slice(0, this.length);
    this.length = 0;
    this.port.postMessage({ samples, isLast }, [samples.buffer]);
  }
}

registerProcessor("pcm-slices", PcmSlices);
