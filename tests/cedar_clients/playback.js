// Notes every sound that a page plays; the page notices nothing of it.
(() => {
  const { play } = HTMLMediaElement.prototype;
  const sounds = [];
  HTMLMediaElement.prototype.play = function () {
    const sound = { hasEnded: false, decodedBytes: 0, failure: null };
    sounds.push(sound);
    this.addEventListener('ended', () => {
      sound.hasEnded = true;
      sound.decodedBytes = this.webkitAudioDecodedByteCount;
    });
    const playing = play.call(this);
    playing.catch((error) => (sound.failure = String(error)));
    return playing;
  };
  globalThis.sounds = sounds;
})();
