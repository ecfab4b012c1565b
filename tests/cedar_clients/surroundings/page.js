// Loads the documents' code as it is given, and gives it what it finds around it.
import * as React from 'react';
import { createRoot } from 'react-dom/client';
import { cedarStore } from './cedar_core.js';

// One module of the named files; `names` are the declarations to take out of it.
async function given(files, ...names) {
  const parts = await Promise.all(
    files.split(' ').map(async (file) => (await fetch(`../seeds/${file}.js`)).text()),
  );
  const taken = names.length ? `export { ${names.join(', ')} };` : '';
  const module = new Blob([...parts, taken], { type: 'text/javascript' });
  return import(URL.createObjectURL(module));
}

// Lay a slice over the store.
function extendStore(createSlice) {
  const { setState, getState } = cedarStore;
  setState(createSlice(setState, getState, cedarStore));
}

// Show a component, anew with every change of the `shown` values.
function mount(component) {
  const root = createRoot(document.getElementById('root'));
  const render = () => root.render(React.createElement(component));
  showing.add(render);
  render();
}

// Values that the documents' code sets by free functions (`setTranscription`), and reads by free
// names: `shown.transcription`.
const shown = {};
const showing = new Set();
function show(name, value) {
  const setter = `set${name[0].toUpperCase()}${name.slice(1)}`;
  shown[name] = value;
  Object.defineProperty(globalThis, name, { get: () => shown[name] });
  globalThis[setter] = (next) => {
    shown[name] = typeof next === 'function' ? next(shown[name]) : next;
    for (const render of showing) render();
  };
}

// The pieces of 100 ms that a recorder makes of so much of the microphone's recording.
async function recordPieces(durationMs, recorderOf = (stream) => new MediaRecorder(stream)) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const recorder = recorderOf(stream);
  const pieces = [];
  recorder.ondataavailable = (event) => event.data.size > 0 && pieces.push(event.data);
  const stopped = new Promise((resolve) => (recorder.onstop = resolve));
  recorder.start(100);
  await microphone.played(durationMs);
  recorder.stop();
  await stopped;
  for (const track of stream.getTracks()) track.stop();
  return pieces;
}

// What a JSON message carries of a piece of audio.
const base64 = (piece) =>
  new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.split(',')[1]);
    reader.readAsDataURL(piece);
  });

// The upload of the streaming document with the two fields that its server asks for.
async function upload(sessionId, piece, isComplete = false) {
  const form = new FormData();
  if (piece) form.append('audioChunk', piece);
  form.append('settings', JSON.stringify(voice.voiceSettings));
  form.append('isComplete', String(isComplete));
  form.append('sessionId', sessionId);
  const response = await fetch(`${voice.voiceEndpoint}/stream`, { method: 'POST', body: form });
  return { status: response.status, ...(await response.json()) };
}

// The object of a class of the browser that a call makes and keeps to itself.
async function madeBy(call, name) {
  const original = globalThis[name];
  let made;
  globalThis[name] = class extends original {
    constructor(...given) {
      super(...given);
      made = this;
    }
  };
  await call();
  globalThis[name] = original;
  return made;
}

// The answers to the requests that the page makes from now on.
function noteAnswers() {
  const answers = [];
  const { fetch } = globalThis;
  globalThis.fetch = async (...request) => {
    const response = fetch(...request);
    answers.push(response.then(async (answer) => {
      const { status } = answer;
      return { status, body: await answer.clone().json() };
    }));
    return response;
  };
  return answers;
}

Object.assign(globalThis, {
  React,
  base64,
  cedarStore,
  extendStore,
  given,
  madeBy,
  mount,
  noteAnswers,
  recordPieces,
  show,
  shown,
  upload,
});
document.documentElement.dataset.ready = 'true';
