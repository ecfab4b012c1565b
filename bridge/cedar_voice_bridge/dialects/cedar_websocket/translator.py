"""The translator of one socket in the Cedar WebSocket dialect. Pure."""

from msgspec import UNSET

import cedar_voice.v1 as pb
from cedar_voice_bridge.dialects.cedar_websocket.deduplication import MessageDeduplicator
from cedar_voice_bridge.dialects.cedar_websocket.frames import AudioComplete
from cedar_voice_bridge.dialects.cedar_websocket.requests import read, requests_of
from cedar_voice_bridge.dialects.cedar_websocket.responses import frames_of, greeting, refusal
from cedar_voice_bridge.translation.configuration import is_chunk_by_chunk
from cedar_voice_bridge.translation.context import is_object
from cedar_voice_bridge.translation.errors import DialectError
from cedar_voice_bridge.translation.frames import Auth, Config, NumberedFrame, StartListening
from cedar_voice_bridge.translation.numbering import sequence_of
from cedar_voice_bridge.translation.responses import encode_frame

_TURN_METRICS = '{"type":"turn_metrics"'


class CedarWebSocketTranslator:
    """One socket. It remembers the responses whose `audio_complete` the client has not received.

    See `SocketTranslator`.
    """

    def __init__(self) -> None:
        self._incomplete_ids: set[int] = set()
        self._deduplicator = MessageDeduplicator()
        self._names_turn_detection = False
        """Whether the client configures how its turns end."""
        self._sets_state = False
        """Whether the client configured its context as an object, and so expects `setState`."""

    def greet(self, session_id: str) -> list[str]:
        """Return the frame that confirms the connection."""
        return [greeting(session_id)]

    def decode(self, frame: str) -> list[pb.VoiceSessionRequest]:
        """Return the requests that a frame stands for; none for `auth`, which the bridge handles.

        Raises:
            DialectError: the frame is not of this dialect.
        """
        message = read(frame)
        requests = requests_of(message)
        match message:
            case Config():
                self._adapt_to(message)
            case StartListening() if not self._names_turn_detection:
                # Clients of the document end a turn by `stop_listening`, however long they pause.
                requests[-1].control.start_listening.until_stopped = True
            case _:
                pass
        if isinstance(message, NumberedFrame) and message.seq:
            requests[-1].sequence = sequence_of(message.seq)
        return requests

    def _adapt_to(self, config: Config) -> None:
        if config.context is not UNSET:
            self._sets_state = is_object(config.context)
        if config.turn_detection is not UNSET:
            self._names_turn_detection = True

    def token_in(self, frame: str) -> str | None:
        """Return the token of an `auth` frame; None for any other frame.

        Raises:
            DialectError: the frame is not of this dialect.
        """
        message = read(frame)
        return message.token if isinstance(message, Auth) else None

    def encode(self, response: pb.VoiceSessionResponse) -> list[str]:
        """Return the frames of a response; none for a payload that the dialect does not know."""
        match response.WhichOneof("payload"):
            case "ready":
                output = response.ready.output_audio
                self._deduplicator.adds_messages = is_chunk_by_chunk(output)
            case "response" if response.response.HasField("started"):
                self._incomplete_ids.add(response.response.response_id)
            case "audio" if response.audio.is_last:
                self._incomplete_ids.discard(response.audio.response_id)
        return self._frames_of_all(self._deduplicator.filter(response))

    def refuse(self, error: DialectError) -> list[str]:
        """Return the frame that reports an error in a frame of the browser."""
        return [refusal(error)]

    def ends_turn(self, frame: str) -> bool:
        """Whether a frame is the last one of its turn."""
        return frame.startswith(_TURN_METRICS)

    def close(self, error: pb.Error | None) -> list[str]:
        """Return the last frames: withheld text, the end of every response's audio, the error."""
        incomplete_ids, self._incomplete_ids = sorted(self._incomplete_ids), set()
        reason = [] if error is None else [pb.VoiceSessionResponse(error=error)]
        return [
            *self._frames_of_all(self._deduplicator.flush()),
            *(encode_frame(AudioComplete(response_id=each)) for each in incomplete_ids),
            *self._frames_of_all(reason),
        ]

    def _frames_of_all(self, responses: list[pb.VoiceSessionResponse]) -> list[str]:
        return [
            frame
            for response in responses
            for frame in frames_of(response, sets_state=self._sets_state)
        ]
