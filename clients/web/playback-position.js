// @ts-check
/** How much of each response has been heard. Pure; the time is an argument. */

const MAX_RESPONSES = 16; // nobody asks about older ones

/** @typedef {{ startsAt: number, endsAt: number }} Span seconds */

/** Remembers when the pieces of the latest responses were to be heard. */
export class PlaybackPosition {
  /** @type {Map<number, Span[]>} */
  #spans = new Map();

  /**
   * A piece is to be heard from one moment to another.
   *
   * @param {number} responseId
   * @param {number} startsAt seconds
   * @param {number} endsAt seconds
   */
  add(responseId, startsAt, endsAt) {
    const spans = this.#spans.get(responseId);
    if (spans) {
      const last = spans.at(-1);
      if (last && last.endsAt === startsAt) last.endsAt = endsAt;
      else spans.push({ startsAt, endsAt });
      return;
    }
    this.#spans.set(responseId, [{ startsAt, endsAt }]);
    if (this.#spans.size > MAX_RESPONSES) this.#spans.delete(this.#spans.keys().next().value ?? 0);
  }

  /**
   * Nothing of a response is heard from now on.
   *
   * @param {number} responseId
   * @param {number} now seconds
   */
  cut(responseId, now) {
    const spans = this.#spans.get(responseId) ?? [];
    for (const span of spans) span.endsAt = Math.min(span.endsAt, now);
    this.#spans.set(responseId, spans.filter(({ startsAt, endsAt }) => endsAt > startsAt));
  }

  /**
   * How much of a response has been heard by now.
   *
   * @param {number} responseId
   * @param {number} now seconds
   * @returns {number} seconds
   */
  playedSeconds(responseId, now) {
    return (this.#spans.get(responseId) ?? [])
      .map(({ startsAt, endsAt }) => Math.max(0, Math.min(now, endsAt) - startsAt))
      .reduce((sum, seconds) => sum + seconds, 0);
  }
}
