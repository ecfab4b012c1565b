"""The wall clock may jump: only code that needs the time of day reads it."""

import ast

from tests.support.checkout import sources

WALL_CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today"}
MAY_ASK = {
    "cedar_voice_shared.credentials",  # when a token expires
    "cedar_voice_service.session_stream",  # the time in a pong, for display
    "cedar_voice_client.session",  # the time in a ping, for display
    "cedar_voice_service.providers.scripted.engine",  # "what time is it?"
}


def test_nothing_waits_or_measures_by_the_wall_clock() -> None:
    asking = {
        name
        for name, path in sources().items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in WALL_CLOCKS
    }
    assert asking == MAY_ASK
