"""The bridge answers any HTTP request as its own OpenAPI document describes.

schemathesis reads the document from the bridge and derives requests from it: valid ones, almost
valid ones, and methods and headers that it does not name. It reports every status that is not in
the document, every 5xx, every body, header and event that does not match, every valid request that
is refused, and every request that is accepted without a token.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

from cedar_voice_service.server import open_server
from tests.support.bridge import bridging
from tests.support.identities import AUDIENCE, KEY
from tests.support.openai_script import INSTANT, Answer
from tests.support.openai_standin import OpenAIStandin
from tests.support.service import settings_of

CONFIG = Path(__file__).with_name("schemathesis.toml")
ROOT = CONFIG.parents[2]
UNLIMITED = {"principal_max_sessions": 0, "principal_streams_per_minute": 0}
TRUST = {"jwt_key": KEY, "jwt_audience": (AUDIENCE,), "jwt_leeway_ms": 0}


async def test_it_does_what_its_document_says(tmp_path: Path) -> None:
    async with (
        OpenAIStandin(answers=(Answer("Yes."),), latencies=INSTANT) as standin,
        open_server(settings_of(standin, **UNLIMITED, **TRUST)) as (address, _),
        bridging(address, base_paths=("/voice",), **TRUST) as bridge,
    ):
        trial = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG)),
            *("run", f"{bridge.url}/openapi.json", "--no-color"),
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT)},
            stdout=PIPE,
            stderr=STDOUT,
        )
        report, _ = await trial.communicate()
    assert trial.returncode == 0, report.decode()
    assert "6 selected / 6 total" in report.decode()
