"""The bridge and the service tell alike whom a token speaks for."""

from pathlib import Path

import cedar_voice_bridge.credentials
import cedar_voice_service.credentials


def test_both_files_are_the_same() -> None:
    ours = Path(cedar_voice_service.credentials.__file__).read_bytes()
    assert Path(cedar_voice_bridge.credentials.__file__).read_bytes() == ours
