"""The server HTTP API and bodies that are wrong in more than one way, slow, or long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from hub.errors import EngineUnavailable
from hub.payload import clean_payload
from tests.support.api_client import API_KEY
from tests.support.local_server import HOST, LocalServer, hub_config, local_server
from tests.support.patience import PATIENCE_S

HALF = rb"\ud83d"


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    async with local_server(hub_config()) as started:
        yield started


async def post(server: LocalServer, path: str, body: bytes) -> tuple[int, Any]:
    answer = await server.api.post(path, body)
    return answer.status, answer.json if answer.status == 200 else answer.body.decode()


# --- half an emoji --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/publish", b'{"channel":"news","data":"' + HALF + b'"}'),
        ("/api/batch", b'{"commands":[{"publish":{"channel":"news","data":"' + HALF + b'"}}]}'),
        ("/api", b'{"method":"publish","params":{"channel":"news","data":"' + HALF + b'"}}'),
        ("/api/broadcast", b'{"channels":["news","' + HALF + b'"],"data":"' + HALF + b'"}'),
    ],
)
async def test_half_a_surrogate_pair_reaches_subscribers_as_a_replacement_character(
    server: LocalServer, path: str, body: bytes
) -> None:
    client = await server.subscribed("news")
    status, _ = await post(server, path, body)
    assert status == 200
    assert await client.data("news", 1) == ["\ufffd"]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b'{"data":"' + HALF + b'","channel":5}', "$.channel"),
        (b'{"channel":5,"data":"' + HALF + b'"}', "$.channel"),
        (b'{"channel":"news","data":"' + HALF + b'"', "truncated"),
        (b'{"channel":"news","data":"' + HALF + b'","x":"\xff"}', "UTF-8"),
        (b'{"channel":"news","data":"' + HALF + b'","x":' + b"[" * 50_000 + b"]" * 50_000 + b"}", "deep"),
    ],
    ids=["wrong type behind", "wrong type before", "cut", "not UTF-8", "nested too deeply"],
)
async def test_half_a_surrogate_pair_does_not_hide_what_else_is_wrong(
    server: LocalServer, body: bytes, names: str
) -> None:
    status, text = await post(server, "/api/publish", body)
    assert (status, names in text) == (400, True), text
    assert server.hub.counters.publications == 0


# --- legacy lines ---------------------------------------------------------------------------------------------------


async def test_bad_params_of_one_line_are_error_107_there_and_the_other_lines_stand(server: LocalServer) -> None:
    lines = [
        b'{"method":"publish","params":{"channel":"news","data":1}}',
        b'{"method":"publish","params":{"channel":5,"data":2}}',
        b'{"method":"publish","params":[]}',
        b'{"method":"nonsense","params":{}}',
        b'{"method":"publish","params":{"channel":"news","data":3}}',
    ]
    client = await server.subscribed("news")
    answer = await server.api.post("/api", b"\n".join(lines))
    answers = [msgspec.json.decode(line) for line in answer.body.split(b"\n")]
    assert [entry.get("error", {}).get("code", 0) for entry in answers] == [0, 107, 107, 104, 0]
    assert await client.data("news", 2) == [1, 3]


# --- an engine that fails for some ----------------------------------------------------------------------------------


async def test_a_broadcast_goes_on_where_the_engine_failed_for_one_channel(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = server.engine.publish

    async def failing(channel: str, *rest: Any) -> Any:
        if channel == "second":
            raise EngineUnavailable
        return await publish(channel, *rest)

    monkeypatch.setattr(server.engine, "publish", failing)
    client = await server.subscribed("first", "third")
    result = await server.api.call("broadcast", channels=["first", "second", "third"], data=1)
    assert [response.get("error", {}).get("code", 0) for response in result["responses"]] == [0, 100, 0]
    assert await client.data("first", 1) == await client.data("third", 1) == [1]


# --- limits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("publish", {"channel": "news", "data": 1, "idempotency_key": "x" * 256}),
        ("broadcast", {"channels": ["news"], "data": 1, "idempotency_key": "x" * 256}),
        ("channels", {"pattern": "x" * 256}),
        ("subscribe", {"user": "42", "channel": "news", "expire_at": 1}),
        ("disconnect", {"user": "42", "disconnect": {"code": 3000, "reason": "x"}}),
        ("disconnect", {"user": "42", "disconnect": {"code": 5000, "reason": "x"}}),
        ("disconnect", {"user": "42", "disconnect": {"code": 2**32 - 1, "reason": "x"}}),
        ("disconnect", {"user": "42", "disconnect": {"code": 1000, "reason": "x"}}),
    ],
)
async def test_what_is_out_of_bounds_is_error_107(server: LocalServer, method: str, request_: dict[str, Any]) -> None:
    client = await server.connected("42")
    answer = await server.api.post(f"/api/{method}", request_)
    assert (answer.status, answer.json["error"]["code"]) == (200, 107)
    await client.settled()


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("publish", {"channel": "news", "data": 1, "idempotency_key": "x" * 255}),
        ("channels", {"pattern": "x" * 255}),
        ("channels", {"pattern": "*a" * 100}),
        ("disconnect", {"user": "nobody", "disconnect": {"code": 3001, "reason": "x"}}),
        ("disconnect", {"user": "nobody", "disconnect": {"code": 4999, "reason": "x"}}),
        ("disconnect", {"user": "42", "whitelist": ["x"] * 3, "client": "nobody"}),
    ],
)
async def test_what_is_just_within_bounds_is_done(server: LocalServer, method: str, request_: dict[str, Any]) -> None:
    await server.subscribed("a" * 200)
    await server.api.call(method, **request_)


@pytest.mark.parametrize("method", ["subscribe", "refresh"])
@pytest.mark.parametrize("expire_at", [2**63, 2**64, 10**400, -1, 1.5])
async def test_a_time_that_no_clock_shows_is_400(server: LocalServer, method: str, expire_at: float) -> None:
    await server.connected("42")
    body = {"user": "42", "channel": "news", "expire_at": expire_at}
    assert (await server.api.post(f"/api/{method}", body)).status == 400


@pytest.mark.parametrize("method", ["subscribe", "refresh"])
async def test_the_last_time_a_clock_shows_is_told_as_a_year(server: LocalServer, method: str) -> None:
    client = await server.connected("42")
    await server.api.call(method, user="42", channel="news", expire_at=2**63 - 1)
    if method == "refresh":
        assert await client.push("refresh") == {"expires": True, "ttl": 365 * 24 * 3600}
    await client.settled()


async def test_a_body_that_drips_is_408(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.server_api.BODY_DEADLINE_S", 0.05)
    reader, writer = await asyncio.open_connection(HOST, server.port)
    try:
        head = f"POST /api/publish HTTP/1.1\r\nHost: x\r\nX-API-Key: {API_KEY}\r\nContent-Length: 1000\r\n\r\n"
        writer.write(head.encode() + b"{")
        async with asyncio.timeout(PATIENCE_S):
            assert (await reader.readuntil(b"\r\n")).split()[1] == b"408"
    finally:
        writer.close()
        await writer.wait_closed()
    assert server.hub.counters.publications == 0


# --- work is shared out ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/broadcast", {"channels": [f"c{n}" for n in range(100)], "data": 1}),
        ("/api/batch", {"commands": [{"publish": {"channel": "a", "data": n}} for n in range(100)]}),
        ("/api", {"method": "publish", "params": {"channel": "a", "data": 1}}),
        ("/api/channels", {}),
        ("/api/disconnect", {"user": "42", "whitelist": []}),
    ],
    ids=["broadcast", "batch", "legacy", "channels", "disconnect"],
)
async def test_other_work_runs_while_much_is_done(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, Any]
) -> None:
    """At least once per slice the loop gets a step."""
    await server.subscribed(*(f"c{n}" for n in range(100)))
    lines = msgspec.json.encode(body) if path != "/api" else b"\n".join([msgspec.json.encode(body)] * 100)
    users = [await server.connected("42") for _ in range(10)] if path == "/api/disconnect" else []
    names = ("api.server_api_methods.PER_SLICE", "api.server_api.COMMANDS_PER_SLICE", "hub.census.PER_SLICE")
    slices = dict.fromkeys(names, 5)
    for name, size in (slices | {"hub.control.CONNECTIONS_PER_SLICE": 1}).items():
        monkeypatch.setattr(name, size)
    sleeps = 0
    real = asyncio.sleep

    async def counted(delay: float) -> None:
        nonlocal sleeps
        sleeps += not delay
        await real(delay)

    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "sleep", counted)
        assert (await server.api.post(path, lines)).status == 200
    assert sleeps >= (10 if users else 20)


async def test_a_broadcast_checks_its_payload_once(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[bytes] = []

    def watched(data: bytes) -> msgspec.Raw:
        checked.append(data)
        return clean_payload(data)

    for module in ("api.server_api_methods", "hub.publishing"):
        monkeypatch.setattr(f"{module}.clean_payload", watched)
    await server.api.call("broadcast", channels=[f"c{n}" for n in range(50)], data={"a": [1]})
    assert checked == [b'{"a": [1]}']


async def test_a_whitelist_is_looked_up_in_and_not_gone_through(server: LocalServer) -> None:
    staying, leaving = await server.connected("42"), await server.connected("42")
    client_id = staying.messages[0]["connect"]["client"]
    whitelist = [client_id, *(f"id-{n}" for n in range(1_000))]
    await server.api.call("disconnect", user="42", whitelist=whitelist)
    assert (await leaving.closing()).code == 3503
    await staying.settled()
