// @ts-check
/** Playback position of each response. Pure; the time is an argument. */

const MAX_RESPONSES = 16; // the position of older ones is never read

/** @typedef {{ startsAt: number, endsAt: number }} Span a scheduled interval, in seconds */

/** Records the intervals in which the pieces of the latest responses are scheduled to play. */
export class PlaybackPosition {
  /** @type {Map<number, Span[]>} */
  #spans = new Map();

  /**
   * Add a scheduled piece.
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
   * Cut a response off: none of it plays after `now`.
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
   * Return the length of a response that has played by now, without pauses between its pieces.
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
