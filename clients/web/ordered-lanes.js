// @ts-check
/** Puts items of overlapping producers in order, one producer after the other. Pure. */

/**
 * A queue of lanes, one per producer, in the order in which they were opened. Items of the first
 * lane are delivered at once; items of a later lane wait until all lanes before it are closed.
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
   * Open a lane after the others.
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
