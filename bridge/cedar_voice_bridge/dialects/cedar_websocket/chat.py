"""The chat of clients that add a message for every final transcription and every answer."""

import cedar_voice.v1 as pb
from cedar_voice_bridge.dialects.utterances import rest_of


class Chat:
    """One such chat. It remembers what it has been told that later turns out not to be the end."""

    def __init__(self) -> None:
        self._turn_id = 0
        self._told = ""
        self._taken_back_id = 0

    def told(self, response: pb.VoiceSessionResponse) -> pb.VoiceSessionResponse | None:
        """What to tell it of a response; None for one that would make a message that is none.

        That is the answer to a turn that goes on, of which nothing was heard.
        """
        if response.HasField("transcription"):
            return self._transcribed(response)
        if response.interruption.reason == pb.INTERRUPTION_REASON_TURN_REOPENED:
            self._taken_back_id = response.interruption.response_id
        answer = response.response
        if answer.HasField("completed") and answer.response_id == self._taken_back_id:
            return None
        return response

    def _transcribed(self, response: pb.VoiceSessionResponse) -> pb.VoiceSessionResponse:
        """The words that it has no message of; none of them are told as a partial of nothing."""
        if response.turn_id != self._turn_id:
            self._turn_id, self._told = response.turn_id, ""
        rest = pb.VoiceSessionResponse()
        rest.CopyFrom(response)
        said = rest.transcription
        whole = said.text
        said.text = rest_of(whole, self._told)
        said.stable_text = said.stable_text[len(whole) - len(said.text) :]
        if said.is_final:
            self._told = whole
            said.is_final = bool(said.text)
        return rest
