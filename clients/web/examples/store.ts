// The store of a Cedar application, with the voice slice beside its own state.
import { createWebSocketVoiceSlice, type WebSocketVoiceSlice } from "cedar-voice";
import { create } from "zustand";

interface Message {
  id: string;
  role: "user" | "assistant";
  content: string;
}

interface Screen {
  theme: string;
  messages: Message[];
  addMessage: (message: Omit<Message, "id">) => Message;
  updateMessage: (id: string, changes: Partial<Message>) => void;
  deleteMessage: (id: string) => void;
  stringifyAdditionalContext: () => string;
  executeStateSetter: (call: { key: string; setterKey: string; args?: unknown }) => void;
}

export const useCedarStore = create<Screen & WebSocketVoiceSlice>()((set, get, api) => ({
  theme: "light",
  messages: [],
  addMessage(given) {
    const message = { ...given, id: crypto.randomUUID() };
    set({ messages: [...get().messages, message] });
    return message;
  },
  updateMessage(id, changes) {
    const changed = (message: Message) => (message.id === id ? { ...message, ...changes } : message);
    set({ messages: get().messages.map(changed) });
  },
  deleteMessage(id) {
    set({ messages: get().messages.filter((message) => message.id !== id) });
  },
  // State setters for the assistant: each becomes a tool of the language model.
  stringifyAdditionalContext: () =>
    JSON.stringify({
      stateSetters: {
        setTheme: {
          stateKey: "screen",
          description: "Change the colours of the application",
          argsSchema: { type: "string", enum: ["light", "dark"] },
        },
      },
    }),
  executeStateSetter({ key, setterKey, args }) {
    if (key === "screen" && setterKey === "setTheme") set({ theme: String(args) });
  },
  ...createWebSocketVoiceSlice(set, get, api),
}));
