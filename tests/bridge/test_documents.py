"""The served documents say what the bridge really sends, and nothing that it does not know."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from cedar_voice_bridge.app import build
from cedar_voice_bridge.dialects.registry import DIALECTS
from cedar_voice_bridge.docs.asyncapi import asyncapi
from cedar_voice_bridge.docs.openapi import openapi
from cedar_voice_bridge.settings import BridgeSettings
from cedar_voice_client import VoiceClient
from tests.support.bridge import bridging
from tests.support.cedar_clients import installed
from tests.support.http_clients import VOICE, event_source, form, post, sent_by_cedar_os, streamed
from tests.support.scripted_service import ScriptedService, serving

GOLDEN = Path(__file__).parent / "dialects" / "golden"
BASES = BridgeSettings().base_paths
ASYNCAPI = asyncapi(BASES, DIALECTS)
OPENAPI = openapi(BASES, DIALECTS)


def references(node: Any) -> Iterator[str]:
    """Every `$ref` in a document."""
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == "$ref")
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolved(document: dict[str, Any], reference: str) -> Any:
    """What a reference leads to."""
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def messages(channel: str, action: str) -> dict[str, dict[str, Any]]:
    """The schemas of a channel's messages in one direction, by their type."""
    schemas = {}
    for message in ASYNCAPI["operations"][f"{channel}_{action}"]["messages"]:
        payload = resolved(ASYNCAPI, message["$ref"])["payload"]
        schema = resolved(ASYNCAPI, payload["$ref"])
        (kind,) = schema["properties"]["type"]["enum"]
        schemas[kind] = {**schema, "components": ASYNCAPI["components"]}
    return schemas


def check(frame: dict[str, Any], schemas: dict[str, dict[str, Any]]) -> None:
    """A frame is of a known type, fits its schema, and has no field beyond it."""
    schema = schemas[frame["type"]]
    Draft202012Validator(schema).validate(frame)
    assert set(frame) <= set(schema["properties"])


def events(name: str) -> dict[str, dict[str, Any]]:
    """The schemas of a group of server-sent events, by their type."""
    schemas = {}
    for member in OPENAPI["components"]["schemas"][name]["oneOf"]:
        schema = resolved(OPENAPI, member["$ref"])
        (kind,) = schema["properties"]["type"]["enum"]
        schemas[kind] = {**schema, "components": OPENAPI["components"]}
    return schemas


@pytest.mark.parametrize("document", [ASYNCAPI, OPENAPI], ids=["asyncapi", "openapi"])
def test_every_reference_leads_to_a_schema(document: dict[str, Any]) -> None:
    found = set(references(document))
    assert found
    for reference in found:
        assert isinstance(resolved(document, reference), dict)
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


async def test_the_documents_name_the_routes_that_there_are() -> None:
    async with VoiceClient("127.0.0.1:1") as client:
        app = build(BridgeSettings(), client)
    served = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.resource.canonical.startswith("/api")
    }
    named = {
        (method.upper(), path) for path, item in OPENAPI["paths"].items() for method in item
    } | {("GET", channel["address"]) for channel in ASYNCAPI["channels"].values()}
    probes = {("GET", "/"), ("GET", "/healthz"), ("GET", "/readyz")}
    assert {route for route in served if route[0] in ("GET", "POST")} == named - probes


@pytest.mark.parametrize(
    ("folder", "channel"), [("", "api_voice_ws"), ("streaming", "root")], ids=["cedar", "streaming"]
)
def test_every_recorded_frame_fits(folder: str, channel: str) -> None:
    up, down = messages(channel, "receive"), messages(channel, "send")
    for path in (GOLDEN / folder).glob("*.jsonl"):
        for text in path.read_text().splitlines():
            line = json.loads(text)
            for frame in line.get("frames", []):
                check(frame, down)
            if "requests" in line:
                sent = line["browser"]
                Draft202012Validator(up[sent["type"]]).validate(sent)


def test_every_recorded_event_of_cedar_os_fits() -> None:
    schemas = events("CedarOsEvent")
    for path in (GOLDEN / "cedar_os").glob("*.jsonl"):
        for text in path.read_text().splitlines():
            for frame in json.loads(text)["frames"]:
                check(frame, schemas)


async def test_every_live_frame_and_body_fits() -> None:
    async with serving(ScriptedService()) as address, bridging(address) as bridge:
        async with bridge.connect() as socket:
            await socket.say(type="text", text="hello")
            await socket.hear_until("turn_metrics")
        async with (
            bridge.connect("?sessionId=live", path="/") as root,
            event_source(bridge, "live") as source,
        ):
            await root.say(type="text", text="hello")
            await root.hear_until("complete")
            await source.until("complete")
        async with streamed(bridge, sent_by_cedar_os(b"webm")) as stream:
            while await stream.next() is not None:
                pass
        _, answer = await post(bridge, VOICE, sent_by_cedar_os(b"webm"))
        _, refusal = await post(bridge, VOICE, form(settings="{}"))
    for frame in socket.heard:
        check(frame, messages("api_voice_ws", "send"))
    for frame in root.heard:
        check(frame, messages("root", "send"))
    for frame in source.heard:
        check(frame, events("StreamedEvent"))
    assert stream.heard
    for frame in stream.heard:
        check(frame, events("CedarOsEvent"))
    for body, name in ((answer, "Answer"), (refusal, "Refused")):
        schema = OPENAPI["components"]["schemas"][name]
        Draft202012Validator({**schema, "components": OPENAPI["components"]}).validate(body)


def test_the_http_document_is_openapi() -> None:
    OpenAPIV31SpecValidator(OPENAPI).validate()


def test_the_socket_document_is_asyncapi() -> None:
    schemas = installed("@asyncapi/specs") / "schemas"
    schema = json.loads((schemas / f"{ASYNCAPI['asyncapi']}.json").read_text())
    Draft7Validator(schema).validate(ASYNCAPI)


async def test_the_documents_are_served() -> None:
    async with bridging("127.0.0.1:1") as bridge:
        for name, document in (("openapi", OPENAPI), ("asyncapi", ASYNCAPI)):
            async with bridge.http.get(f"{bridge.url}/{name}.json") as answer:
                assert await answer.json() == document
