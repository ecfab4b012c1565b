// @ts-check
// A conversation without a framework: connect, listen to events, record, play, interrupt.
import {
  Microphone,
  PLAYER_OUTPUT,
  Player,
  VoiceClient,
  VoicePerformanceMonitor,
} from "cedar-voice";

const monitor = new VoicePerformanceMonitor();
const player = new Player();
const client = new VoiceClient("ws://localhost:8080/api/voice/ws", {
  settings: { language: "en-US" },
  output: PLAYER_OUTPUT,
});
const microphone = new Microphone(
  (base64) => void client.sendAudio(base64),
  () => void stop(),
  { backlogBytes: () => client.socket?.bufferedAmount ?? 0 },
);

client.on("transcription_partial", ({ text, stableText = "" }) => {
  console.log("partial:", stableText, `(${text.slice(stableText.length)})`);
});
client.on("transcription_final", ({ text }) => console.log("you:", text));
client.on("response_complete", ({ text }) => console.log("answer:", text));
client.on("audio_chunk", ({ responseId, data }) => void player.play(responseId, data));
client.on("hold", ({ responseId, held }) => (held ? player.hold(responseId) : player.release()));
client.on("interruption", ({ responseId }) => player.silence(responseId));
client.on("turn_metrics", (turn) => monitor.recordTurn(turn));
client.on("dropped", ({ count, reason }) => console.warn(`${count} not sent: ${reason}`));
client.on("status", (status) => {
  if (status === "reconnecting") void microphone.restart(); // the audio that follows needs a header
});
player.addEventListener("failure", () => console.warn("a piece of an answer could not be decoded"));
player.onPlayback = client.reportPlayback.bind(client);
client.connect();

/** Start a turn. Call it from a click: browsers block sound until then. */
export async function speak() {
  player.unlock();
  if (player.isPlaying) {
    const { responseId, playedMs } = player.flush();
    client.interrupt(responseId, playedMs);
  }
  await client.startListening();
  await microphone.start();
}

/** End the turn. */
export async function stop() {
  await microphone.stop();
  await client.stopListening();
}
