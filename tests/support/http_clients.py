"""HTTP clients of the bridge as in browsers: forms and event streams."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.support.bridge import PATIENCE_S, Bridge

VOICE = "/api/chat/voice"
SETTINGS = {
    "language": "en-US",
    "pitch": 1,
    "rate": 1,
    "volume": 1,
    "useBrowserTTS": False,
    "autoAddToMessages": True,
    "stream": False,
    "endpoint": "http://localhost:8080/api/chat/voice",
}
CONTEXT = {
    "screen": {"data": {"theme": "light"}, "source": "subscription"},
    "stateSetters": {
        "changeTheme": {
            "name": "changeTheme",
            "stateKey": "screen",
            "description": "Change the colours",
            "argsSchema": {"type": "object", "properties": {"theme": {"enum": ["light", "dark"]}}},
        }
    },
    "setters": {},
    "schemas": {},
}


def form(**fields: Any) -> aiohttp.FormData:
    """Build a form: bytes become a file, text a text, other values JSON."""
    data = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    for name, value in fields.items():
        if isinstance(value, bytes):
            data.add_field(name, value, filename="recording.webm", content_type="audio/webm")
        else:
            data.add_field(name, value if isinstance(value, str) else json.dumps(value))
    return data


def sent_by_cedar_os(audio: bytes, **fields: Any) -> aiohttp.FormData:
    """The form of the package cedar-os, with its fields in its order."""
    known = {"settings": SETTINGS, "context": CONTEXT, "prompt": "", "resourceId": ""}
    return form(audio=audio, **{**known, "threadId": "default-thread", **fields})


async def post(
    bridge: Bridge, path: str, data: aiohttp.FormData, **options: Any
) -> tuple[int, Any]:
    """Status and JSON of the answer to a form."""
    async with asyncio.timeout(PATIENCE_S):
        async with bridge.http.post(bridge.url + path, data=data, **options) as answer:
            return answer.status, await answer.json()


class Events:
    """A stream of events, read as browsers do: by its lines."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.places: list[str] = []
        self.heard: list[dict[str, Any]] = []
        self.lines: list[str] = []

    async def next(self) -> dict[str, Any] | None:
        """Return the next event; None after the end of the stream."""
        async with asyncio.timeout(PATIENCE_S):
            while raw := await self.response.content.readline():
                line = raw.decode().rstrip("\n")
                self.lines.append(line)
                if line.startswith("id: "):
                    self.places.append(line.removeprefix("id: "))
                if line.startswith("data: "):
                    self.heard.append(json.loads(line.removeprefix("data: ")))
                    return self.heard[-1]
        return None

    async def until(self, kind: str) -> dict[str, Any]:
        """Return the next event of a type; earlier ones are in `heard`."""
        while (event := await self.next()) is not None:
            if event["type"] == kind:
                return event
        raise AssertionError(f"the stream ended before {kind}: {self.heard}")

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The events of a type."""
        return [event for event in self.heard if event["type"] == kind]


@asynccontextmanager
async def event_source(
    bridge: Bridge, session_id: str, *, after: str = "", base: str = VOICE
) -> AsyncIterator[Events]:
    """Open an EventSource for the duration of the context."""
    url = f"{bridge.url}{base}/stream-response?sessionId={session_id}"
    headers = {"Last-Event-ID": after} if after else {}
    async with bridge.http.get(url, headers=headers) as response:
        assert response.status == 200
        yield Events(response)


@asynccontextmanager
async def streamed(bridge: Bridge, data: aiohttp.FormData) -> AsyncIterator[Events]:
    """The events that answer a form."""
    async with bridge.http.post(f"{bridge.url}{VOICE}/stream", data=data) as response:
        yield Events(response)
