"""The locked requirements: hashed, free of addresses, and within the ranges of pyproject.toml."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.checkout import LOCKS, ROOT, project


def locked(lock: Path) -> dict[str, list[Requirement]]:
    """Return the requirements of a lock by package; a package has several if platforms differ."""
    found: dict[str, list[Requirement]] = {}
    for line in lock.read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            requirement = Requirement(line.removesuffix("\\").strip())
            found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def asked(extras: tuple[str, ...], groups: tuple[str, ...]) -> list[Requirement]:
    """Return the requirements of pyproject.toml, with those of these extras and groups."""
    metadata = project()
    lines: list[str] = list(metadata["project"]["dependencies"])
    for extra in extras:
        lines += metadata["project"]["optional-dependencies"][extra]
    for group in groups:
        lines += [line for line in metadata["dependency-groups"][group] if isinstance(line, str)]
    return [Requirement(line) for line in lines if not line.startswith("cedar-voice")]


RUN_EXTRAS = ("service", "bridge", "local", "cli")
CONTENT = {
    "sdk.txt": asked((), ()),
    "serve.txt": asked(RUN_EXTRAS, ("build",)),
    "dev.txt": asked(RUN_EXTRAS, ("build", "dev")),
}


def test_every_lock_is_checked() -> None:
    assert {lock.name for lock in LOCKS} == set(CONTENT)


@pytest.mark.parametrize("name", CONTENT)
def test_lock_satisfies_the_project(name: str) -> None:
    versions = locked(ROOT / "requirements" / name)
    for requirement in CONTENT[name]:
        pins = versions[canonicalize_name(requirement.name)]
        for pin in pins:
            (version,) = (clause.version for clause in pin.specifier)
            assert requirement.specifier.contains(version), f"{requirement}: locked is {pin}"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_lock_has_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(r"^\s*--?(index|extra|find|trusted)", text, re.MULTILINE)
    for block in re.split(r"\n(?=[a-z])", text)[1:]:
        assert "--hash=sha256:" in block, block


def test_locks_agree() -> None:
    everything = locked(ROOT / "requirements" / "dev.txt")
    for lock in LOCKS:
        for name, pins in locked(lock).items():
            ours = [(str(pin.specifier), str(pin.marker)) for pin in pins]
            assert ours == [(str(p.specifier), str(p.marker)) for p in everything[name]], name
