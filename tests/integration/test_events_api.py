"""`POST /v1/events`: CloudEvents over HTTP reach the clients of their channels, or a document says why not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from api.config import EdgeConfig, EventsConfig, ListenConfig, ServerAPIConfig
from hub.engine import HistoryQuery
from hub.errors import EngineUnavailable
from hub.relay.config import RouteConfig, RoutingConfig
from tests.support.api_client import API_KEY
from tests.support.local_server import FULL, HOST, edge_config, hub_config
from tests.support.ports import free_port

if TYPE_CHECKING:
    from tests.integration.conftest import Serve
    from tests.support.api_client import Answer
    from tests.support.local_server import LocalServer

PATH = "/v1/events"
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
BATCH = {"Content-Type": "application/cloudevents-batch+json; charset=UTF-8"}
ROUTING = RoutingConfig(
    routes=(
        RouteConfig(channels=("payments:#{data.customer_id}",), when={"type": ("payment.*",)}),
        RouteConfig(channels=("news",), when={"type": ("news",)}),
        RouteConfig(channels=("{data.to}",), unless={"type": ("*",)}),
    ),
    max_message_bytes=2_000,
)


async def served(serve: Serve, routing: RoutingConfig = ROUTING, edge: EdgeConfig | None = None) -> LocalServer:
    payments = replace(FULL, allow_user_limited_channels=True)
    return await serve(hub_config(FULL, {"payments": payments}), edge, None, routing)


def event(data: Any = None, **attributes: Any) -> dict[str, Any]:
    data = {"customer_id": 42} if data is None else data
    return {"specversion": "1.0", "id": "e1", "source": "/shop", "type": "payment.paid", "data": data, **attributes}


async def published(server: LocalServer, channel: str) -> list[Any]:
    history = await server.engine.history(channel, HistoryQuery(limit=-1))
    return [json.loads(bytes(publication.data)) for publication in history.publications]  # type: ignore[arg-type]  # it has data


def said(answer: Answer) -> tuple[int, str, str]:
    """Status, code and field of a problem document."""
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status, answer.json["code"], answer.json.get("field", "")


@pytest.mark.parametrize("write", [to_structured, to_binary])
async def test_an_event_of_the_sdk_reaches_the_clients_of_its_channel(serve: Serve, write: Any) -> None:
    server = await served(serve)
    client = await server.subscribed("payments:#42", user="42")
    attributes = {
        "id": "ü 1",
        "source": "/shop",
        "type": "payment.paid",
        "specversion": "1.0",
        "traceparent": "00-1-2-01",
    }
    message = write(
        CloudEvent({**attributes, "datacontenttype": "application/json"}, {"customer_id": 42}), JSONFormat()
    )
    answer = await server.api.post(PATH, message.body, message.headers)
    assert (answer.status, answer.json) == (200, {"accepted": 1})
    publication = await client.push("pub")
    assert publication["data"] == {"customer_id": 42}
    assert publication["tags"] == {"id": "ü 1", "type": "payment.paid", "traceparent": "00-1-2-01"}


async def test_an_event_that_comes_again_is_published_once(serve: Serve) -> None:
    server = await served(serve)
    for _ in range(2):
        assert (await server.api.post(PATH, event(), STRUCTURED)).json == {"accepted": 1}
    assert await published(server, "payments:#42") == [{"customer_id": 42}]


async def test_plain_json_goes_where_the_routes_say(serve: Serve) -> None:
    server = await served(serve)
    answer = await server.api.post(PATH, {"to": "news", "text": "hello"})
    assert answer.json == {"accepted": 1}
    assert await published(server, "news") == [{"to": "news", "text": "hello"}]


async def test_a_batch_is_published_in_order_and_each_is_answered_for(serve: Serve) -> None:
    server = await served(serve)
    numbers = [event({"n": n}, type="news", id=str(n)) for n in range(5)]
    assert (await server.api.post(PATH, numbers, BATCH)).json == {"accepted": 5, "rejected": []}
    assert await published(server, "news") == [{"n": n} for n in range(5)]


async def test_what_is_wrong_in_a_batch_keeps_no_other_from_it(serve: Serve) -> None:
    server = await served(serve)
    batch = [event({"n": 1}, type="news"), event({}), 1, event(type="unheard"), event({"n": 2}, type="news", id="e2")]
    answer = await server.api.post(PATH, batch, BATCH)
    assert answer.status == 207
    assert answer.json["accepted"] == 2
    assert [(one["index"], one["code"], one.get("field")) for one in answer.json["rejected"]] == [
        (1, "bad_channel", "data.customer_id"),
        (2, "malformed", None),
        (3, "no_route", None),
    ]
    assert await published(server, "news") == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (event({}), STRUCTURED, (422, "bad_channel", "data.customer_id")),
        (event({"customer_id": "1,2"}), STRUCTURED, (422, "bad_channel", "data.customer_id")),
        (event(type="unheard"), STRUCTURED, (422, "no_route", "")),
        (event(specversion="0.3"), STRUCTURED, (400, "unknown_version", "specversion")),
        (event(id=""), STRUCTURED, (400, "malformed", "id")),
        (event(data_base64="AA=="), STRUCTURED, (422, "refused", "data_base64")),
        (event("x" * 2_000), STRUCTURED, (413, "oversize", "")),
        (b"{", STRUCTURED, (400, "malformed", "")),
        (b"{", BATCH, (400, "malformed", "")),
        ([event()] * 4, BATCH, (413, "oversize", "")),
        (b"", {"Content-Type": "application/json"}, (400, "malformed", "")),
        (b"x" * 20_001, STRUCTURED, (413, "too_large", "")),
        (b"<a/>", {"Content-Type": "text/xml", "ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t"},
         (422, "refused", "datacontenttype")),
    ],
)  # fmt: skip
async def test_what_cannot_be_taken_is_a_document_that_names_the_field(
    serve: Serve, body: Any, headers: dict[str, str], expected: tuple[int, str, str]
) -> None:
    api = ServerAPIConfig(key=API_KEY, max_body_bytes=20_000)
    server = await served(serve, edge=replace(edge_config(), server_api=api, events=EventsConfig(max_batch=3)))
    assert said(await server.api.post(PATH, body, headers)) == expected
    assert not server.hub.counters.publications


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "wrong"}, {"Authorization": "Bearer x"}])
async def test_the_key_of_the_server_api_is_needed(serve: Serve, headers: dict[str, str]) -> None:
    server = await served(serve)
    answer = await server.api.request("POST", PATH, event(), {**STRUCTURED, **headers})
    assert said(answer) == (401, "unauthorized", "")


async def test_an_engine_without_answer_says_when_to_try_again(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await served(serve)

    async def fail(*_: object) -> None:
        raise EngineUnavailable("down")

    monkeypatch.setattr(server.engine, "publish_many", fail)
    answer = await server.api.post(PATH, event(), STRUCTURED)
    assert said(answer) == (503, "unavailable", "")
    assert answer.headers["retry-after"] == "1"


async def test_it_answers_on_the_internal_port_only_where_there_is_one(serve: Serve) -> None:
    listen = ListenConfig(address=HOST, port=free_port(), internal_port=free_port())
    server = await served(serve, edge=replace(edge_config(), listen=listen))
    assert (await server.api.post(PATH, event(), STRUCTURED)).status == 404


async def test_without_routes_there_is_no_endpoint(serve: Serve) -> None:
    server = await serve()
    assert (await server.api.post(PATH, event(), STRUCTURED)).status == 404


async def test_header_bytes_that_are_no_text_harm_nobody(serve: Serve) -> None:
    server = await served(serve)
    body = json.dumps({"to": "news"}).encode()
    head = await server.api.exchange(
        b"POST /v1/events HTTP/1.1\r\nHost: x\r\nX-API-Key: " + API_KEY.encode()
        + b"\r\nTraceparent: \xff\xfe\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    )  # fmt: skip
    assert b" 200 " in head
    assert await published(server, "news") == [{"to": "news"}]
