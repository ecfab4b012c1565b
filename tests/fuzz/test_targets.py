"""Each reader of input keeps its promises for any bytes.

A long run: `python -m tests.fuzz`.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.mutations import mutated
from tests.fuzz.seeds import CORPUS, kept, seeds
from tests.fuzz.targets import TARGETS

MAX_CORPUS_BYTES = 1 << 20


@pytest.mark.parametrize("name", TARGETS)
def test_valid_input_and_what_was_once_interesting(name: str) -> None:
    for data in seeds(name):
        TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=40)
@given(data=st.data())
def test_almost_valid_input(name: str, data: st.DataObject) -> None:
    TARGETS[name](data.draw(mutated(seeds(name))))


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=40)
@given(data=st.binary(max_size=400))
def test_garbage(name: str, data: bytes) -> None:
    TARGETS[name](data)


def test_the_corpus_is_small_and_of_known_targets() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} <= set(TARGETS)
    sizes_bytes = [path.stat().st_size for name in TARGETS for path in kept(name)]
    assert sizes_bytes
    assert sum(sizes_bytes) <= MAX_CORPUS_BYTES
