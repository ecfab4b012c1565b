"""Logs of a process: one line an event, never a text of a conversation, never a credential."""

import io
import logging
import sys
from contextlib import suppress
from typing import Literal, TextIO

import structlog


def configure_logs(level: str, log_format: Literal["auto", "console", "json"]) -> None:
    """Set up logging for the process; "auto" is console on a terminal and json elsewhere."""
    is_console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if is_console else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(_Lossy(sys.stderr)),
        cache_logger_on_first_use=True,
    )


class _Lossy(io.TextIOBase, TextIO):
    """A stream that drops lines it cannot write: a full disk must not fail the code that logs."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str, /) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()
