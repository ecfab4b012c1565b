// @ts-check
/** The latest part of a recording, with the header that makes it decodable. */

const EBML = [0x1a, 0x45, 0xdf, 0xa3];
const CLUSTER = [0x1f, 0x43, 0xb6, 0x75];
const MAX_CHUNKS = 10;

/**
 * Keeps the last chunks of a recording. Older ones are dropped, except for the container's header.
 * The kept part begins with a whole cluster, since a decoder can start nowhere else. Only WebM is
 * cut: a recording in another container is kept whole.
 *
 * A chunk that begins with a header starts another recording; all earlier chunks are dropped.
 */
export class AudioStreamBuffer {
  #maxChunks;
  /** @type {Blob[]} */
  #chunks = [];
  /** Bytes of the header; null until chunks are dropped. @type {Blob | null} */
  #header = null;
  /** Byte offsets of clusters within the kept chunks. @type {number[]} */
  #clusters = [];
  /** The last bytes of the previous chunk: a cluster's mark may lie across two chunks. */
  #tail = new Uint8Array();
  #parsedChunks = 0;
  #generation = 0;
  #reading = Promise.resolve();

  /** @param {number} maxChunks least number of chunks to keep; older clusters are dropped */
  constructor(maxChunks = MAX_CHUNKS) {
    this.#maxChunks = maxChunks;
  }

  /**
   * Add the next chunk. It is part of the combined audio at once.
   *
   * @param {Blob} chunk
   * @returns {Promise<void>} resolves when the chunk is parsed and older ones are dropped
   */
  addChunk(chunk) {
    const generation = this.#generation;
    this.#chunks.push(chunk);
    this.#reading = this.#reading.then(async () => {
      const bytes = new Uint8Array(await chunk.arrayBuffer());
      if (generation === this.#generation) this.#parse(bytes);
    });
    return this.#reading;
  }

  /** @returns {Blob} the kept audio as one decodable file */
  getCombinedAudio() {
    const parts = this.#header ? [this.#header, ...this.#chunks] : this.#chunks;
    return new Blob(parts, { type: this.#chunks[0]?.type || "audio/webm" });
  }

  /** Drop everything: the next chunk begins a recording. */
  clear() {
    this.#generation += 1;
    this.#chunks = [];
    this.#resetRecording();
  }

  #resetRecording() {
    this.#header = null;
    this.#clusters = [];
    this.#tail = new Uint8Array();
    this.#parsedChunks = 0;
  }

  /** @param {Uint8Array} bytes of the first chunk that is not parsed yet */
  #parse(bytes) {
    if (indexOf(bytes, EBML, 0) === 0) {
      this.#chunks.splice(0, this.#parsedChunks);
      this.#resetRecording();
    }
    const startsAt = sizeOf(this.#chunks.slice(0, this.#parsedChunks)) - this.#tail.length;
    const scanned = Uint8Array.from([...this.#tail, ...bytes]);
    for (let at = indexOf(scanned, CLUSTER, 0); at >= 0; at = indexOf(scanned, CLUSTER, at + 1)) {
      this.#clusters.push(startsAt + at);
    }
    this.#tail = scanned.slice(-(CLUSTER.length - 1));
    this.#parsedChunks += 1;
    this.#dropOld();
  }

  /** Drop the bytes before the last cluster that begins before the chunks to keep. */
  #dropOld() {
    const oldChunks = Math.max(0, this.#parsedChunks - this.#maxChunks);
    const keptFrom = sizeOf(this.#chunks.slice(0, oldChunks));
    const cut = this.#clusters.findLast((at) => at <= keptFrom) ?? 0;
    if (cut === 0) return;
    this.#header ??= new Blob(this.#chunks).slice(0, this.#clusters[0]);
    this.#dropBytes(cut);
    this.#clusters = this.#clusters.filter((at) => at >= cut).map((at) => at - cut);
  }

  /** @param {number} count */
  #dropBytes(count) {
    let left = count;
    while (left > 0 && this.#chunks[0].size <= left) {
      left -= this.#chunks[0].size;
      this.#chunks.shift();
      this.#parsedChunks -= 1;
    }
    if (left > 0) this.#chunks[0] = this.#chunks[0].slice(left, undefined, this.#chunks[0].type);
  }
}

/** @param {Blob[]} chunks */
function sizeOf(chunks) {
  return chunks.reduce((sum, { size }) => sum + size, 0);
}

/**
 * @param {Uint8Array} bytes
 * @param {number[]} pattern
 * @param {number} from
 * @returns {number} index of the pattern; -1 when it is not found
 */
function indexOf(bytes, pattern, from) {
  let at = bytes.indexOf(pattern[0], from);
  while (at >= 0 && !pattern.every((byte, index) => bytes[at + index] === byte)) {
    at = bytes.indexOf(pattern[0], at + 1);
  }
  return at;
}
