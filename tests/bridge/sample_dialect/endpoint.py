"""The request of the sample dialect over HTTP: a line in a form."""

import msgspec
from aiohttp import web

from cedar_voice_bridge.auth.gate import session_id_of
from cedar_voice_bridge.auth.tickets import Caller
from cedar_voice_bridge.dialects.protocol import BridgeServices
from cedar_voice_bridge.http.forms import Form
from tests.bridge.sample_dialect.frames import Posted
from tests.bridge.sample_dialect.translator import requests_of


class SampleEndpoint:
    """Receives lines."""

    def __init__(self, services: BridgeServices) -> None:
        self._hub = services.hub

    async def post_line(self, request: web.Request, form: Form, caller: Caller) -> web.Response:
        """Type a line into a session, and respond with the newest turn."""
        session = await self._hub.session(session_id_of(form.text("sessionId")), caller)
        with session.open_reader():
            turn_id = await session.upload(requests_of(form.text("line")))
        body = msgspec.json.encode(Posted(turn_id))
        return web.Response(body=body, content_type="application/json")
