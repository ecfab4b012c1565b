"""scripts/ensure_installed.sh installs missing packages if it may, and otherwise names them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import ROOT


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """Return a folder with the only commands on the path: a bare machine without root."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("bash", "env", "ln"):
        (folder / name).symlink_to(f"/usr/bin/{name}")
    (folder / "python3").symlink_to(sys.executable)
    command(folder, "id", "echo 1000")
    command(folder, "sudo", "exit 1")
    return folder


def command(folder: Path, name: str, body: str) -> None:
    """Write a command with the shell script `body` into the folder."""
    path = folder / name
    path.write_text(f"#!/usr/bin/env bash\n{body}\n")
    path.chmod(0o755)


def ensure(folder: Path, *packages: str) -> subprocess.CompletedProcess[str]:
    """Run the script with the commands of the folder only."""
    return subprocess.run(
        (ROOT / "scripts" / "ensure_installed.sh", *packages),
        env={**os.environ, "PATH": str(folder), "PYTHON": "python3"},
        capture_output=True,
        check=False,
        text=True,
    )


def test_nothing_is_done_where_everything_is_there(commands: Path) -> None:
    command(commands, "chromium", "exit 0")
    done = ensure(commands, "chromium", "python3-venv")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_missing_package_is_named_in_one_line(commands: Path) -> None:
    done = ensure(commands, "chromium")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "apt-get install chromium" in done.stderr


def test_missing_package_is_installed_by_sudo(commands: Path) -> None:
    command(commands, "sudo", '[ "$1" = -n ] || "$@"')
    command(commands, "apt-get", f'[ "$1" = update ] || ln -s /usr/bin/env "{commands}/chromium"')
    assert ensure(commands, "chromium").returncode == 0


def test_installation_that_brings_nothing_is_an_error(commands: Path) -> None:
    command(commands, "id", "echo 0")
    command(commands, "apt-get", "exit 0")
    done = ensure(commands, "chromium")
    assert done.returncode == 1
    assert "chromium is installed" in done.stderr


@pytest.mark.parametrize(("version", "code"), [("18.20.4", 1), ("20.19.0", 0), ("22.1.0", 0)])
def test_node_must_be_new_enough(commands: Path, version: str, code: int) -> None:
    node = shutil.which("node")
    assert node, "the browser tests are built with Node.js"
    fake = f'Object.defineProperty(process.versions, "node", {{ value: "{version}" }});'
    command(commands, "node", f"{node} -e '{fake}'\"$2\"")
    assert ensure(commands, "nodejs").returncode == code


def test_old_python_is_refused(commands: Path) -> None:
    (commands / "python3").unlink()
    command(commands, "python3", "exit 1")
    done = ensure(commands)
    assert done.returncode == 1
    assert "Python 3.11" in done.stderr
