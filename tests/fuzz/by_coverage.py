"""Fuzzes with atheris, which searches for input that reaches new code.

`pip install atheris`, then `python -m tests.fuzz.by_coverage decoder 600`. Input that reaches
new code is kept in `.venv/fuzz/TARGET`. The first input that breaks a promise or takes ten seconds
ends the run and is kept there too; put that into `tests/fuzz/corpus/TARGET`.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["cedar_voice_bridge", "cedar_voice_service"]):
    from tests.fuzz.mutations import MAX_BYTES
    from tests.fuzz.seeds import seeds
    from tests.fuzz.targets import TARGETS

FOUND = Path(__file__).parents[2] / ".venv" / "fuzz"


def main() -> None:
    """See the module."""
    name, seconds = sys.argv[1], float(sys.argv[2])
    found = FOUND / name
    found.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds(name)):
        (found / f"seed-{number}").write_bytes(data[:MAX_BYTES])
    options = (f"-max_total_time={seconds:.0f}", f"-max_len={MAX_BYTES}", "-timeout=10")
    atheris.Setup([sys.argv[0], str(found), f"-artifact_prefix={found}/", *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
