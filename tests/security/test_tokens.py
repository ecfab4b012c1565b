"""Tokens and tickets over real sockets: their effect and their expiry."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

import cedar_voice.v1 as pb
from cedar_voice_bridge.auth.tickets import MAX_TICKETS_OF_ONE, Caller, Tickets, TooManyTickets
from cedar_voice_client import SessionOptions, Unauthenticated, VoiceClient, VoiceStream, events
from cedar_voice_service.server import open_server
from cedar_voice_shared.credentials import Identity
from tests.support.bridge import PATIENCE_S, Bridge, bridging
from tests.support.http_clients import VOICE
from tests.support.identities import AUDIENCE, KEY, claims, signed
from tests.support.openai_standin import OpenAIStandin
from tests.support.service import settings_of

PAGE = "https://app.example"
TRUST = {"jwt_key": KEY, "jwt_audience": (AUDIENCE,), "jwt_leeway_ms": 0}
BRIDGE = {**TRUST, "allowed_origins": (PAGE, "https://other.example")}


@pytest.fixture
async def standin() -> AsyncIterator[OpenAIStandin]:
    """Run a local server in place of OpenAI."""
    async with OpenAIStandin() as running:
        yield running


@pytest.fixture
async def service(standin: OpenAIStandin) -> AsyncIterator[str]:
    """Serve with tokens required, and yield the address."""
    # The tests ping as fast as the machine can, which exceeds the limit of one user.
    settings = settings_of(standin, principal_messages_per_s=0, **TRUST)
    async with open_server(settings) as (address, _):
        yield address


@pytest.fixture
async def bridge(service: str) -> AsyncIterator[Bridge]:
    """Yield a bridge that requires a token."""
    async with bridging(service, **BRIDGE) as running:
        yield running


def soon() -> int:
    """Return an expiry two seconds from now, in Unix seconds."""
    return int(claims()["iat"]) + 2


def bearer(token: str, **more: str) -> dict[str, str]:
    """Return the headers of a request with a token."""
    return {"Authorization": f"Bearer {token}", **more}


async def ticket_of(bridge: Bridge, token: str, **headers: str) -> str:
    """Request a ticket and return it."""
    url = f"{bridge.url}{VOICE}/tickets"
    async with bridge.http.post(url, headers=bearer(token, **headers)) as answer:
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"
        sold: dict[str, Any] = await answer.json()
    assert sold["expiresInMs"] == 30_000
    return str(sold["ticket"])


# -- expiry ----------------------------------------------------------------------------------------


async def test_a_stream_ends_when_its_token_does_and_a_fresh_one_resumes_it(service: str) -> None:
    async with VoiceClient(service) as client:
        async with client.stream(token=signed(exp=soon())) as stream:
            await stream.send(pb.VoiceSessionRequest(config=pb.SessionConfig()))
            opening = await stream.receive()
            assert opening is not None
            with pytest.raises(Unauthenticated, match="expired") as ended:
                async with asyncio.timeout(PATIENCE_S):
                    while (response := await stream.receive()) is not None:
                        is_notice = response.HasField("token_expiring")
                        assert is_notice or response.error.fatal
            assert ended.value.retryable, "a fresh token goes on"
        resume = pb.ResumeRequest(resume_token=opening.ready.resume_token)
        async with client.stream(token=signed()) as stream:
            await stream.send(pb.VoiceSessionRequest(config=pb.SessionConfig(resume=resume)))
            again = await stream.receive()
            assert again is not None and again.ready.resumed


async def test_a_stream_is_told_before_and_goes_on_with_a_fresh_token(service: str) -> None:
    expires_at_s = time.time() + 3
    stale = signed(exp=expires_at_s)
    async with VoiceClient(service) as client, client.stream(token=stale) as stream:
        await stream.send(pb.VoiceSessionRequest(config=pb.SessionConfig()))
        expiring = await heard(stream, "token_expiring")
        assert 0 < expiring.token_expiring.time_left_ms <= 1_500
        for wrong in ("wrong", signed("bob"), signed(exp=1), ""):
            await stream.send(renewal(wrong))
            refusal = await heard(stream, "error")
            assert refusal.error.code == pb.ERROR_CODE_UNAUTHENTICATED
            assert not refusal.error.fatal
        await stream.send(renewal(signed()))
        while time.time() <= expires_at_s + 0.1:
            await stream.send(pb.VoiceSessionRequest(ping=pb.Ping()))
            assert not (await heard(stream, "pong")).HasField("error")


def renewal(token: str) -> pb.VoiceSessionRequest:
    """Return the message that renews a token."""
    return pb.VoiceSessionRequest(token_renewal=pb.TokenRenewal(token=token))


async def heard(stream: VoiceStream, payload: str) -> pb.VoiceSessionResponse:
    """Return the next response with this payload."""
    async with asyncio.timeout(PATIENCE_S):
        while (response := await stream.receive()) is not None:
            if response.HasField(payload):  # type: ignore[arg-type] # any of them
                return response
    raise AssertionError(f"the stream ended before {payload}")


async def test_a_session_of_the_sdk_goes_on_with_the_next_token(service: str) -> None:
    expires_at_s = time.time() + 3
    given = iter([signed(exp=expires_at_s)])
    async with VoiceClient(service, token=lambda: next(given, signed())) as client:
        options = SessionOptions(use_browser_tts=True)
        kinds: list[type[events.Event]] = []
        async with client.session(options) as session, asyncio.timeout(PATIENCE_S):
            while time.time() <= expires_at_s + 0.1:
                await session.send_text("are you there?")
                async for event in session:
                    kinds.append(type(event))
                    if isinstance(event, events.ResponseCompleted):
                        break
    assert events.TokenExpiring in kinds
    assert events.Ready not in kinds, "it is the same stream"


async def test_a_socket_ends_when_its_token_does(bridge: Bridge) -> None:
    async with bridge.connect(f"?token={signed(exp=soon())}") as socket:
        assert await socket.closing() == 1008
    assert socket.heard[-1]["code"] == "unauthenticated"
    assert socket.heard[-1]["retryable"]


async def test_a_socket_is_told_before_and_goes_on_with_a_fresh_token(bridge: Bridge) -> None:
    expires_at_s = time.time() + 3
    async with bridge.connect(f"?token={signed(exp=expires_at_s)}") as socket:
        expiring = await socket.hear_until("token_expiring")
        assert 0 < expiring["timeLeftMs"] <= 1_500
        await socket.say(type="auth", token=signed())
        while time.time() <= expires_at_s + 0.1:
            await socket.say(type="ping", sentAt=1)
            await socket.hear_until("pong")
        await socket.say(type="text", text="are you there?")
        await socket.hear_until("response_complete")
    assert "error" not in socket.kinds
    assert socket.kinds.count("ready") == 1, "the service has not been away"
    assert socket.kinds.count("token_expiring") == 1


async def test_a_fresh_token_is_of_the_same_user_and_good(bridge: Bridge) -> None:
    async with bridge.connect(f"?token={signed('ann')}") as socket:
        await socket.hear_until("ready")
        for wrong in (signed("bob"), signed("ann", exp=1), "wrong"):
            await socket.say(type="auth", token=wrong)
            assert (await socket.hear_until("error"))["code"] == "unauthenticated"
        await socket.say(type="ping", sentAt=1)
        await socket.hear_until("pong")


async def test_an_event_stream_ends_when_its_token_does(bridge: Bridge) -> None:
    url = f"{bridge.url}{VOICE}/stream-response?sessionId=one"
    async with bridge.http.get(url, headers=bearer(signed(exp=soon()))) as answer:
        assert answer.status == 200
        async with asyncio.timeout(PATIENCE_S):
            body = await answer.text()
    assert "the token has expired" in body


async def test_a_session_is_found_again_with_another_token_of_its_user(bridge: Bridge) -> None:
    async with bridge.connect(f"?sessionId=mine&token={signed(jti='1')}") as socket:
        assert not (await socket.hear_until("ready"))["resumed"]
    async with bridge.connect(f"?sessionId=mine&token={signed(jti='2')}") as socket:
        assert (await socket.hear_until("ready"))["resumed"]


# -- tickets ---------------------------------------------------------------------------------------


async def test_a_ticket_opens_a_socket_once(bridge: Bridge) -> None:
    ticket = await ticket_of(bridge, signed())
    async with bridge.connect(f"?ticket={ticket}") as socket:
        await socket.hear_until("ready")
    async with bridge.connect(f"?ticket={ticket}") as socket:
        assert await socket.closing() == 1008


async def test_a_ticket_opens_an_event_stream(bridge: Bridge) -> None:
    url = f"{bridge.url}{VOICE}/stream-response?sessionId=one&ticket="
    ticket = await ticket_of(bridge, signed())
    for status in (200, 401):
        async with bridge.http.get(url + ticket) as answer:
            assert answer.status == status


async def test_a_ticket_belongs_to_the_page_that_got_it(bridge: Bridge) -> None:
    for origin, is_let_in in ((PAGE, True), ("https://other.example", False), (bridge.url, False)):
        ticket = await ticket_of(bridge, signed(), Origin=PAGE)
        async with bridge.connect(f"?ticket={ticket}", headers={"Origin": origin}) as socket:
            if is_let_in:
                await socket.hear_until("ready")
            else:
                assert await socket.closing() == 1008


async def test_a_programs_ticket_is_for_any_page(bridge: Bridge) -> None:
    ticket = await ticket_of(bridge, signed())
    async with bridge.connect(f"?ticket={ticket}", headers={"Origin": PAGE}) as socket:
        await socket.hear_until("ready")


@pytest.mark.parametrize("query", ["", "?token=good"])
async def test_only_a_token_in_the_header_buys_a_ticket(bridge: Bridge, query: str) -> None:
    query = query.replace("good", signed())
    async with bridge.http.post(f"{bridge.url}{VOICE}/tickets{query}") as answer:
        assert answer.status == 401
    headers = bearer(signed(), Origin="https://evil.example")
    async with bridge.http.post(f"{bridge.url}{VOICE}/tickets", headers=headers) as answer:
        assert answer.status == 403


async def test_tokens_can_be_kept_out_of_addresses(service: str) -> None:
    async with bridging(service, **BRIDGE, allow_token_in_address=False) as bridge:
        async with bridge.connect(f"?token={signed()}") as socket:
            assert await socket.closing() == 1008
        url = f"{bridge.url}{VOICE}/stream-response?sessionId=one&token={signed()}"
        async with bridge.http.get(url) as answer:
            assert answer.status == 401
            assert "tickets" in (await answer.json())["error"]["message"]
        ticket = await ticket_of(bridge, signed())
        async with bridge.connect(f"?ticket={ticket}") as socket:
            await socket.hear_until("ready")


async def test_tickets_that_nobody_uses_are_bounded(bridge: Bridge) -> None:
    url = f"{bridge.url}{VOICE}/tickets"
    for _ in range(MAX_TICKETS_OF_ONE):
        await ticket_of(bridge, signed())
    async with bridge.http.post(url, headers=bearer(signed())) as answer:
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) > 0
    await ticket_of(bridge, signed("bob"))


def test_a_ticket_is_too_old_after_its_time() -> None:
    now_s = 0.0
    tickets = Tickets(30.0, clock_s=lambda: now_s)
    ann = Caller("token", Identity("ann"))
    early, late = tickets.issue(ann, None), tickets.issue(ann, None)
    now_s = 29.9
    assert tickets.redeem(early, None) is ann
    now_s = 30.0
    assert tickets.redeem(late, None) is None
    for _ in range(MAX_TICKETS_OF_ONE):
        tickets.issue(ann, None)
    with pytest.raises(TooManyTickets):
        tickets.issue(ann, None)


async def test_a_used_ticket_says_nothing_of_its_token(bridge: Bridge) -> None:
    token = signed()
    ticket = await ticket_of(bridge, token)
    assert token not in ticket
    with pytest.raises(aiohttp.WSServerHandshakeError):
        async with bridge.connect(f"?ticket={ticket}", headers={"Origin": "https://evil.example"}):
            pass
