"""A browser that comes back to its session."""

import grpc

import cedar_voice.v1 as pb
from tests.support.bridge import Bridge, bridging
from tests.support.scripted_service import Conversation, ScriptedService, ready, serving


class Registry:
    """Sessions by name, as the service keeps them: resumable by token, one holder of a name."""

    def __init__(self) -> None:
        self.opened: list[pb.SessionConfig] = []
        self.names: set[str] = set()

    async def talk(self, talk: Conversation) -> None:
        """The script of one stream."""
        request = await talk.hear()
        assert request is not None
        config = request.config
        self.opened.append(config)
        token = config.resume.resume_token
        if config.HasField("resume") and token.removeprefix("of ") not in self.names:
            error = pb.Error(code=pb.ERROR_CODE_SESSION_NOT_FOUND, message="gone")
            await talk.fail(grpc.StatusCode.NOT_FOUND, error)
        if config.session_id in self.names:
            error = pb.Error(code=pb.ERROR_CODE_SESSION_ID_IN_USE, message="held")
            await talk.fail(grpc.StatusCode.ALREADY_EXISTS, error)
        name = token.removeprefix("of ") or config.session_id or "unnamed"
        self.names.add(name)
        ready = pb.SessionReady(session_id=name, resume_token=f"of {name}", resumed=bool(token))
        await talk.say(is_numbered=False, ready=ready)
        for text in ("one", "two"):
            await talk.say(transcription=pb.Transcription(text=text))
        while await talk.hear() is not None:
            pass


async def opened(bridge: Bridge, query: str = "?sessionId=mine") -> dict[str, object]:
    """The `ready` of a socket that hears a little and leaves."""
    async with bridge.connect(query) as socket:
        ready = await socket.hear_until("ready")
        for _ in range(2):
            await socket.hear_until("transcription_partial")
    return ready


async def test_a_browser_that_comes_back_gets_its_session() -> None:
    registry = Registry()
    async with serving(ScriptedService(registry.talk)) as address, bridging(address) as bridge:
        assert not (await opened(bridge))["resumed"]
        assert (await opened(bridge))["resumed"]
    resume = registry.opened[1].resume
    assert (resume.resume_token, resume.last_received_sequence) == ("of mine", 2)


async def test_a_browser_that_leaves_before_it_is_told_all_is_told_again() -> None:
    opened: list[pb.SessionConfig] = []
    completed = pb.ResponseCompleted(text="Done.", finish_reason=pb.FINISH_REASON_STOP)

    async def answer_without_sound(talk: Conversation) -> None:
        request = await talk.hear()
        assert request is not None
        opened.append(request.config)
        await talk.say(is_numbered=False, ready=ready(request.config))
        started = pb.ResponseStarted(user_text="do it")
        await talk.say(response=pb.ResponseEvent(response_id=1, started=started))
        await talk.say(response=pb.ResponseEvent(response_id=1, completed=completed))
        await talk.say(speech=pb.SpeechActivity(event=pb.SPEECH_EVENT_STARTED))
        while await talk.hear() is not None:
            pass

    service = ScriptedService(answer_without_sound)
    async with serving(service) as address, bridging(address) as bridge:
        async with bridge.connect("?sessionId=mine") as socket:
            await socket.hear_until("speech")
        assert "response_complete" not in socket.kinds
        async with bridge.connect("?sessionId=mine") as socket:
            await socket.hear_until("ready")
    assert opened[1].resume.last_received_sequence == 1


async def test_a_session_that_has_gone_begins_anew() -> None:
    registry = Registry()
    async with serving(ScriptedService(registry.talk)) as address, bridging(address) as bridge:
        await opened(bridge)
        registry.names.clear()
        ready = await opened(bridge)
    assert (ready["sessionId"], ready["resumed"]) == ("mine", False)


async def test_a_name_that_somebody_else_holds_is_not_refused() -> None:
    registry = Registry()
    registry.names.add("mine")
    async with serving(ScriptedService(registry.talk)) as address, bridging(address) as bridge:
        ready = await opened(bridge)
        assert (ready["sessionId"], ready["resumed"]) == ("unnamed", False)
        assert (await opened(bridge))["resumed"]


async def test_a_session_belongs_to_its_token() -> None:
    registry = Registry()
    async with serving(ScriptedService(registry.talk)) as address, bridging(address) as bridge:
        await opened(bridge, "?sessionId=mine&token=one")
        ready = await opened(bridge, "?sessionId=mine&token=two")
    assert (ready["sessionId"], ready["resumed"]) == ("unnamed", False)
