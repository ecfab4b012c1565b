"""Events of a shared session that reach the writer of their cause."""

import pytest

import cedar_voice.v1 as pb
from cedar_voice_bridge.sessions.upstream import Upstream


@pytest.mark.parametrize(("continues", "newest"), [(False, 3), (True, 4)])
async def test_a_turn_that_continues_has_another_one_that_is_waited_for(
    continues: bool, newest: int
) -> None:
    upstream = Upstream(send_timeout_s=1.0)
    said = pb.Transcription(text="first part", is_final=True, continues=continues)
    upstream.record(pb.VoiceSessionResponse(turn_id=3, transcription=said))
    upstream.record(pb.VoiceSessionResponse(turn_id=3, metrics=pb.TurnMetrics()))
    assert upstream.last_turn_id == newest
