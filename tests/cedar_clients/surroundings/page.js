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

// The pieces of 100 ms that the microphone's recorder makes in this time.
async function recordPieces(durationMs) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const recorder = new MediaRecorder(stream, { mimeType: 'audio/webm;codecs=opus' });
  const pieces = [];
  recorder.ondataavailable = (event) => event.data.size > 0 && pieces.push(event.data);
  const stopped = new Promise((resolve) => (recorder.onstop = resolve));
  recorder.start(100);
  setTimeout(() => recorder.stop(), durationMs);
  await stopped;
  for (const track of stream.getTracks()) track.stop();
  return pieces;
}

Object.assign(globalThis, { React, cedarStore, extendStore, given, mount, recordPieces, show, shown });
document.documentElement.dataset.ready = 'true';
