"""The browser package as npm publishes it: types, unit tests, and exactly the used files."""

import re
from pathlib import Path

import pytest

from tests.support.npm import npm
from tests.support.web_release import PACKAGE, check, release

pytestmark = [pytest.mark.xdist_group("web_release"), pytest.mark.timeout(240)]

IMPORT = re.compile(r'^(?:import|export)\b[^;]*?"\./([\w-]+\.js)";', re.M)
WORKLET = re.compile(r'new URL\("\./([\w-]+\.js)", import\.meta\.url\)')


def reachable(entry: str) -> set[str]:
    """Return the modules that an import of `entry` loads, itself included."""
    found, left = {entry}, [entry]
    while left:
        text = (PACKAGE / left.pop()).read_text()
        named = {*IMPORT.findall(text), *WORKLET.findall(text)} - found
        found |= named
        left += named
    return found


def test_package_page_and_examples_are_typed() -> None:
    check()
    assert (PACKAGE / "types" / "index.d.ts").is_file()


def test_the_unit_tests_pass() -> None:
    report = npm(PACKAGE, "test")
    assert int(re.findall(r"^(?:#|ℹ) pass (\d+)$", report, re.M)[0]) > 90


def test_only_what_is_used_is_published() -> None:
    check()
    modules = reachable("index.js") | {"frames.js"}
    declarations = {f"types/{Path(name).stem}.d.ts" for name in modules - {"pcm-worklet.js"}}
    about = {"package.json", "README.md"}
    assert set(release().names) - {"LICENSE"} == modules | declarations | about


def test_the_readme_names_every_export() -> None:
    exports = re.findall(r"^export \{ (.*?) \}", (PACKAGE / "index.js").read_text(), re.M)
    readme = (PACKAGE / "README.md").read_text()
    assert exports
    assert not [name for line in exports for name in line.split(", ") if f"`{name}`" not in readme]
