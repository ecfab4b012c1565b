"""No file of the project names a machine, a package index or a folder outside the checkout."""

import re
import tempfile
from pathlib import Path

from tests.support.checkout import ROOT, files

TEXT = {".cfg", ".html", ".js", ".json", ".jsonl", ".md", ".mjs", ".proto", ".py", ".pyi", ".sh"}
TEXT |= {".css", ".toml", ".ts", ".txt", ".yaml", ".yml", ""}
HOSTS = re.compile(r"\b(?:https?|wss?|git|ftp)://([A-Za-z0-9.-]+)")
KNOWN_HOSTS = {
    "127.0.0.1",
    "localhost",
    "example.com",
    "json-schema.org",  # names a vocabulary, and is never asked
}
MACHINE_FOLDERS = (str(ROOT), str(Path.home()), tempfile.gettempdir())


def texts() -> dict[str, str]:
    """Return the text files by their path in the checkout, without the licence, a foreign text."""
    named = {str(path.relative_to(ROOT)): path for path in files() if path.suffix in TEXT}
    return {name: path.read_text() for name, path in named.items() if name != "LICENSE"}


def is_known(host: str) -> bool:
    """Whether the host is this machine, or is reserved for examples."""
    return host in KNOWN_HOSTS or host.endswith((".example", ".example.com", ".test", ".invalid"))


def test_only_known_hosts_are_named() -> None:
    found = {
        f"{name}: {host}"
        for name, text in texts().items()
        for host in HOSTS.findall(text)
        if not is_known(host)
    }
    assert not found


def test_no_folder_of_a_machine_is_named() -> None:
    folders = "|".join(re.escape(folder) for folder in MACHINE_FOLDERS if folder != "/")
    pattern = re.compile(rf"(?<![\w.])(?:{folders})(?![\w-])")
    assert not {name for name, text in texts().items() if pattern.search(text)}
