// The part of '@cedar/core' that the documents' code names, in the shapes that it is used with there.
import { create } from 'zustand';

const initialVoiceState = {
  voiceEndpoint: '',
  voicePermissionStatus: 'prompt',
  audioStream: null,
  mediaRecorder: null,
  isListening: false,
  isSpeaking: false,
  voiceError: null,
  voiceSettings: {
    language: 'en-US',
    pitch: 1,
    rate: 1,
    volume: 1,
    useBrowserTTS: false,
    autoAddToMessages: true,
  },
};

const createVoiceSlice = (set, get) => ({
  ...initialVoiceState,
  setVoiceEndpoint: (voiceEndpoint) => set({ voiceEndpoint }),
  updateVoiceSettings: (changes) =>
    set({ voiceSettings: { ...get().voiceSettings, ...changes } }),
  requestVoicePermission: async () => {
    const audioStream = await navigator.mediaDevices.getUserMedia({ audio: true });
    set({ audioStream, voicePermissionStatus: 'granted' });
  },
  stopListening: () => {
    const { mediaRecorder } = get();
    if (mediaRecorder?.state === 'recording') mediaRecorder.stop();
    set({ isListening: false });
  },
  resetVoiceState: () => set(initialVoiceState),
});

const createChatSlice = (set, get) => ({
  messages: [],
  addMessage: (message) => set({ messages: [...get().messages, message] }),
});

// One registered state with one setter, told to the server as Cedar tells it.
const createScreenSlice = (set, get) => ({
  page: 'home',
  executeCustomSetter: (stateKey, setterKey, ...args) => {
    if (stateKey === 'screen' && setterKey === 'show') set({ page: args[0] });
  },
  executeStateSetter: (stateKey, setterKey, args) => {
    if (stateKey === 'screen' && setterKey === 'show') set({ page: args[0] });
  },
  compileAdditionalContext: () => ({
    screen: { data: { page: 'home' }, source: 'subscription' },
    stateSetters: {
      show: {
        name: 'show',
        stateKey: 'screen',
        description: 'Show a page of the application',
        argsSchema: { type: 'string', enum: ['home', 'report'] },
      },
    },
    setters: {},
    schemas: {},
  }),
  stringifyAdditionalContext: () => JSON.stringify(get().compileAdditionalContext()),
});

export const cedarStore = create((set, get) => ({
  ...createVoiceSlice(set, get),
  ...createChatSlice(set, get),
  ...createScreenSlice(set, get),
}));

export const useCedarStore = (select) => select({ voice: cedarStore() });

// Names that the documents' code finds around it.
Object.assign(globalThis, { initialVoiceState });
Object.defineProperty(globalThis, 'voice', { get: () => cedarStore.getState() });
