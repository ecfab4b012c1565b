"""JSON frames that several dialects have in common.

The first half is sent by browsers, the second half received by them. Unknown fields are ignored on
both sides. Durations and offsets are in milliseconds.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

import cedar_voice.v1 as pb
from cedar_voice_bridge.translation.configuration import Settings
from cedar_voice_bridge.translation.contract_fields import with_fields_of
from cedar_voice_bridge.translation.numbering import MAX_NUMBER
from cedar_voice_shared import options

UInt32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Encoding = Literal["mp3", "wav", "pcm_s16le", "ogg_opus", "webm_opus"]
Framing = Literal["continuous", "self_contained", "whole"]

# -- sent by browsers ----------------------------------------------------------------------------


@with_fields_of(pb.TurnDetection, options.TurnDetection)
class TurnDetection(Struct):
    """Turn detection, named as in the contract."""


class Output(Struct, rename="camel"):
    """Format of the answer's audio; a field left out has the value of a client that sends none.

    `supportsHold` is for clients that obey `hold`.
    """

    encoding: Encoding = "mp3"
    framing: Framing = "self_contained"
    max_lead_ms: UInt32 = 0
    supports_hold: bool = False


class Tool(Struct, rename="camel"):
    """A tool the language model may call; with a `stateKey` it calls a setter of the state."""

    name: str
    description: str = ""
    parameters: Raw | UnsetType = UNSET
    state_key: str = ""
    setter_key: str = ""
    argument_order: list[str] = field(default_factory=list)


class Config(Struct, tag="config", rename="camel"):
    """Change the values it names; `context` is any JSON.

    With `draftReplies` an answer is begun when the user pauses, and kept if the user adds nothing.
    """

    settings: Settings | UnsetType = UNSET
    context: Raw | UnsetType = UNSET
    output: Output | UnsetType = UNSET
    turn_detection: TurnDetection | UnsetType = UNSET
    tools: list[Tool] | UnsetType = UNSET
    system_prompt: str | UnsetType = UNSET
    draft_replies: bool | UnsetType = UNSET


class NumberedFrame(Struct, kw_only=True):
    """A frame that may have a number, so that it is processed once: a known number is ignored.

    Numbers grow from frame to frame.
    """

    seq: Annotated[int, Meta(ge=0, le=MAX_NUMBER)] = 0


class StartListening(NumberedFrame, tag="start_listening"):
    """The following audio is new input."""


class StopListening(NumberedFrame, tag="stop_listening"):
    """The user's turn is over."""


class Auth(Struct, tag="auth"):
    """A token, for browsers that do not put it into the address."""

    token: str | None = None


class Interrupt(NumberedFrame, tag="interrupt", rename="camel"):
    """Stop a response, 0 for the one in progress; `playedMs` of it have been played."""

    response_id: UInt32 = 0
    played_ms: UInt32 | UnsetType = UNSET


class Text(NumberedFrame, tag="text"):
    """A typed user turn."""

    text: str


CommonUpFrame = Config | StartListening | StopListening | Auth | Interrupt | Text
"""The frames that every dialect of sockets may receive."""

# -- received by browsers ------------------------------------------------------------------------


class Event(Struct, kw_only=True, rename="camel", omit_defaults=True):
    """Fields of every event: its turn, and its sequence number in the session."""

    turn_id: int = 0
    seq: int = 0


class ActionRequest(Event, tag="action"):
    """Call a setter of the application's state with these positional arguments.

    A tool that is no setter has empty keys; its arguments, by name, are in `arguments`.
    """

    action_id: str
    state_key: str
    setter_key: str
    args: list[Any]
    arguments: Any
    tool_name: str = ""
    response_id: int = 0


class Usage(Struct, rename="camel"):
    """Tokens of the language model."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
