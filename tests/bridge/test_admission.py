"""Origins of pages that may connect to the bridge."""

import pytest

from cedar_voice_bridge.http.origins import OriginPolicy, bearer_token, client_address


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
    assert OriginPolicy(()).admits_origin(origin, host) is is_admitted


def test_a_list_of_origins_is_all_beside_the_own_pages() -> None:
    admission = OriginPolicy(("https://App.example/", "http://localhost:3000"))
    assert admission.admits_origin("https://app.example", "voice.example")
    assert admission.admits_origin("https://voice.example", "voice.example")
    assert admission.admits_origin("http://localhost:3000", "voice.example")
    assert not admission.admits_origin("http://localhost:3001", "voice.example")
    assert not admission.admits_origin("http://app.example", "voice.example")


def test_a_star_admits_every_origin() -> None:
    assert OriginPolicy(("*",)).admits_origin("null", "voice.example")


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("bearer  of header", "of header"),
        ("Bearer of header", "of header"),
        (None, None),
        ("Basic dXNlcjpwYXNz", None),
        ("Bearer", None),
    ],
)
def test_the_token_of_a_request(header: str | None, token: str | None) -> None:
    assert bearer_token(header) == token


@pytest.mark.parametrize(
    ("connection", "forwarded", "address"),
    [
        ("203.0.113.7", None, "203.0.113.7"),
        ("203.0.113.7", "", "203.0.113.7"),
        ("127.0.0.1", None, None),
        ("::1", None, None),
        ("", None, None),
        (None, None, None),
        ("127.0.0.1", "198.51.100.2", "198.51.100.2"),
        ("127.0.0.1", "spoofed, 203.0.113.9, 198.51.100.2", "198.51.100.2"),
        ("203.0.113.7", "unknown", "203.0.113.7"),
        ("127.0.0.1", "unknown", None),
        ("2001:db8::1", None, "2001:db8::/64"),
        ("2001:db8::ffff:1", None, "2001:db8::/64"),
        ("fe80::1%eth0", None, "fe80::/64"),
    ],
)
def test_whom_a_request_comes_from(
    connection: str | None, forwarded: str | None, address: str | None
) -> None:
    assert client_address(connection, forwarded) == address
