"""The description of the dialect of cedar-os."""

from typing import get_args

from cedar_voice_bridge.dialects.cedar_os.endpoint import CedarOsEndpoint
from cedar_voice_bridge.dialects.cedar_os.frames import Answer, StreamEvent
from cedar_voice_bridge.dialects.operation import (
    BINARY,
    NAME,
    RECORDING,
    TEXT,
    EventSchema,
    FormSchema,
    Operation,
)
from cedar_voice_bridge.dialects.protocol import DialectSpec, HttpRoute
from cedar_voice_bridge.http.forms import Form
from cedar_voice_bridge.translation.configuration import Settings

_FORM = FormSchema(
    fields={
        "audio": RECORDING,
        "settings": Settings,
        "context": {"description": "Any JSON value"},
        "resourceId": TEXT,
        "threadId": TEXT,
        "sessionId": NAME,
    },
    alternatives=({"required": ["audio"]},),
)


def has_recording(form: Form) -> bool:
    """Whether a form has a whole recording, also where it is a text in place of a file."""
    return "audio" in form.files or "audio" in form.fields


CEDAR_OS = DialectSpec(
    open_endpoint=CedarOsEndpoint,
    requests=(
        HttpRoute(
            method="POST",
            path="{base}",
            handle=CedarOsEndpoint.answer,
            operation=Operation(
                summary="Answer a recording as a whole",
                result="The answer, in the form that Accept prefers",
                content={"application/json": Answer, "audio/mpeg": BINARY, "text/plain": TEXT},
                form=_FORM,
                other_results={"204": "Audio was requested, and there is none"},
            ),
        ),
        HttpRoute(
            method="POST",
            path="{base}/stream",
            handle=CedarOsEndpoint.stream,
            accepts=has_recording,
            operation=Operation(
                summary="Answer a recording (audio) as events",
                result="Server-sent events",
                content={"text/event-stream": EventSchema("CedarOsEvent", get_args(StreamEvent))},
                form=_FORM,
            ),
        ),
    ),
)
