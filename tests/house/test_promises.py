"""Each promise names tests that exist."""

import re

from tests.support.checkout import ROOT

PROMISES = (ROOT / "PROMISES.md").read_text()
PROOF = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def test_each_promise_names_tests_that_exist() -> None:
    rows = [line for line in PROMISES.splitlines() if line.startswith("| **")]
    assert rows
    for row in rows:
        proofs = PROOF.findall(row)
        assert proofs, row
        for path, name in proofs:
            assert f"def {name}(" in (ROOT / "tests" / path).read_text(), f"{path}::{name}"
