"""Names on the wire: of sessions and of tools."""

import re

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_name(text: str) -> bool:
    """Whether `text` is 1 to 64 characters of [A-Za-z0-9_-]."""
    return _NAME.fullmatch(text) is not None
