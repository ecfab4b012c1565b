"""Events that a shared session keeps, and the positions of its readers."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cedar_voice_bridge.sessions.event_log import (
    EventLog,
    LogReader,
    ReaderKind,
    ReaderLagged,
    ReaderReplaced,
    SessionOver,
)

EVENTS, SOCKETS = ReaderKind("events"), ReaderKind("sockets")
ONE = ReaderKind("one", is_single=True)


def history(max_bytes: int = 1_000) -> EventLog[str]:
    """A history of words."""
    return EventLog(max_bytes, size_of=len)


async def read(reader: LogReader[str], count: int) -> list[str]:
    """The next words, delivered; "." ends a turn."""
    words = []
    for _ in range(count):
        entry = await reader.next()
        reader.record_delivery(entry, ends_turn=entry.item == ".")
        words.append(entry.item)
    return words


@given(st.lists(st.text(min_size=1, max_size=30)), st.integers(1, 100))
def test_it_keeps_the_newest_within_its_bound(words: list[str], max_bytes: int) -> None:
    kept = history(max_bytes)
    for word in words:
        kept.append(word, 1)
    items = [entry.item for entry in kept.entries]
    assert items == words[len(words) - len(items) :]
    assert sum(map(len, items)) <= max_bytes or len(items) == 1
    assert bool(items) is bool(words)
    numbers = [entry.number for entry in kept.entries]
    assert numbers == list(range(len(words) - len(items) + 1, len(words) + 1))


async def test_every_reader_has_a_place_of_its_own() -> None:
    said = history()
    said.append("a", 1)
    with said.open_reader(None, EVENTS) as early, said.open_reader(None, None) as late:
        said.append("b", 1)
        assert await read(early, 2) == ["a", "b"]
        assert await read(late, 1) == ["b"]
    with said.open_reader(1, EVENTS) as back:
        assert await read(back, 1) == ["b"]


async def test_a_turn_seen_to_its_end_is_not_told_again_to_readers_of_the_kind() -> None:
    said = history()
    for word in ("a", ".", "b"):
        said.append(word, 1)
    with said.open_reader(None, EVENTS) as reader:
        assert await read(reader, 3) == ["a", ".", "b"]
    with said.open_reader(None, EVENTS) as reader:
        assert await read(reader, 1) == ["b"]  # its turn has not ended


async def test_a_kind_that_was_never_here_begins_with_a_turn_that_nobody_has_heard() -> None:
    said = history()
    for word in ("a", ".", "b", "c"):
        said.append(word, 1)
    with said.open_reader(None, SOCKETS) as reader:
        assert await read(reader, 1) == ["a"]
    with said.open_reader(None, ONE) as reader:
        assert await read(reader, 3) == ["a", ".", "b"]
    with said.open_reader(None, EVENTS) as reader:
        assert await read(reader, 1) == ["b"]
    with said.open_reader(None, SOCKETS) as reader:
        assert await read(reader, 1) == ["b"]


async def test_of_a_single_kind_the_newest_goes_on_where_the_one_before_it_was() -> None:
    said = history()
    for word in "abc":
        said.append(word, 1)
    with said.open_reader(None, ONE) as first, said.open_reader(None, EVENTS) as other:
        assert await read(first, 2) == ["a", "b"]
        with said.open_reader(None, ONE) as second:
            assert await read(second, 1) == ["c"]
            assert second.earlier_items == ["a", "b", "c"]
            with pytest.raises(ReaderReplaced):
                await first.next()
        assert await read(other, 3) == ["a", "b", "c"]


async def test_what_everybody_has_heard_is_kept_for_a_turn_and_no_longer() -> None:
    said = history()
    with said.open_reader(None, ONE) as quick, said.open_reader(None, EVENTS) as slow:
        for turn in range(1, 9):
            said.append("a", turn)
            said.append(".", turn)
            await read(quick, 2)
        assert len(said.entries) == 16
        await read(slow, 16)
        said.append("a", 9)
        said.append(".", 9)
        await read(quick, 2)
        assert [entry.turn_id for entry in said.entries] == [9, 9]
        assert await read(slow, 2) == ["a", "."]


async def test_what_a_browser_does_not_tell_to_have_is_kept_though_it_was_sent() -> None:
    said = history()
    with said.open_reader(None, ONE) as reader:
        reader.acknowledge(0)
        for turn in range(1, 5):
            said.append("a", turn)
            said.append(".", turn)
            await read(reader, 2)
        assert len(said.entries) == 8
        reader.acknowledge(4)
        assert [entry.turn_id for entry in said.entries] == [3, 3, 4, 4]
        reader.acknowledge(8)
        assert [entry.turn_id for entry in said.entries] == [4, 4]


async def test_what_is_rewritten_keeps_its_number_and_weighs_what_is_left() -> None:
    talk = history(max_bytes=10)
    with talk.open_reader(0, None) as reader:
        for word in ("one", "two", "tea"):
            talk.append(word, 1)
        assert await read(reader, 1) == ["one"]
        talk.rewrite(lambda word: word[:1])
        assert [entry.number for entry in talk.entries] == [1, 2, 3]
        talk.append("7 bytes", 1)  # for which there would be no room beside the words
        assert [entry.number for entry in talk.entries] == [1, 2, 3, 4]
        talk.append("1", 1)  # for which there is none
        assert await read(reader, 4) == ["t", "t", "7 bytes", "1"]
        assert [entry.number for entry in talk.entries] == [2, 3, 4, 5]


async def test_a_word_aside_is_heard_by_one_reader_and_first() -> None:
    said = history()
    said.append("a", 1)
    with said.open_reader(0, ONE) as asked, said.open_reader(0, EVENTS) as other:
        asked.send_out_of_band("pong")
        assert await read(asked, 2) == ["pong", "a"]
        assert await read(other, 1) == ["a"]


async def test_a_reader_that_lags_is_told() -> None:
    said = history(max_bytes=2)
    with said.open_reader(None, EVENTS) as reader:
        for word in "abcd":
            said.append(word, 1)
        with pytest.raises(ReaderLagged):
            await reader.next()
    with said.open_reader(None, EVENTS) as reader:
        assert await read(reader, 2) == ["c", "d"]


async def test_readers_wait_and_are_let_go_at_the_end() -> None:
    said = history()
    with said.open_reader(None, EVENTS) as reader:
        assert said.has_readers
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(reader.next())
            await asyncio.sleep(0)
            said.append("a", 7)
        entry = waiting.result()
        assert (entry.item, entry.turn_id, entry.number) == ("a", 7, 1)
        said.end(None)
        with pytest.raises(SessionOver):
            await reader.next()
    assert not said.has_readers
