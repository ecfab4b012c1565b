"""scripts/check_contract.sh compares the contract with that of main, in every kind of checkout."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.checkout import ROOT

ONE_FIELD = """syntax = "proto3";
package demo.v1;
message Turn {
  uint32 number = 1;
}
"""
TWO_FIELDS = ONE_FIELD.replace("= 1;", "= 1;\n  string text = 2;")
RENAMED = ONE_FIELD.replace("number", "index")


@dataclass(frozen=True)
class Checkout:
    """A git checkout with a contract of one message in it."""

    root: Path

    def git(self, *command: str) -> None:
        """Run git with a fixed author."""
        who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")
        subprocess.run(("git", *who, *command), cwd=self.root, check=True, capture_output=True)

    def write(self, contract: str) -> None:
        """Change the contract without committing it."""
        (self.root / "protos" / "turn.proto").write_text(contract)

    def commit(self, contract: str, message: str = "Change the contract") -> None:
        """Change the contract and commit it."""
        self.write(contract)
        self.git("add", "--all")
        self.git("commit", "--message", message)

    def clone(self, folder: Path, *options: str) -> "Checkout":
        """Clone this checkout into a new folder."""
        self.git("clone", *options, self.root.as_uri(), str(folder))
        (folder / ".venv").symlink_to(ROOT / ".venv")
        return Checkout(folder)

    def check(self) -> subprocess.CompletedProcess[str]:
        """Run the script here."""
        script = ROOT / "scripts" / "check_contract.sh"
        return subprocess.run((script,), cwd=self.root, capture_output=True, check=False, text=True)


@pytest.fixture
def main(tmp_path: Path) -> Checkout:
    """Return a checkout of main whose first commit adds the contract."""
    root = tmp_path / "main"
    (root / "protos").mkdir(parents=True)
    (root / ".venv").symlink_to(ROOT / ".venv")
    (root / ".gitignore").write_text(".venv\n")
    shutil.copy(ROOT / "buf.yaml", root)
    checkout = Checkout(root)
    checkout.git("init", "--initial-branch=main")
    checkout.commit(ONE_FIELD)
    return checkout


def test_first_contract_has_nothing_to_break(main: Checkout) -> None:
    done = main.check()
    assert done.returncode == 0
    assert "nothing to compare with" in done.stdout


def test_uncommitted_break_is_found(main: Checkout) -> None:
    main.write(RENAMED)
    done = main.check()
    assert done.returncode != 0
    assert "index" in done.stdout


def test_growing_is_no_break(main: Checkout) -> None:
    main.commit(TWO_FIELDS)
    done = main.check()
    assert done.returncode == 0
    assert "comparing with" in done.stdout


def test_break_on_main_is_found_in_a_fresh_clone(main: Checkout, tmp_path: Path) -> None:
    main.commit(TWO_FIELDS)
    main.commit(ONE_FIELD)
    done = main.clone(tmp_path / "clone").check()
    assert done.returncode != 0
    assert "text" in done.stdout


def test_branch_is_compared_with_where_it_left_main(main: Checkout) -> None:
    main.git("switch", "--create", "topic")
    main.commit(TWO_FIELDS, "Add the text")
    main.commit(ONE_FIELD, "Drop the text, which main never had")
    assert main.check().returncode == 0
    main.commit(RENAMED)
    assert main.check().returncode != 0


def test_declared_break_is_let_through(main: Checkout) -> None:
    main.commit(RENAMED, "Call it index\n\nContract-Break: nothing is released yet")
    done = main.check()
    assert done.returncode == 0
    assert "nothing is released yet" in done.stdout


def test_declaration_covers_its_own_commit_only(main: Checkout) -> None:
    main.commit(RENAMED, "Call it index\n\nContract-Break: nothing is released yet")
    main.write(ONE_FIELD)
    assert main.check().returncode != 0


def test_shallow_and_detached_checkouts_are_checked(main: Checkout, tmp_path: Path) -> None:
    main.commit(TWO_FIELDS)
    clone = main.clone(tmp_path / "clone", "--depth", "1")
    clone.git("checkout", "--detach")
    assert clone.check().returncode == 0
    clone.write(RENAMED)
    assert clone.check().returncode != 0


def test_without_git_there_is_nothing_to_compare_with(main: Checkout) -> None:
    shutil.rmtree(main.root / ".git")
    done = main.check()
    assert done.returncode == 0
    assert "nothing to compare with" in done.stdout
