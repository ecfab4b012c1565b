"""The description of a dialect: the routes that the bridge serves, and their documentation.

A dialect adds sockets, requests over HTTP, or both. A path in it is a template: `{base}` is
replaced by each of the base paths that the bridge is configured with.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from aiohttp import web

from cedar_voice_bridge.auth.gate import Gate
from cedar_voice_bridge.auth.tickets import Caller
from cedar_voice_bridge.dialects.operation import Operation
from cedar_voice_bridge.http.forms import Form
from cedar_voice_bridge.sessions.event_log import ReaderKind
from cedar_voice_bridge.sessions.hub import Hub
from cedar_voice_bridge.settings import BridgeSettings
from cedar_voice_bridge.translation.protocol import SocketTranslator

Handler = Callable[[Any, web.Request, Form, Caller], Awaitable[web.StreamResponse]]
"""A method of a dialect's endpoint: receives an authenticated request and its form.

The form of a request without a body is empty.
"""


@dataclass(frozen=True, slots=True)
class BridgeServices:
    """The parts of the bridge that an endpoint works with."""

    settings: BridgeSettings
    gate: Gate
    hub: Hub


@dataclass(frozen=True, slots=True)
class SocketRoute:
    """A WebSocket of a dialect.

    `open_translator` returns the translator of a new socket, `readers` is the kind of the sockets
    as readers of a session; the frames are those that AsyncAPI describes.
    """

    path: str
    open_translator: Callable[[], SocketTranslator]
    readers: ReaderKind
    up_frames: tuple[type[msgspec.Struct], ...]
    down_frames: tuple[type[msgspec.Struct], ...]


def accept_every_form(_: Form) -> bool:
    """Accept any form."""
    return True


@dataclass(frozen=True, slots=True)
class HttpRoute:
    """A request over HTTP of a dialect.

    Dialects may share a method and a path: the first whose route accepts the form serves it.
    """

    method: Literal["GET", "POST"]
    path: str
    handle: Handler
    operation: Operation
    accepts: Callable[[Form], bool] = accept_every_form


@dataclass(frozen=True, slots=True)
class DialectSpec:
    """One dialect of browsers.

    `open_endpoint` returns the endpoint whose methods handle the requests over HTTP; a dialect that
    has sockets alone needs none.
    """

    sockets: tuple[SocketRoute, ...] = ()
    requests: tuple[HttpRoute, ...] = ()
    open_endpoint: Callable[[BridgeServices], object] | None = None


def expand_path(template: str, base_paths: Sequence[str]) -> list[str]:
    """Return the paths of a template: one per base path, or the template itself without `{base}`.

    An empty base path stands for the root.
    """
    if "{base}" not in template:
        return [template]
    return [template.replace("{base}", base) or "/" for base in base_paths]
