// Notes how much of its recording the microphone has played; the page notices nothing of it. The
// clock is the device's: it stands still whenever a busy machine lets the device stand still.
(() => {
  const devices = navigator.mediaDevices;
  const open = devices.getUserMedia.bind(devices);
  const microphone = {
    playedMs: 0,
    async played(durationMs) {
      while (this.playedMs < durationMs) await new Promise(requestAnimationFrame);
    },
  };
  devices.getUserMedia = async (wanted) => {
    const stream = await open(wanted);
    microphone.playedMs = 0;
    const [track] = stream.getAudioTracks();
    const { readable } = new MediaStreamTrackProcessor({ track, maxBufferSize: 1000 });
    readable.pipeTo(new WritableStream({
      write(block) {
        microphone.playedMs += (block.numberOfFrames / block.sampleRate) * 1000;
        block.close();
      },
    }));
    return stream;
  };
  globalThis.microphone = microphone;
})();
