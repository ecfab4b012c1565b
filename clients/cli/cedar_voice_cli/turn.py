"""One turn of `talk`: send the source, show the events, collect the answer's audio."""

import asyncio
from contextlib import suppress

from cedar_voice_cli.answer_file import AnswerFile
from cedar_voice_cli.screen import Screen
from cedar_voice_cli.sources import Source, SourceError
from cedar_voice_client import VoiceClientError, VoiceSession, events


async def run_turn(
    session: VoiceSession, source: Source, screen: Screen, answer: AnswerFile
) -> bool:
    """Run one turn to the end of the session.

    Returns:
        Whether it was answered without an error.

    Raises:
        VoiceClientError: the session failed.
        SourceError: the source failed.
    """
    failure: Exception | None = None
    is_answered = has_failed = False
    try:
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(_send(session, source))
            async for event in session:
                screen.show(event)
                match event:
                    case events.AudioChunk():
                        answer.add(event)
                    case events.ResponseCompleted(error=None):
                        is_answered = True
                    case events.ResponseCompleted() | events.ErrorEvent():
                        has_failed = True
                    case _:
                        pass
            sending.cancel()
    except* (VoiceClientError, SourceError) as failures:
        failure = failures.exceptions[0]
    if failure is not None:
        raise failure
    return is_answered and not has_failed


async def _send(session: VoiceSession, source: Source) -> None:
    """Send the turn and the end of input, so that the server closes after its answer."""
    with suppress(VoiceClientError):  # iterating over the events raises the cause
        await source(session)
        await session.done_sending()
