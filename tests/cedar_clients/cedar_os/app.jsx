// An application as the documentation of cedar-os describes it: a provider, a registered state with
// setters, and buttons for the voice. The address of the bridge is in the query.
import { CedarCopilot, useCedarState, useCedarStore, useThreadMessages, useVoice } from 'cedar-os';
import { createRoot } from 'react-dom/client';
import { z } from 'zod';

const query = new URLSearchParams(location.search);
const provider = {
  provider: 'mastra',
  baseURL: query.get('bridge'),
  voiceRoute: query.get('route') ?? '/api/chat/voice',
  ...(query.has('key') && { apiKey: query.get('key') }),
};
const voiceSettings = { stream: query.has('stream') };

const stateSetters = {
  show: {
    name: 'show',
    description: 'Show a page of the application',
    argsSchema: z.object({ page: z.enum(['home', 'report']) }),
    execute: (screen, setScreen, { page }) => setScreen({ ...screen, page }),
  },
  weather: {
    name: 'weather',
    description: 'Show the weather of a city',
    argsSchema: z.enum(['berlin', 'london']),
    execute: (screen, setScreen, city) => setScreen({ ...screen, city }),
  },
  closeWindow: {
    name: 'closeWindow',
    description: 'Close the window',
    execute: (screen, setScreen) => setScreen({ ...screen, window: 'closed' }),
  },
};

function Application() {
  const [screen] = useCedarState({
    key: 'screen',
    initialValue: { page: 'home', city: 'berlin', window: 'open' },
    description: 'What the application shows',
    stateSetters,
  });
  const voice = useVoice();
  const { messages } = useThreadMessages();
  const isProcessing = useCedarStore((state) => state.isProcessing);
  return (
    <main
      data-page={screen.page}
      data-city={screen.city}
      data-window={screen.window}
      data-permission={voice.voicePermissionStatus}
      data-listening={voice.isListening}
      data-speaking={voice.isSpeaking}
      data-processing={isProcessing}
      data-error={voice.voiceError}
    >
      <button id="allow" onClick={voice.requestVoicePermission}>
        Allow the microphone
      </button>
      <button id="talk" onClick={voice.toggleVoice}>
        {voice.isListening ? 'Stop' : 'Talk'}
      </button>
      <ol>
        {messages.map((message) => (
          <li key={message.id} data-role={message.role} data-type={message.type}>
            {message.content}
          </li>
        ))}
      </ol>
    </main>
  );
}

createRoot(document.getElementById('root')).render(
  <CedarCopilot llmProvider={provider} voiceSettings={voiceSettings}>
    <Application />
  </CedarCopilot>,
);
