// The part of '@cedar/voice' that the documents' code names.
export const VoiceIndicator = ({ voiceState }) => (voiceState.isListening ? 'listening' : 'silent');
