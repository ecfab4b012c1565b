// @ts-check
/** Things that overlap in time, one after the other. Pure. */

/**
 * Lanes are opened in order. What is put into the first goes through at once; what is put into a
 * later one waits until all before it are closed.
 *
 * @template T
 */
export class OrderedLanes {
  #deliver;
  /** @type {{ waiting: T[], isClosed: boolean }[]} */
  #lanes = [];

  /** @param {(item: T) => void} deliver */
  constructor(deliver) {
    this.#deliver = deliver;
  }

  /**
   * Open a lane behind the others.
   *
   * @returns {{ put: (item: T) => void, close: () => void }}
   */
  open() {
    /** @type {{ waiting: T[], isClosed: boolean }} */
    const lane = { waiting: [], isClosed: false };
    this.#lanes.push(lane);
    return {
      put: (item) => {
        lane.waiting.push(item);
        this.#move();
      },
      close: () => {
        lane.isClosed = true;
        this.#move();
      },
    };
  }

  #move() {
    for (let lane = this.#lanes[0]; lane; lane = this.#lanes[0]) {
      lane.waiting.splice(0).forEach((item) => this.#deliver(item));
      if (!lane.isClosed) return;
      this.#lanes.shift();
    }
  }
}
