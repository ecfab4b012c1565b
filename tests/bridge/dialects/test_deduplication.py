"""Invariants of the WebSocket dialect for any events of a service, as far as the contract lets it.

The browser is one that adds a message for every final transcription and every whole answer.
"""

import json
from collections import Counter
from copy import deepcopy
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import cedar_voice.v1 as pb
from cedar_voice_bridge.dialects.cedar_websocket.translator import CedarWebSocketTranslator
from cedar_voice_bridge.translation.transcript_diff import REPLACED_ANSWER_REASONS

WORDS = ["show", "me", "the", "report", "please"]


class Browser(RuleBasedStateMachine):
    """One connection: a service that says turn after turn, and what its browser is told."""

    def __init__(self) -> None:
        super().__init__()
        self.dialect = CedarWebSocketTranslator()
        self.frames: list[dict[str, Any]] = []
        self.sequence = self.turn_id = self.response_id = 0
        self.said: dict[int, list[str]] = {}
        """The words of each turn, as its newest final transcription has them."""
        self.texts: dict[int, str] = {}
        self.written: set[int] = set()
        self.sounded: set[int] = set()
        self.void: set[int] = set()
        self.actions: list[str] = []

    # -- what the service says -------------------------------------------------------------------

    @precondition(lambda self: self.is_idle)
    @rule()
    def begin_turn(self) -> None:
        self.turn_id += 1
        self.said[self.turn_id] = []

    @precondition(lambda self: self.is_idle and self.turn_id)
    @rule(words=st.lists(st.sampled_from(WORDS), max_size=3), is_final=st.booleans())
    def transcribe(self, words: list[str], is_final: bool) -> None:
        """Go on in the turn: it begins with what was final before."""
        whole = self.said[self.turn_id] + words
        text = " ".join(whole)
        self.tell(transcription=pb.Transcription(text=text, stable_text=text, is_final=is_final))
        if is_final:
            self.said[self.turn_id] = whole

    @precondition(lambda self: self.is_idle and self.turn_id)
    @rule()
    def begin_answer(self) -> None:
        self.response_id += 1
        self.texts[self.response_id] = ""
        self.respond(started=pb.ResponseStarted())

    @precondition(lambda self: self.is_writing)
    @rule(text=st.sampled_from(["Well. ", "So. "]))
    def write(self, text: str) -> None:
        self.texts[self.response_id] += text
        self.respond(delta=pb.ResponseDelta(text=text))

    @precondition(lambda self: self.is_writing)
    @rule()
    def end_text(self) -> None:
        self.complete(pb.FINISH_REASON_STOP)

    @precondition(lambda self: not self.is_silent)
    @rule(data=st.binary(max_size=4), is_last=st.booleans())
    def sound(self, data: bytes, is_last: bool) -> None:
        """Audio; only the last of a response may be empty."""
        is_last = is_last and not self.is_writing
        audio = pb.OutputAudio(
            response_id=self.response_id, data=data if is_last else b"x" + data, is_last=is_last
        )
        self.tell(audio=audio)
        if is_last:
            self.sounded.add(self.response_id)

    @precondition(lambda self: not self.is_silent)
    @rule(reason=st.sampled_from([1, 2, 3, *REPLACED_ANSWER_REASONS]))
    def interrupt(self, reason: pb.InterruptionReason.ValueType) -> None:
        """Cut the answer off: its text and its sound end with it."""
        if reason in REPLACED_ANSWER_REASONS and not self.is_unheard:
            return
        cut = pb.Interruption(response_id=self.response_id, reason=reason)
        self.tell(interruption=cut)
        if reason in REPLACED_ANSWER_REASONS:
            self.void.add(self.response_id)
        if self.is_writing:
            self.complete(pb.FINISH_REASON_INTERRUPTED)
        self.tell(audio=pb.OutputAudio(response_id=self.response_id, is_last=True))
        self.sounded.add(self.response_id)

    @precondition(lambda self: not self.is_silent)
    @rule()
    def act(self) -> None:
        self.actions.append(f"action-{len(self.actions)}")
        self.tell(action=pb.Action(action_id=self.actions[-1], args_json="[1]"))

    def complete(self, reason: pb.FinishReason.ValueType) -> None:
        self.written.add(self.response_id)
        text = self.texts[self.response_id]
        self.respond(completed=pb.ResponseCompleted(text=text, finish_reason=reason))

    def respond(self, **event: Any) -> None:
        self.tell(response=pb.ResponseEvent(response_id=self.response_id, **event))

    def tell(self, **payload: Any) -> None:
        self.sequence += 1
        event = pb.VoiceSessionResponse(sequence=self.sequence, turn_id=self.turn_id, **payload)
        self.frames += map(json.loads, self.dialect.encode(event))

    @property
    def is_writing(self) -> bool:
        return bool(self.response_id) and self.response_id not in self.written

    @property
    def is_silent(self) -> bool:
        return not self.response_id or self.response_id in self.sounded

    @property
    def is_idle(self) -> bool:
        return self.is_silent and not self.is_writing

    @property
    def is_unheard(self) -> bool:
        """Whether no sound of the answer was told, so that its turn may be opened again."""
        return not any(frame["responseId"] == self.response_id for frame in self.of("audio_chunk"))

    # -- what the browser is told ----------------------------------------------------------------

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == kind]

    @invariant()
    def frames_come_in_order(self) -> None:
        places = [frame["seq"] for frame in self.frames]
        assert places == sorted(places)

    @invariant()
    def messages_of_the_user_are_what_was_said_once(self) -> None:
        told: dict[int, list[str]] = {}
        for frame in self.of("transcription_final"):
            assert frame["text"]
            told.setdefault(frame["turnId"], []).extend(frame["text"].split())
        assert told == {turn_id: words for turn_id, words in self.said.items() if words}

    @invariant()
    def answers_are_told_once_and_void_ones_never(self) -> None:
        told = [frame["responseId"] for frame in self.of("response_complete")]
        assert len(told) == len(set(told))
        assert not self.void & set(told)
        heard = self.written & self.sounded - self.void
        assert {each for each in heard if self.texts[each]} <= set(told)

    @invariant()
    def sound_ends_once(self) -> None:
        ends = Counter(frame["responseId"] for frame in self.of("audio_complete"))
        assert ends == Counter(self.sounded)

    @invariant()
    def actions_are_asked_for_once(self) -> None:
        assert [frame["actionId"] for frame in self.of("action")] == self.actions

    @invariant()
    def what_is_owed_is_told_whenever_it_ends(self) -> None:
        last = [json.loads(frame) for frame in deepcopy(self.dialect).close(None)]
        ends = [
            frame["responseId"]
            for frame in [*self.frames, *last]
            if frame["type"] == "audio_complete"
        ]
        assert sorted(ends) == list(range(1, self.response_id + 1))
        told = {
            frame["responseId"]
            for frame in [*self.frames, *last]
            if frame["type"] == "response_complete"
        }
        assert {each for each in self.written - self.void if self.texts[each]} <= told


TestBrowser = Browser.TestCase
TestBrowser.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
