"""npm projects of the checkout: installed and built once for each content of their files."""

import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

INSTALLED_BY = (".npmrc", "package.json", "package-lock.json")


@contextmanager
def installing(project: Path) -> Iterator[None]:
    """Install the project's locked packages, and lock it against other builds meanwhile.

    Raises:
        RuntimeError: there is no npm, or it fails; the message has its output.
    """
    with (project / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sources = [project / name for name in INSTALLED_BY]
        once(project, project / "node_modules" / ".stamp", sources, "ci")
        yield


def once(project: Path, stamp: Path, sources: Iterable[Path], *command: str) -> None:
    """Run an npm command, unless the stamp shows that it was run with these files.

    Raises:
        RuntimeError: as of `npm`.
    """
    content = hashlib.sha256()
    for source in sources:
        content.update(source.name.encode() + b"\0" + source.read_bytes())
    if stamp.exists() and stamp.read_text() == content.hexdigest():
        return
    npm(project, *command)
    stamp.write_text(content.hexdigest())


def npm(project: Path, *command: str) -> str:
    """Run npm in a project.

    Returns:
        Its standard output.

    Raises:
        RuntimeError: there is no npm, or it fails; the message has its output.
    """
    found = shutil.which("npm")
    if found is None:
        raise RuntimeError("npm is needed, of Node.js 20.19 or newer")
    done = subprocess.run(
        (found, *command), cwd=project, capture_output=True, check=False, text=True, timeout=600
    )
    if done.returncode:
        raise RuntimeError(f"npm {' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout
