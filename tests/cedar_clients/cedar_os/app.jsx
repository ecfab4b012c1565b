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
  changeTheme: {
    name: 'changeTheme',
    description: 'Change the colours of the application',
    argsSchema: z.object({ theme: z.enum(['light', 'dark']) }),
    execute: (screen, setScreen, { theme }) => setScreen({ ...screen, theme }),
  },
  show: {
    name: 'show',
    description: 'Show a page of the application',
    argsSchema: z.enum(['home', 'report']),
    execute: (screen, setScreen, page) => setScreen({ ...screen, page }),
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
    initialValue: { theme: 'light', page: 'home', window: 'open' },
    description: 'What the application shows',
    stateSetters,
  });
  const voice = useVoice();
  const { messages } = useThreadMessages();
  const isProcessing = useCedarStore((state) => state.isProcessing);
  return (
    <main
      data-theme={screen.theme}
      data-page={screen.page}
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
