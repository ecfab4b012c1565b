// Notes every sound that a page plays; the page notices nothing of it. Times are in milliseconds.
(() => {
  const { play } = HTMLMediaElement.prototype;
  const sounds = [];
  HTMLMediaElement.prototype.play = function () {
    const sound = { endedMs: null, playedMs: 0, decodedBytes: 0, failure: null };
    sounds.push(sound);
    this.addEventListener('ended', () => {
      sound.endedMs = performance.now();
      sound.playedMs = this.currentTime * 1000;
      sound.decodedBytes = this.webkitAudioDecodedByteCount;
    });
    const playing = play.call(this);
    playing.catch((error) => (sound.failure = String(error)));
    return playing;
  };
  globalThis.sounds = sounds;
})();
