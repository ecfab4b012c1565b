"""The sequences of a session in both directions, and the acknowledgement that joins them."""

from collections.abc import Iterable

from cedar_voice_service.session import commands as do
from cedar_voice_service.session.resume.durability import Durability
from cedar_voice_service.session.resume.inbox import Inbox
from cedar_voice_service.session.resume.outbox import Outbox
from cedar_voice_service.session.resume.position import Past, Position, ResumePoint


class Sequences:
    """Numbers, acknowledges and replays messages, so that a session survives its streams.

    Args:
        past: the session that this one continues.
        replay_buffer_bytes: most bytes of messages kept for replay.
    """

    def __init__(self, past: Past, replay_buffer_bytes: int) -> None:
        self.outbox = Outbox(replay_buffer_bytes, last_sequence=past.last_sequence)
        self._past = past
        self._inbox = Inbox()
        self._durability = Durability()

    @property
    def accepted(self) -> int:
        """Highest client sequence number accepted so far."""
        return self._inbox.accepted

    @property
    def durable(self) -> int:
        """Highest client sequence number not needed again, as a stream may report it now."""
        reported = self.outbox.reported_durable
        return self._durability.durable if reported is None else reported

    def is_new(self, sequence: int) -> bool:
        """Whether a client message was not received before; see `Inbox.is_new`."""
        return self._inbox.is_new(sequence)

    def accept(self, sequence: int, ack: int) -> bool:
        """Acknowledge events up to `ack`; return whether the message is to be processed."""
        self.outbox.acknowledge(ack)
        return self._inbox.accept(sequence)

    def resume_point(self, position: Position | None) -> ResumePoint:
        """Return where a client at this position resumes; None stands for its first stream.

        A client that does not know this session, which stands in for a lost one, receives all of
        its events.
        """
        is_known = position is not None and position.term in (0, self._past.term)
        is_restored = self._past.is_lost_session and not is_known
        if position is None:
            return ResumePoint(None, is_restored)
        return ResumePoint(position.sequence if is_known else self._past.last_sequence, is_restored)

    def audio_processed(self, first_sequence: int, last_sequence: int, until_ms: int) -> None:
        """Record that these client messages brought audio up to this time of the input audio."""
        self._durability.heard(first_sequence, last_sequence, until_ms)

    def put(self, commands: Iterable[do.Command], needed_from_ms: int, sequence: int = 0) -> None:
        """Queue the messages among the commands of one event.

        Args:
            commands: in order.
            needed_from_ms: start of the input audio that may still become part of a turn.
            sequence: of the client message that caused them; 0 for none. The last of its messages
                makes it durable, no earlier one: the end of an interrupted answer comes first, and
                does not prove that a typed text was processed.
        """
        queued = [each for each in commands if isinstance(each, do.Send | do.PurgeAudio)]
        last = next((each for each in reversed(queued) if isinstance(each, do.Send)), None)
        self._durability.settle(needed_from_ms)
        for command in queued:
            if command is last:
                self._handled(sequence, needed_from_ms)
            self._apply(command)
        if last is None:
            self._handled(sequence, needed_from_ms)

    def _handled(self, sequence: int, needed_from_ms: int) -> None:
        if sequence:
            self._durability.handled(sequence)
            self._durability.settle(needed_from_ms)

    def _apply(self, command: do.Send | do.PurgeAudio) -> None:
        if isinstance(command, do.PurgeAudio):
            self.outbox.purge_audio(command.response_id)
        else:
            durable = self._durability.durable
            self.outbox.put(command.message, turn_id=command.turn_id, durable=durable)
