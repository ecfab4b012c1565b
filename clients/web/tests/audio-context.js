/** The part of WebAudio that a player uses, on a clock that the test advances. */

class Source {
  buffer = null;
  onended = null;
  startsAt = Infinity;
  stopsAt = Infinity;

  connect(node) {
    return node;
  }

  start(when) {
    this.startsAt = when;
  }

  stop(when) {
    this.stopsAt = when;
  }

  get endsAt() {
    return Math.min(this.stopsAt, this.startsAt + this.buffer.duration);
  }
}

/** Decodes a number of seconds as text into silence of that length. */
export class FakeAudioContext {
  currentTime = 0;
  outputLatency = 0;
  state = "running";
  destination = {};
  sources = [];
  resumes = 0;
  /** Whether the browser allows `resume`, as after an interaction of the user. */
  isAllowed = false;
  /** Pending decodings, for a test that completes them itself; null completes them at once. */
  waiting = null;

  async decodeAudioData(data) {
    const duration = Number(new TextDecoder().decode(data));
    if (this.waiting) await new Promise((resolve) => this.waiting.push(resolve));
    if (!duration) throw new Error("not audio");
    return { duration };
  }

  createBufferSource() {
    this.sources.push(new Source());
    return this.sources.at(-1);
  }

  createGain() {
    return { connect: () => {}, disconnect: () => {}, gain: { setTargetAtTime: () => {} } };
  }

  async suspend() {
    this.state = "suspended";
    this.isAllowed = true;
  }

  async resume() {
    this.resumes += 1;
    if (this.state === "suspended" && !this.isAllowed) throw new Error("not allowed yet");
    this.state = "running";
  }

  async close() {
    this.state = "closed";
  }

  /** Advance the time, and call `onended` of the sources that end. */
  advance(seconds) {
    if (this.state !== "running") return;
    const until = this.currentTime + seconds;
    const ending = this.sources.filter(({ endsAt }) => endsAt > this.currentTime);
    for (const source of ending.sort((a, b) => a.endsAt - b.endsAt)) {
      if (source.endsAt > until) break;
      this.currentTime = source.endsAt;
      source.onended?.();
    }
    this.currentTime = until;
  }

  /** Interval [from, to] in which each source sounds, without those stopped before their start. */
  get played() {
    return this.sources
      .filter(({ startsAt, endsAt }) => endsAt > startsAt)
      .map(({ startsAt, endsAt }) => [rounded(startsAt), rounded(endsAt)]);
  }
}

const rounded = (seconds) => Math.round(seconds * 1000) / 1000;
