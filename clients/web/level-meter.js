// @ts-check
/** Current level of an audio stream: for a waveform, and for speech detection. */

const WAVE_SAMPLES = 1024; // 21 ms at 48 kHz
const SPECTRUM_SAMPLES = 256; // the window that thresholds of Cedar clients refer to

export class LevelMeter {
  #context;
  #source;
  #wave;
  #spectrum;
  #samples = new Float32Array(WAVE_SAMPLES);
  #bins = new Uint8Array(SPECTRUM_SAMPLES / 2);

  /**
   * @param {MediaStream} stream
   * @param {AudioContext} [context] default: a new one
   */
  constructor(stream, context = new AudioContext()) {
    this.#context = context;
    this.#source = context.createMediaStreamSource(stream);
    this.#wave = analyserOf(this.#source, WAVE_SAMPLES);
    this.#spectrum = analyserOf(this.#source, SPECTRUM_SAMPLES);
    if (context.state === "suspended") void context.resume().catch(() => {});
  }

  /** Root mean square of the latest samples, 0 to 1. */
  get level() {
    const samples = this.waveform();
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0);
    return Math.sqrt(power / samples.length);
  }

  /** Mean of the spectrum, 0 to 255: the scale of speech thresholds. */
  get loudness() {
    this.#spectrum.getByteFrequencyData(this.#bins);
    return this.#bins.reduce((sum, bin) => sum + bin, 0) / this.#bins.length;
  }

  /**
   * Return the latest samples, -1 to 1.
   *
   * @returns {Float32Array<ArrayBuffer>} overwritten by the next call
   */
  waveform() {
    this.#wave.getFloatTimeDomainData(this.#samples);
    return this.#samples;
  }

  /** Disconnect from the stream, without stopping its tracks. */
  close() {
    this.#source.disconnect();
    if (this.#context.state !== "closed") void this.#context.close();
  }
}

/**
 * @param {AudioNode} source
 * @param {number} fftSize
 */
function analyserOf(source, fftSize) {
  const analyser = source.context.createAnalyser();
  analyser.fftSize = fftSize;
  source.connect(analyser);
  return analyser;
}
