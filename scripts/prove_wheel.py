"""Build the wheel and check it: its packages, the page, and the SDK with gRPC alone.

The SDK runs in an environment that holds the wheel and the locked grpcio and protobuf only.
"""

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
CONTENT = (
    "cedar_voice/py.typed",
    "cedar_voice/v1/voice_service.proto",
    "cedar_voice_bridge/web/index.html",
    "cedar_voice_bridge/web/page/view.js",
    "cedar_voice_bridge/web/voice-client.js",
    "cedar_voice_client/py.typed",
    "cedar_voice_shared/py.typed",
)
NOT_SERVED = ("examples", "node_modules", "tests", "types")
SDK_PROGRAM = """
import asyncio, importlib.util, pkgutil
import cedar_voice.v1
import cedar_voice_client

async def connect():
    async with cedar_voice_client.VoiceClient("127.0.0.1:1"):
        pass

asyncio.run(connect())
for module in pkgutil.walk_packages(cedar_voice_client.__path__, "cedar_voice_client."):
    importlib.import_module(module.name)
servers = ("aiohttp", "jwt", "pydantic", "structlog")
present = [name for name in servers if importlib.util.find_spec(name)]
assert not present, f"the environment is not empty: {present}"
"""


def run(*command: str | Path, cwd: Path) -> None:
    """Run a command quietly; exit with its output when it fails."""
    done = subprocess.run(command, cwd=cwd, text=True, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"error: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


def build(folder: Path) -> Path:
    """Build the wheel into `folder` with the tools of this environment, and return its path."""
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


def faults(wheel: Path) -> list[str]:
    """Return the unexpected and the missing files of the wheel, one line each."""
    names = zipfile.ZipFile(wheel).namelist()
    strangers = sorted({name.split("/")[0] for name in names if not name.startswith("cedar_voice")})
    for folder in NOT_SERVED:
        strangers += [
            name for name in names if name.startswith(f"cedar_voice_bridge/web/{folder}/")
        ]
    missing = [name for name in CONTENT if name not in names]
    if not any(name.endswith("/licenses/LICENSE") for name in names):
        missing.append("LICENSE")
    return [f"unexpected: {name}" for name in strangers] + [f"missing: {name}" for name in missing]


def main() -> None:
    """Build the wheel, check its files, install it into an empty environment, and use the SDK."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        wheel = build(folder)
        if found := faults(wheel):
            sys.exit(f"error: {wheel.name}: " + "; ".join(found))
        venv.create(folder / "venv", with_pip=True)
        python = folder / "venv" / "bin" / "python"
        pip = (python, "-m", "pip", "--disable-pip-version-check", "--quiet")
        run(*pip, "install", "--require-hashes", "-r", ROOT / "requirements/sdk.txt", cwd=folder)
        run(*pip, "install", "--no-deps", wheel, cwd=folder)
        run(*pip, "check", cwd=folder)
        run(python, "-W", "error", "-c", SDK_PROGRAM, cwd=folder)
        print(f"{wheel.name}: complete, and the SDK runs on grpcio and protobuf alone")


if __name__ == "__main__":
    main()
