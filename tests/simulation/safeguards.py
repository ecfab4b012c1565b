"""Safeguards that keep the promises; the simulation must detect each one that is switched off."""

import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any
from unittest.mock import patch

import cedar_voice.v1 as pb
from cedar_voice_bridge.sessions import service_session as sessions
from cedar_voice_bridge.sessions.service_session import ServiceSession
from cedar_voice_bridge.sessions.shared_session import SharedSession
from cedar_voice_client.options import Recovery
from cedar_voice_client.recovery.conversation_log import ConversationLog
from cedar_voice_client.recovery.send_buffer import SendBuffer
from cedar_voice_service import session_stream
from cedar_voice_service.runtime.delivery import Attachment, Delivery
from cedar_voice_service.session.resume.durability import Durability
from cedar_voice_service.session.resume.inbox import Inbox
from cedar_voice_service.session.resume.outbox import Outbox
from tests.simulation import client

Off = Callable[[], AbstractContextManager[Any]]


def _replaced(owner: Any, name: str, replacement: Any) -> Off:
    return partial(patch.object, owner, name, replacement)


def _release_everything(durability: Durability, needed_from_ms: int) -> None:
    durability.durable = durability._handled


def _attach_beside(delivery: Delivery, *arguments: Any, **options: Any) -> Attachment:
    delivery._attachment = None
    return _ATTACH(delivery, *arguments, **options)


_ATTACH = Delivery.attach


def _newest(conversation: SharedSession) -> int:
    return max((entry.item.sequence for entry in conversation.events.entries), default=0)


async def _nothing(_: ServiceSession) -> list[pb.VoiceSessionResponse]:
    return []


BRIDGE_SAFEGUARDS: Mapping[str, Off] = {
    "events that readers have not received are not acknowledged": _replaced(
        SharedSession, "_released_sequence", _newest
    ),
    "a page resumes at the position that it sends": _replaced(
        SharedSession, "last_number_at", lambda *_: None
    ),
    "a bridge recognizes replayed messages": _replaced(ServiceSession, "replayed", _nothing),
    "the secret of a session is the same in every bridge": _replaced(
        sessions, "secret_of", lambda _: secrets.token_hex(32)
    ),
    "a repeated message is ignored": _replaced(Inbox, "accept", lambda *_: True),
}
"""The safeguards behind bridges that are killed."""

SAFEGUARDS: Mapping[str, Off] = {
    "a repeated message is ignored": _replaced(Inbox, "accept", lambda *_: True),
    "events are replayed": _replaced(Outbox, "replay", lambda *_: ([], True)),
    "messages that were not accepted are sent again": _replaced(
        SendBuffer, "resend_after", property(lambda kept: kept.sent_sequence)
    ),
    "audio is buffered until it is durable": _replaced(Durability, "settle", _release_everything),
    "a silent service is probed": _replaced(client, "RECOVERY", Recovery(ping_after_s=86_400)),
    "a disconnected client has not half-closed": _replaced(
        session_stream, "HALF_CLOSE_GRACE_S", 0.0
    ),
    "queued audio is dropped by an interruption": _replaced(Outbox, "purge_audio", lambda *_: None),
    "the newest stream wins": _replaced(Delivery, "attach", _attach_beside),
    "a response interrupted by a loss is ended": _replaced(
        ConversationLog, "end_response_in_progress", lambda _: []
    ),
}
