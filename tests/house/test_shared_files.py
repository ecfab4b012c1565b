"""Files that the bridge and the service each have, because neither may import the other."""

from pathlib import Path

import pytest

import cedar_voice_bridge
import cedar_voice_service


@pytest.mark.parametrize("name", ["credentials.py", "telemetry.py", "token_bucket.py"])
def test_both_are_the_same(name: str) -> None:
    ours, theirs = (
        Path(package.__path__[0], name).read_bytes()
        for package in (cedar_voice_service, cedar_voice_bridge)
    )
    assert ours == theirs
