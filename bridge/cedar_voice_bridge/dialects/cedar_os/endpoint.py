"""The package cedar-os: one recording up, one answer down, as a whole or as a stream of events."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import msgspec
from aiohttp import web

import cedar_voice.v1 as pb
from cedar_voice_bridge.auth.gate import session_id_of
from cedar_voice_bridge.auth.tickets import Caller
from cedar_voice_bridge.dialects.cedar_os.translator import (
    CedarOsTurn,
    Delivery,
    failed,
    request_of,
)
from cedar_voice_bridge.http import close_codes
from cedar_voice_bridge.http.accept import AnswerForm, wanted_form
from cedar_voice_bridge.http.browser_socket import BrowserGone, BrowserLags
from cedar_voice_bridge.http.close_codes import unavailable
from cedar_voice_bridge.http.event_stream import EventStream
from cedar_voice_bridge.http.forms import Form
from cedar_voice_bridge.http.refusals import refusal_of
from cedar_voice_bridge.sessions.event_log import LogReader, ReaderLagged, SessionOver
from cedar_voice_bridge.sessions.hub import Hub, Response, SharedSession
from cedar_voice_client import VoiceClientError
from cedar_voice_client.errors import error_from_proto

SILENCE_TIMEOUT_S = 60.0
"""How long a turn may go on without a word from the service."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """A turn that is being answered."""

    turn_id: int
    conversation: SharedSession
    reader: LogReader[Response]

    async def responses(self) -> AsyncGenerator[Response, None]:
        """What the service says of the turn, and what was said of the recording in others.

        A recording longer than a turn is heard as several, the last of which is answered: it may
        be the newest already when the upload is over, or still to come.

        Raises:
            VoiceClientError: it says no more.
        """
        turn_id = self.turn_id
        while True:
            try:
                async with asyncio.timeout(SILENCE_TIMEOUT_S):
                    entry = await self.reader.next()
            except TimeoutError:
                raise unavailable("the service does not answer") from None
            except (SessionOver, ReaderLagged) as over:
                failure = over.__cause__
                if isinstance(failure, VoiceClientError):
                    raise failure from None
                raise unavailable("the session is over") from None
            has_more = entry.item.transcription.continues
            if has_more or entry.turn_id == turn_id:
                yield entry.item
            if has_more:
                turn_id = max(turn_id, entry.turn_id + 1)


class CedarOsEndpoint:
    """Answers recordings.

    Args:
        hub: the sessions.
        idle_s: how long a session that has a name waits for the next recording.
        send_timeout_s: longest wait for a browser to take an event.
    """

    def __init__(self, hub: Hub, *, idle_s: float, send_timeout_s: float) -> None:
        self._hub = hub
        self._idle_s = idle_s
        self._send_timeout_s = send_timeout_s

    async def answer(self, request: web.Request, form: Form, caller: Caller) -> web.Response:
        """Answer a recording as a whole.

        Raises:
            HttpRefusal: the request cannot be served, or the answer failed.
            VoiceClientError: the service fails or refuses; the class says why.
        """
        said = CedarOsTurn()
        async with (
            self._turn(form, caller, "whole") as turn,
            aclosing(turn.responses()) as responses,
        ):
            async for response in responses:
                said.encode(response)
                if said.is_over:
                    break
        if said.error is not None and not said.text:
            raise refusal_of(error_from_proto(said.error))
        return _RESPONSES[wanted_form(request.headers.get("Accept", ""))](said)

    async def stream(self, request: web.Request, form: Form, caller: Caller) -> web.StreamResponse:
        """Answer a recording as a stream of events, which ends in `done` or `error`.

        Raises:
            HttpRefusal: the request cannot be served.
            VoiceClientError: the service fails or refuses; the class says why.
        """
        stream = EventStream(request, send_timeout_s=self._send_timeout_s)
        async with self._turn(form, caller, "stream") as turn:
            said = CedarOsTurn()
            try:
                await stream.open()
                await self._tell(turn, said, stream)
            except BrowserGone as gone:
                if isinstance(gone, BrowserLags):
                    await stream.leave((failed("events are not read"),))
                # By its number: the same session may have the next recording already.
                stop = pb.Control(interrupt=pb.Interrupt(response_id=said.response_id))
                await turn.conversation.upstream.send([pb.VoiceSessionRequest(control=stop)])
        return stream.response

    async def _tell(self, turn: _Turn, said: CedarOsTurn, stream: EventStream) -> None:
        try:
            async with aclosing(turn.responses()) as responses:
                async for response in responses:
                    if events := said.encode(response):
                        await stream.send(events)
                    if said.is_over:
                        break
        except VoiceClientError as failure:
            await stream.send((failed(close_codes.public_message(failure)),))

    @asynccontextmanager
    async def _turn(self, form: Form, caller: Caller, delivery: Delivery) -> AsyncIterator[_Turn]:
        """Begin a turn with the recording of a form; a session without a name ends with it."""
        audio = form.files.get("audio", b"")
        if not audio:
            raise form.missing("audio")
        requests = request_of(audio, form.text("settings"), form.text("context"), delivery)
        name = _session_of(form)
        conversation = await self._hub.conversation(
            name or str(uuid4()), caller, keep_s=self._idle_s
        )
        try:
            with conversation.read(keep_s=self._idle_s) as reader:
                conversation.shared_config.note(requests[0].config)
                turn_id = await conversation.upload(requests)
                yield _Turn(turn_id, conversation, reader)
        finally:
            if not name:
                await conversation.finish()


def _session_of(form: Form) -> str:
    """The session that a recording belongs to; empty when it says nothing of the user.

    Every application calls its first thread the same, so a thread alone is nobody's session.
    """
    if name := form.text("sessionId"):
        return session_id_of(name)
    user, thread = form.text("resourceId"), form.text("threadId")
    return session_id_of(user, thread) if user and thread else ""


def _as_json(said: CedarOsTurn) -> web.Response:
    return web.Response(body=msgspec.json.encode(said.answer), content_type="application/json")


def _as_audio(said: CedarOsTurn) -> web.Response:
    if not said.answer_audio:
        return web.Response(status=204)
    return web.Response(body=said.answer_audio, content_type=AnswerForm.AUDIO.value)


def _as_text(said: CedarOsTurn) -> web.Response:
    return web.Response(text=said.text, content_type=AnswerForm.TEXT.value)


_RESPONSES: dict[AnswerForm, Callable[[CedarOsTurn], web.Response]] = {
    AnswerForm.JSON: _as_json,
    AnswerForm.AUDIO: _as_audio,
    AnswerForm.TEXT: _as_text,
}
