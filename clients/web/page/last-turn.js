// @ts-check
/** Metrics of the last turn: its latency by stage, its lengths and its costs. */

import { element, write } from "./document.js";

/** @typedef {import("../frames.js").TurnMetrics} TurnMetrics */
/** @typedef {{ name: string, kind: string, ms: number }} Stage */
/** @typedef {{ name: string, value: string }} Fact */

/**
 * Return the stages in order. Their sum is the time from the user's last sound to the first sound
 * of the answer that the user heard, as far as it is known. A stage begins where the previous one
 * ends; work that a draft did before the turn was over counts as 0 ms.
 *
 * @param {TurnMetrics} metrics
 * @returns {Stage[]} the stages that took place
 */
export function stagesOf(metrics) {
  const { sttFinalMs, llmFirstTokenMs, firstPhraseMs, responseLatencyMs, firstHeardMs } = metrics;
  const firstWordMs = (sttFinalMs ?? 0) + (llmFirstTokenMs ?? NaN);
  const limitMs = firstHeardMs ?? responseLatencyMs ?? metrics.turnTotalMs ?? Infinity;
  const ends = [
    { name: "Transcript", kind: "transcript", atMs: sttFinalMs },
    { name: "First word", kind: "word", atMs: Math.min(firstWordMs, firstPhraseMs ?? Infinity) },
    { name: "First phrase", kind: "phrase", atMs: firstPhraseMs },
    { name: "First sound", kind: "sound", atMs: responseLatencyMs },
    { name: "Heard", kind: "heard", atMs: firstHeardMs },
  ];
  const { endpointingMs } = metrics;
  /** @type {Stage[]} */
  const stages = [];
  if (endpointingMs !== undefined) {
    stages.push({ name: "Endpointing", kind: "endpointing", ms: endpointingMs });
  }
  let startMs = 0;
  for (const { name, kind, atMs } of ends) {
    if (atMs === undefined || Number.isNaN(atMs)) continue;
    const endMs = Math.min(Math.max(startMs, atMs), limitMs);
    stages.push({ name, kind, ms: endMs - startMs });
    startMs = endMs;
  }
  return stages;
}

/**
 * Return the lengths and costs of the turn, without those that are 0 or unknown.
 *
 * @param {TurnMetrics} metrics
 * @returns {Fact[]}
 */
export function factsOf(metrics) {
  const { speechMs, sttAudioMs, outputAudioMs, usage, droppedDrafts, droppedDraftTokens } = metrics;
  const tokens = usage ? `${usage.promptTokens} in, ${usage.completionTokens} out` : "";
  const dropped = `${droppedDrafts} · ${droppedDraftTokens} tokens`;
  const facts = [
    { name: "Speech", value: speechMs ? seconds(speechMs) : "" },
    { name: "Recognized", value: sttAudioMs ? seconds(sttAudioMs) : "" },
    { name: "Answer", value: outputAudioMs ? seconds(outputAudioMs) : "" },
    { name: "Tokens", value: usage?.totalTokens ? tokens : "" },
    { name: "Dropped drafts", value: droppedDrafts ? dropped : "" },
  ];
  return facts.filter(({ value }) => value !== "");
}

/** @param {TurnMetrics} metrics */
export function showLastTurn(metrics) {
  const stages = stagesOf(metrics);
  const totalMs = stages.reduce((sum, { ms }) => sum + ms, 0);
  element("last-turn").hidden = stages.length === 0;
  element("interrupted").hidden = !metrics.interrupted;
  element("latency-bar").replaceChildren(...stages.map(segment));
  element("latency-stages").replaceChildren(
    ...stages.map(({ name, kind, ms }) => entry(name, `${Math.round(ms)} ms`, `stage-${kind}`)),
  );
  element("turn-facts").replaceChildren(
    ...factsOf(metrics).map(({ name, value }) => entry(name, value)),
  );
  write("latency-total", `${Math.round(totalMs)} ms`);
}

/** @param {number} ms */
const seconds = (ms) => `${(ms / 1_000).toFixed(1)} s`;

/** @param {Stage} stage */
function segment({ kind, ms }) {
  const part = document.createElement("span");
  part.className = `stage-${kind}`;
  part.style.flexGrow = String(ms);
  return part;
}

/**
 * @param {string} name
 * @param {string} text
 * @param {string} [className]
 */
function entry(name, text, className = "") {
  const item = document.createElement("li");
  item.className = className;
  const value = document.createElement("b");
  value.textContent = text;
  item.append(`${name} `, value);
  return item;
}
