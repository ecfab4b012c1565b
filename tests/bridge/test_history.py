"""What a shared session keeps, and where its readers are."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cedar_voice_bridge.history import ConversationOver, History, Reader, ReadersLag


def history(max_bytes: int = 1_000) -> History[str]:
    """A history of words; "." ends a turn."""
    return History(max_bytes, size_of=len, ends_turn=lambda word: word == ".")


async def read(reader: Reader[str], count: int) -> list[str]:
    """The next words, delivered."""
    words = []
    for _ in range(count):
        entry = await reader.next()
        reader.delivered(entry)
        words.append(entry.item)
    return words


@given(st.lists(st.text(min_size=1, max_size=30)), st.integers(1, 100))
def test_it_keeps_the_newest_within_its_bound(words: list[str], max_bytes: int) -> None:
    kept = history(max_bytes)
    for word in words:
        kept.add(word, 1)
    items = [entry.item for entry in kept.entries]
    assert items == words[len(words) - len(items) :]
    assert sum(map(len, items)) <= max_bytes or len(items) == 1
    assert bool(items) is bool(words)
    numbers = [entry.number for entry in kept.entries]
    assert numbers == list(range(len(words) - len(items) + 1, len(words) + 1))


async def test_every_reader_has_a_place_of_its_own() -> None:
    said = history()
    said.add("a", 1)
    with said.read(None, "x") as early, said.read(None, "") as late:
        said.add("b", 1)
        assert await read(early, 2) == ["a", "b"]
        assert await read(late, 1) == ["b"]
    with said.read(1, "x") as back:
        assert await read(back, 1) == ["b"]


async def test_a_turn_seen_to_its_end_is_not_told_again_to_readers_of_the_kind() -> None:
    said = history()
    for word in ("a", ".", "b"):
        said.add(word, 1)
    with said.read(None, "events") as reader:
        assert await read(reader, 3) == ["a", ".", "b"]
    with said.read(None, "events") as reader:
        assert await read(reader, 1) == ["b"]  # its turn has not ended
    with said.read(None, "socket") as reader:
        assert await read(reader, 1) == ["a"]


async def test_a_reader_that_lags_is_told() -> None:
    said = history(max_bytes=2)
    with said.read(None, "x") as reader:
        for word in "abcd":
            said.add(word, 1)
        with pytest.raises(ReadersLag):
            await reader.next()
    with said.read(None, "x") as reader:
        assert await read(reader, 2) == ["c", "d"]


async def test_readers_wait_and_are_let_go_at_the_end() -> None:
    said = history()
    with said.read(None, "x") as reader:
        assert said.has_readers
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(reader.next())
            await asyncio.sleep(0)
            said.add("a", 7)
        entry = waiting.result()
        assert (entry.item, entry.turn_id, entry.number) == ("a", 7, 1)
        said.end(None)
        with pytest.raises(ConversationOver):
            await reader.next()
    assert not said.has_readers
