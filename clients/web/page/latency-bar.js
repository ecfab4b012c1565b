// @ts-check
/** Where the time of the last turn went, until the answer was heard. */

import { element, write } from "./document.js";

/** @typedef {import("../frames.js").TurnMetrics} TurnMetrics */
/** @typedef {{ name: string, kind: string, ms: number }} Stage */

/**
 * The stages one after the other. What is left of the time to the first sound is spent on the words
 * between the first one and the end of the first phrase; the last stage is the way to the ear.
 *
 * @param {TurnMetrics} metrics
 * @returns {Stage[]} those that took place
 */
export function stagesOf(metrics) {
  const { endpointingMs, sttFinalMs, llmFirstTokenMs, ttsFirstAudioMs, responseLatencyMs } = metrics;
  const { firstHeardMs = NaN } = metrics; // where nothing was heard
  const known = (sttFinalMs ?? 0) + (llmFirstTokenMs ?? 0) + (ttsFirstAudioMs ?? 0);
  const phraseMs = responseLatencyMs === undefined ? undefined : responseLatencyMs - known;
  const stages = [
    { name: "Endpointing", kind: "endpointing", ms: endpointingMs },
    { name: "Transcript", kind: "transcript", ms: sttFinalMs },
    { name: "First word", kind: "word", ms: llmFirstTokenMs },
    { name: "First phrase", kind: "phrase", ms: phraseMs },
    { name: "First sound", kind: "sound", ms: ttsFirstAudioMs },
    { name: "Heard", kind: "heard", ms: firstHeardMs - (responseLatencyMs ?? NaN) },
  ];
  return stages.flatMap(({ ms, ...stage }) => (ms !== undefined && ms >= 0 ? { ...stage, ms } : []));
}

/** @param {TurnMetrics} metrics */
export function showLatency(metrics) {
  const stages = stagesOf(metrics);
  const totalMs = stages.reduce((sum, { ms }) => sum + ms, 0);
  element("latency").hidden = stages.length === 0;
  element("latency-bar").replaceChildren(...stages.map(segment));
  element("latency-stages").replaceChildren(...stages.map(entry));
  write("latency-total", `${Math.round(totalMs)} ms`);
}

/** @param {Stage} stage */
function segment({ kind, ms }) {
  const part = document.createElement("span");
  part.className = `stage-${kind}`;
  part.style.flexGrow = String(ms);
  return part;
}

/** @param {Stage} stage */
function entry({ name, kind, ms }) {
  const item = document.createElement("li");
  item.className = `stage-${kind}`;
  const value = document.createElement("b");
  value.textContent = `${Math.round(ms)} ms`;
  item.append(`${name} `, value);
  return item;
}
