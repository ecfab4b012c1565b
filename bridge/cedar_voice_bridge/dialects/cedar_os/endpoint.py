"""The requests of cedar-os: one recording up, one answer down, as a whole or as a stream."""

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
    error_event,
    requests_of,
)
from cedar_voice_bridge.dialects.protocol import BridgeServices
from cedar_voice_bridge.http.accept import AnswerForm, preferred_form
from cedar_voice_bridge.http.browser_socket import BrowserGone, BrowserLags
from cedar_voice_bridge.http.close_codes import public_message, unavailable
from cedar_voice_bridge.http.event_stream import EventStream
from cedar_voice_bridge.http.forms import Form
from cedar_voice_bridge.http.refusals import refusal_of
from cedar_voice_bridge.sessions.event_log import LogReader, ReaderLagged, SessionOver
from cedar_voice_bridge.sessions.shared_session import Response, SharedSession
from cedar_voice_bridge.translation.requests import control_request
from cedar_voice_client import VoiceClientError
from cedar_voice_client.errors import error_from_proto

SILENCE_TIMEOUT_S = 60.0
"""Longest time without a response of the service in a turn."""


@dataclass(frozen=True, slots=True)
class _Exchange:
    """A recording that is being answered."""

    turn_id: int
    session: SharedSession
    reader: LogReader[Response]

    async def responses(self) -> AsyncGenerator[Response, None]:
        """Give the responses of the turn, and those of other turns of the same recording.

        A recording longer than the longest turn becomes several turns, and the last one is
        answered. That turn may have begun when the upload is over, or may follow.

        Raises:
            VoiceClientError: no more responses follow.
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
            continues = entry.item.transcription.continues
            if continues or entry.turn_id == turn_id:
                yield entry.item
            if continues:
                turn_id = max(turn_id, entry.turn_id + 1)


class CedarOsEndpoint:
    """Answers recordings.

    A session with a name is kept for the idle time of the settings after each recording.

    Args:
        services: the parts of the bridge.
    """

    def __init__(self, services: BridgeServices) -> None:
        self._hub = services.hub
        self._idle_s = services.settings.sessions.session_idle_ms / 1000
        self._send_timeout_s = services.settings.browsers.send_timeout_ms / 1000

    async def answer(self, request: web.Request, form: Form, caller: Caller) -> web.Response:
        """Answer a recording as a whole.

        Raises:
            HttpRefusal: the request cannot be served, or the answer failed.
            VoiceClientError: the service fails or refuses; the class gives the reason.
        """
        turn = CedarOsTurn()
        async with (
            self._begin(form, caller, "whole") as exchange,
            aclosing(exchange.responses()) as responses,
        ):
            async for response in responses:
                turn.encode(response)
                if turn.is_over:
                    break
        if turn.error is not None and not turn.text:
            raise refusal_of(error_from_proto(turn.error))
        return _RESPONSES[preferred_form(request.headers.get("Accept", ""))](turn)

    async def stream(self, request: web.Request, form: Form, caller: Caller) -> web.StreamResponse:
        """Answer a recording as a stream of events, which ends with `done` or `error`.

        Raises:
            HttpRefusal: the request cannot be served.
            VoiceClientError: the service fails or refuses; the class gives the reason.
        """
        stream = EventStream(request, send_timeout_s=self._send_timeout_s)
        async with self._begin(form, caller, "stream") as exchange:
            turn = CedarOsTurn()
            try:
                await stream.open()
                await self._copy(exchange, turn, stream)
            except BrowserGone as gone:
                if isinstance(gone, BrowserLags):
                    await stream.send_last((error_event("events are not read"),))
                # By its number: the session may have begun to answer the next recording.
                stop = control_request(interrupt=pb.Interrupt(response_id=turn.response_id))
                await exchange.session.upstream.send([stop])
        return stream.response

    async def _copy(self, exchange: _Exchange, turn: CedarOsTurn, stream: EventStream) -> None:
        try:
            async with aclosing(exchange.responses()) as responses:
                async for response in responses:
                    if events := turn.encode(response):
                        await stream.send(events)
                    if turn.is_over:
                        break
        except VoiceClientError as failure:
            await stream.send((error_event(public_message(failure)),))

    @asynccontextmanager
    async def _begin(
        self, form: Form, caller: Caller, delivery: Delivery
    ) -> AsyncIterator[_Exchange]:
        """Begin a turn with the recording of a form; a session without a name ends with it."""
        audio = form.files.get("audio", b"")
        if not audio:
            raise form.missing("audio")
        requests = requests_of(audio, form.text("settings"), form.text("context"), delivery)
        name = _session_of(form)
        session = await self._hub.session(name or str(uuid4()), caller, keep_s=self._idle_s)
        try:
            with session.open_reader(keep_s=self._idle_s) as reader:
                session.shared_config.record(requests[0].config)
                turn_id = await session.upload(requests)
                yield _Exchange(turn_id, session, reader)
        finally:
            if not name:
                await session.finish()


def _session_of(form: Form) -> str:
    """Return the session that a recording belongs to; empty if the form identifies no user.

    Every application gives its first thread the same name, so a thread alone identifies no session.
    """
    if name := form.text("sessionId"):
        return session_id_of(name)
    user, thread = form.text("resourceId"), form.text("threadId")
    return session_id_of(user, thread) if user and thread else ""


def _as_json(turn: CedarOsTurn) -> web.Response:
    return web.Response(body=msgspec.json.encode(turn.answer), content_type="application/json")


def _as_audio(turn: CedarOsTurn) -> web.Response:
    if not turn.answer_audio:
        return web.Response(status=204)
    return web.Response(body=turn.answer_audio, content_type=AnswerForm.AUDIO.value)


def _as_text(turn: CedarOsTurn) -> web.Response:
    return web.Response(text=turn.text, content_type=AnswerForm.TEXT.value)


_RESPONSES: dict[AnswerForm, Callable[[CedarOsTurn], web.Response]] = {
    AnswerForm.JSON: _as_json,
    AnswerForm.AUDIO: _as_audio,
    AnswerForm.TEXT: _as_text,
}
