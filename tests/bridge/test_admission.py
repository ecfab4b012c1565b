"""Who may connect to the bridge."""

import pytest

from cedar_voice_bridge.admission import Admission, presented_token


@pytest.mark.parametrize(
    ("origin", "host", "is_admitted"),
    [
        (None, "voice.example", True),
        ("https://voice.example", "voice.example", True),
        ("https://VOICE.example:8443", "voice.example:8443", True),
        ("http://localhost:3000", "127.0.0.1:8080", True),
        ("http://127.0.0.1:5173", "localhost:8080", True),
        ("http://[::1]:5173", "localhost:8080", True),
        ("https://voice.example:444", "voice.example", False),
        ("https://evil.example", "voice.example", False),
        ("https://localhost.evil.example", "localhost:8080", False),
        ("https://evil.example/localhost", "localhost:8080", False),
        ("null", "localhost:8080", False),
        ("", "localhost:8080", False),
        ("http://[", "localhost:8080", False),
    ],
)
def test_own_pages_and_this_machine_by_default(
    origin: str | None, host: str, is_admitted: bool
) -> None:
    assert Admission((), ()).admits_origin(origin, host) is is_admitted


def test_a_list_of_origins_is_all_beside_the_own_pages() -> None:
    admission = Admission(("https://App.example/", "http://localhost:3000"), ())
    assert admission.admits_origin("https://app.example", "voice.example")
    assert admission.admits_origin("https://voice.example", "voice.example")
    assert admission.admits_origin("http://localhost:3000", "voice.example")
    assert not admission.admits_origin("http://localhost:3001", "voice.example")
    assert not admission.admits_origin("http://app.example", "voice.example")


def test_a_star_admits_every_origin() -> None:
    assert Admission(("*",), ()).admits_origin("null", "voice.example")


@pytest.mark.parametrize(
    ("token", "is_admitted"),
    [("one", True), ("two", True), ("three", False), ("", False), ("ön", False), (None, False)],
)
def test_only_known_tokens_open_a_guarded_door(token: str | None, is_admitted: bool) -> None:
    admission = Admission((), ("one", "two"))
    assert admission.needs_token
    assert admission.admits_token(token) is is_admitted


@pytest.mark.parametrize(
    ("token", "is_admitted"),
    [(None, True), ("whatever", True), ("two words", False), ("line\nbreak", False), ("ö", False)],
)
def test_an_open_door_takes_what_could_be_a_token(token: str | None, is_admitted: bool) -> None:
    admission = Admission((), ())
    assert not admission.needs_token
    assert admission.admits_token(token) is is_admitted


@pytest.mark.parametrize(
    ("query", "header", "token"),
    [
        ("of query", "Bearer of header", "of query"),
        (None, "bearer  of header", "of header"),
        ("", "Bearer of header", "of header"),
        ("", None, None),
        (None, "Basic dXNlcjpwYXNz", None),
        (None, "Bearer", None),
    ],
)
def test_the_token_of_a_request(query: str | None, header: str | None, token: str | None) -> None:
    assert presented_token(query, header) == token
