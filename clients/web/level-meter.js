// @ts-check
/** How loud a stream is at this moment: for a waveform, and for the detection of speech. */

const FFT_SIZE = 512; // 11 ms at 48 kHz

export class LevelMeter {
  #context;
  #source;
  #analyser;
  #samples;
  #spectrum;

  /**
   * @param {MediaStream} stream
   * @param {AudioContext} [context] of its own if there is none
   */
  constructor(stream, context = new AudioContext()) {
    this.#context = context;
    this.#source = context.createMediaStreamSource(stream);
    this.#analyser = context.createAnalyser();
    this.#analyser.fftSize = FFT_SIZE;
    this.#source.connect(this.#analyser);
    this.#samples = new Float32Array(FFT_SIZE);
    this.#spectrum = new Uint8Array(this.#analyser.frequencyBinCount);
    if (context.state === "suspended") void context.resume().catch(() => {});
  }

  /** Root mean square of the latest samples, 0 to 1. */
  get level() {
    const samples = this.waveform();
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0);
    return Math.sqrt(power / samples.length);
  }

  /** Mean of the spectrum, 0 to 255: the scale that a threshold of speech is given in. */
  get loudness() {
    this.#analyser.getByteFrequencyData(this.#spectrum);
    return this.#spectrum.reduce((sum, bin) => sum + bin, 0) / this.#spectrum.length;
  }

  /**
   * The latest samples, -1 to 1.
   *
   * @returns {Float32Array<ArrayBuffer>} overwritten by the next call
   */
  waveform() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    return this.#samples;
  }

  /** Let go of the stream; its tracks are not stopped. */
  close() {
    this.#source.disconnect();
    if (this.#context.state !== "closed") void this.#context.close();
  }
}
