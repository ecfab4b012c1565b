// @ts-check
/** The loudness of the last seconds, drawn as bars that move from right to left. */

const BAR_PX = 3;
const GAP_PX = 3;
const BAR_MS = 50;
const REDUCED_BAR_MS = 250; // for users who prefer reduced motion
const FLOOR_DB = -50;
const REST_PX = 2; // a bar of silence

export class Waveform {
  #canvas;
  #level;
  #reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
  /** Heights from 0 to 1, newest first. @type {number[]} */
  #heights = [];
  #drawnAtMs = 0;
  #isRunning = false;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {() => number} level root mean square of the latest samples, 0 to 1
   */
  constructor(canvas, level) {
    this.#canvas = canvas;
    this.#level = level;
    new ResizeObserver(() => this.#draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  /** @param {boolean} isOn whether the microphone is open */
  run(isOn) {
    if (isOn && this.#isRunning) return;
    this.#isRunning = isOn;
    if (isOn) return this.#step();
    this.#heights = [];
    this.#draw();
  }

  #step = () => {
    if (!this.#isRunning) return;
    const now = performance.now();
    if (now - this.#drawnAtMs >= (this.#reducedMotion.matches ? REDUCED_BAR_MS : BAR_MS)) {
      this.#drawnAtMs = now;
      this.#heights.unshift(heightOf(this.#level()));
      this.#draw();
    }
    requestAnimationFrame(this.#step);
  };

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const pen = this.#canvas.getContext("2d");
    if (!pen || width === 0) return;
    this.#canvas.width = width * devicePixelRatio;
    this.#canvas.height = height * devicePixelRatio;
    pen.scale(devicePixelRatio, devicePixelRatio);
    pen.fillStyle = getComputedStyle(this.#canvas).color;
    const count = Math.floor((width + GAP_PX) / (BAR_PX + GAP_PX));
    this.#heights.length = Math.min(this.#heights.length, count);
    for (let bar = 0; bar < count; bar += 1) {
      const tall = Math.max(REST_PX, this.#heightAt(bar, count) * height);
      const x = width - BAR_PX - bar * (BAR_PX + GAP_PX);
      pen.globalAlpha = bar < this.#heights.length ? 1 : 0.35;
      pen.beginPath();
      pen.roundRect(x, (height - tall) / 2, BAR_PX, tall, BAR_PX / 2);
      pen.fill();
    }
  }

  /**
   * @param {number} bar from the right
   * @param {number} count
   */
  #heightAt(bar, count) {
    if (!this.#reducedMotion.matches) return this.#heights[bar] ?? 0;
    const reach = (this.#heights[0] ?? 0) * count; // a level meter instead of a wave
    return Math.abs(bar - count / 2) * 2 < reach ? 0.3 : 0;
  }
}

/**
 * Return the height of a bar, 0 to 1, on a scale of decibels: hearing is logarithmic.
 *
 * @param {number} level
 */
function heightOf(level) {
  const decibels = 20 * Math.log10(Math.max(level, 1e-5));
  return Math.min(1, Math.max(0, 1 - decibels / FLOOR_DB));
}
