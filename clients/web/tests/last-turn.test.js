import assert from "node:assert/strict";
import test from "node:test";

import { factsOf, stagesOf } from "../page/last-turn.js";

/** @param {object} metrics */
const record = (metrics) => ({
  type: "turn_metrics",
  interrupted: false,
  inputAudioMs: 0,
  speechMs: 0,
  outputAudioMs: 0,
  drafts: 0,
  droppedDrafts: 0,
  droppedDraftTokens: 0,
  ...metrics,
});

/** @param {object} metrics */
const durations = (metrics) =>
  Object.fromEntries(stagesOf(record(metrics)).map(({ name, ms }) => [name, ms]));

test("the stages of an answer add up to the time until it was heard", () => {
  const metrics = {
    endpointingMs: 500,
    sttFinalMs: 40,
    llmFirstTokenMs: 210,
    firstPhraseMs: 300,
    ttsFirstAudioMs: 150,
    responseLatencyMs: 460,
    firstHeardMs: 520,
    turnTotalMs: 4_000,
  };
  assert.deepEqual(durations(metrics), {
    Endpointing: 500,
    Transcript: 40,
    "First word": 210,
    "First phrase": 50,
    "First sound": 160,
    Heard: 60,
  });
});

test("work of a draft before the end of the turn counts as 0 ms", () => {
  const metrics = {
    endpointingMs: 500,
    sttFinalMs: 3,
    llmFirstTokenMs: 210,
    firstPhraseMs: 0,
    ttsFirstAudioMs: 150,
    responseLatencyMs: 4,
    firstHeardMs: 60,
    turnTotalMs: 4_000,
    drafts: 1,
  };
  assert.deepEqual(durations(metrics), {
    Endpointing: 500,
    Transcript: 3,
    "First word": 0,
    "First phrase": 0,
    "First sound": 1,
    Heard: 56,
  });
});

test("a draft still in synthesis at the end of the turn counts from there", () => {
  const metrics = {
    endpointingMs: 500,
    sttFinalMs: 30,
    llmFirstTokenMs: 400,
    firstPhraseMs: 110,
    ttsFirstAudioMs: 150,
    responseLatencyMs: 260,
  };
  assert.deepEqual(durations(metrics), {
    Endpointing: 500,
    Transcript: 30,
    "First word": 80,
    "First phrase": 0,
    "First sound": 150,
  });
});

test("stages that did not take place are left out", () => {
  assert.deepEqual(durations({}), {});
  assert.deepEqual(durations({ llmFirstTokenMs: 210, turnTotalMs: 900 }), { "First word": 210 });
  assert.deepEqual(
    durations({ endpointingMs: 500, sttFinalMs: 3, llmFirstTokenMs: 210, turnTotalMs: 5 }),
    { Endpointing: 500, Transcript: 3, "First word": 2 },
  );
});

test("the facts are lengths, tokens and dropped drafts", () => {
  const facts = factsOf(
    record({
      speechMs: 2_060,
      sttAudioMs: 2_500,
      outputAudioMs: 5_300,
      usage: { promptTokens: 120, completionTokens: 34, totalTokens: 154 },
      drafts: 2,
      droppedDrafts: 1,
      droppedDraftTokens: 12,
    }),
  );
  assert.deepEqual(Object.fromEntries(facts.map(({ name, value }) => [name, value])), {
    Speech: "2.1 s",
    Recognized: "2.5 s",
    Answer: "5.3 s",
    Tokens: "120 in, 34 out",
    "Dropped drafts": "1 · 12 tokens",
  });
});

test("facts without a value are left out", () => {
  const usage = { promptTokens: 0, completionTokens: 0, totalTokens: 0 };
  assert.deepEqual(factsOf(record({ usage })), []);
});
