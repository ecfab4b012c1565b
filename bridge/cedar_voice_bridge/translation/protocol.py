"""Protocols of the translator of a socket: what each dialect with a WebSocket implements."""

from typing import Protocol

import cedar_voice.v1 as pb
from cedar_voice_bridge.translation.errors import DialectError


class AuthTranslator(Protocol):
    """The part of a translator that authentication needs."""

    def token_in(self, frame: str) -> str | None:
        """Return the token of an `auth` frame; None for any other frame.

        Raises:
            DialectError: the frame is not of this dialect.
        """
        ...

    def refuse(self, error: DialectError) -> list[str]:
        """Return the frames that report an error in a frame of the browser."""
        ...


class SocketTranslator(AuthTranslator, Protocol):
    """The translator of one socket: its frames to requests of the contract, responses to frames.

    It has state, such as the responses whose end the browser has not received.
    """

    def greet(self, session_id: str) -> list[str]:
        """Return the frames that a browser receives as soon as it is authenticated."""
        ...

    def decode(self, frame: str) -> list[pb.VoiceSessionRequest]:
        """Return the requests that a frame stands for.

        Raises:
            DialectError: the frame is not of this dialect.
        """
        ...

    def encode(self, response: pb.VoiceSessionResponse) -> list[str]:
        """Return the frames that stand for a response."""
        ...

    def ends_turn(self, frame: str) -> bool:
        """Whether a frame is the last one of its turn."""
        ...

    def close(self, error: pb.Error | None) -> list[str]:
        """Return the last frames of a socket, with the error that ends it if there is one."""
        ...
