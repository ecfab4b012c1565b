"""Hooks of schemathesis for the bridge: tokens that expire soon, so that event streams end, and
real recordings, so that some requests are answered.

Named in `tests/security/schemathesis.toml`; it runs in the process of the command.
"""

import time
from itertools import count
from typing import Any

import schemathesis
from schemathesis.transport.serialization import Binary

from tests.support.identities import signed
from tests.support.recordings import speech_path

EVERY = 8
"""Number of files of which one is a recording."""

DUE = "Bearer due"
"""Placeholder of the token until a request is sent: many are made before the first is sent."""

RECORDING = speech_path().read_bytes()
_files = count()


@schemathesis.auth(refresh_interval=None)
class Due:
    """Puts the placeholder of a token on each request."""

    def get(self, case: schemathesis.Case[Any], context: schemathesis.AuthContext) -> str:
        """Return the header."""
        return DUE

    def set(
        self, case: schemathesis.Case[Any], data: Any, context: schemathesis.AuthContext
    ) -> None:
        """Set the header of a request."""
        case.headers["Authorization"] = data


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]
) -> None:
    """Replace the placeholder by a token, and some files by recordings."""
    if case.headers.get("Authorization") == DUE:
        lifetime_s = 0.1 if case.path.endswith("/stream-response") else 10.0
        case.headers["Authorization"] = f"Bearer {signed(exp=time.time() + lifetime_s)}"
    if isinstance(case.body, dict):
        case.body = {name: value for name, value in case.body.items() if name.isidentifier()}
        for name in ("audio", "audioChunk"):
            if name in case.body and next(_files) % EVERY == 0:
                case.body[name] = Binary(RECORDING)
