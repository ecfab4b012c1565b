// A voice chat in React: one button, the conversation, and the partial texts of the current turn.
import { useEffect } from "react";

import { useCedarStore } from "./store.js";

export function VoiceChat({ endpoint = "/api/voice" }: { endpoint?: string }) {
  const voice = useCedarStore();

  useEffect(() => {
    const { connectWebSocket, resetVoiceState, setVoiceEndpoint } = useCedarStore.getState();
    setVoiceEndpoint(endpoint);
    void connectWebSocket();
    return resetVoiceState;
  }, [endpoint]);

  return (
    <section aria-label="Voice chat">
      <p role="status">{voice.isSpeaking ? "Speaking" : voice.connectionStatus}</p>
      <button type="button" aria-pressed={voice.isListening} onClick={voice.toggleVoice}>
        {voice.isListening ? "Stop" : "Speak"}
      </button>
      <ol>
        {voice.messages.map(({ id, role, content }) => (
          <li key={id} className={role}>
            {content}
          </li>
        ))}
      </ol>
      {voice.partialTranscription && <p className="pending">{voice.partialTranscription}</p>}
      {voice.partialResponse && <p className="pending">{voice.partialResponse}</p>}
      {voice.voiceError && <p role="alert">{voice.voiceError}</p>}
    </section>
  );
}
