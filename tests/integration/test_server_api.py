"""The server HTTP API: keys, bodies, statuses, error modes, several calls in one (docs/protocol.md section 7.1)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from api.config import EdgeConfig, ListenConfig, ServerAPIConfig
from tests.support.api_client import API_KEY, APIClient
from tests.support.local_server import FULL, HOST, edge_config, hub_config
from tests.support.patience import PATIENCE_S
from tests.support.ports import free_port

if TYPE_CHECKING:
    from tests.integration.conftest import Serve
    from tests.support.local_server import LocalServer

METHODS = [
    "publish",
    "broadcast",
    "subscribe",
    "unsubscribe",
    "disconnect",
    "refresh",
    "presence",
    "presence_stats",
    "history",
    "history_remove",
    "channels",
    "info",
    "rpc",
    "batch",
]
RIGHT = {"X-API-Key": API_KEY}


def edge_with(**server_api: Any) -> EdgeConfig:
    return replace(edge_config(), server_api=ServerAPIConfig(**{"key": API_KEY, **server_api}))


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-API-Key": API_KEY}, 200),
        ({"x-api-key": API_KEY}, 200),
        ({"Authorization": f"apikey {API_KEY}"}, 200),
        ({"Authorization": f"ApiKey {API_KEY}"}, 200),
        ({}, 401),
        ({"X-API-Key": ""}, 401),
        ({"X-API-Key": API_KEY[:-1]}, 401),
        ({"X-API-Key": API_KEY + "x"}, 401),
        ({"X-API-Key": API_KEY.upper()}, 401),
        ({"X-API-Key": "schlüssel"}, 401),
        ({"Authorization": API_KEY}, 401),
        ({"Authorization": f"Bearer {API_KEY}"}, 401),
        ({"Authorization": "apikey"}, 401),
        ({"X-API-Key": "wrong", "Authorization": f"apikey {API_KEY}"}, 401),
    ],
)
async def test_key(server: LocalServer, headers: dict[str, str], status: int) -> None:
    answer = await server.api.request("POST", "/api/info", {}, headers)
    assert answer.status == status
    assert (answer.body == b"") is (status == 401), "nothing is told to whom has no key"


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_asks_for_the_key(server: LocalServer, method: str) -> None:
    assert (await server.api.request("POST", f"/api/{method}", {})).status == 401


async def test_key_in_the_url_is_no_key(server: LocalServer) -> None:
    """URLs are kept in logs."""
    assert (await server.api.request("POST", f"/api/info?api_key={API_KEY}", {})).status == 401


async def test_key_is_checked_before_the_body_is_looked_at(server: LocalServer) -> None:
    assert (await server.api.request("POST", "/api/publish", b"not JSON")).status == 401


async def test_without_a_configured_key_nobody_comes_in(serve: Serve) -> None:
    server = await serve(hub_config(), edge_with(key=""))
    for headers in ({}, {"X-API-Key": ""}, RIGHT):
        assert (await server.api.request("POST", "/api/info", {}, headers)).status == 401


async def test_insecure_asks_for_no_key(serve: Serve) -> None:
    server = await serve(hub_config(), edge_with(key="", is_insecure=True))
    assert (await server.api.request("POST", "/api/info", {})).status == 200


# --- requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_other_http_methods_are_405(server: LocalServer, method: str) -> None:
    answer = await server.api.request(method, "/api/publish", {}, RIGHT)
    assert answer.status == 405
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/api/publish", "/api/batch", "/api"])
@pytest.mark.parametrize("split", [False, True], ids=["at once", "late"])
async def test_a_body_whose_compression_is_broken_is_the_callers_fault(
    server: LocalServer, path: str, split: bool, caplog: pytest.LogCaptureFixture
) -> None:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {API_KEY}\r\nContent-Type: application/json\r\n"
        "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n"
    ).encode()
    reader, writer = await asyncio.open_connection(HOST, server.port)
    try:
        async with asyncio.timeout(PATIENCE_S):
            writer.write(head)
            if split:
                await asyncio.sleep(0)
            writer.write(b"abcd")
            answer, _, text = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    assert answer.startswith(b"HTTP/1.1 400 "), "and the connection ends: nobody knows where the next request begins"
    assert text == b"body: cannot be read"
    assert not [record for record in caplog.records if record.levelname == "ERROR"], "it is no fault of ours"


@pytest.mark.parametrize("name", ["unknown", "publish/", "Publish", "map_publish", "shared_poll_publish"])
async def test_unknown_method_is_404(server: LocalServer, name: str) -> None:
    assert (await server.api.post(f"/api/{name}", {})).status == 404


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"not JSON", "malformed"),
        (b"{", "truncated"),
        (b"[]", "array"),
        (b"null", "null"),
        (b'{"channel": 1}', "$.channel"),
        (b'{"channel": "a", "data": 1, "tags": {"k": 1}}', "$.tags"),
        (b'{"channel": "a", "data": 1, "version": -1}', "$.version"),
        (b'{"channel": "a", "data": NaN}', "invalid"),
        (b'{"channel": "\xff", "data": 1}', "UTF-8"),
        (b'{"channel": "a", "data": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", "nested too deeply"),
    ],
)
async def test_unreadable_body_is_400_and_says_why(server: LocalServer, body: bytes, names: str) -> None:
    answer = await server.api.post("/api/publish", body)
    assert answer.status == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert names in answer.body.decode()


async def test_body_over_the_limit_is_413(serve: Serve) -> None:
    server = await serve(hub_config(), edge_with(max_body_bytes=1000))
    assert (await server.api.post("/api/publish", {"channel": "a", "data": "x" * 900})).status == 200
    assert (await server.api.post("/api/publish", {"channel": "a", "data": "x" * 1000})).status == 413


async def test_body_in_chunks_over_the_limit_is_413(serve: Serve) -> None:
    server = await serve(hub_config(), edge_with(max_body_bytes=1000))
    chunk = b"400\r\n" + b" " * 0x400 + b"\r\n"
    head = f"POST /api/info HTTP/1.1\r\nHost: x\r\nX-API-Key: {API_KEY}\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert b" 413 " in await server.api.exchange(head.encode() + chunk + b"0\r\n\r\n")


async def test_body_that_drips_is_408(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.server_api.BODY_DEADLINE_S", 0.1)
    head = f"POST /api/info HTTP/1.1\r\nHost: x\r\nX-API-Key: {API_KEY}\r\nContent-Length: 10\r\n\r\n{{"
    assert b" 408 " in await server.api.exchange(head.encode())


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded"])
async def test_content_type_is_not_looked_at(server: LocalServer, content_type: str) -> None:
    answer = await server.api.post("/api/publish", {"channel": "a", "data": 1}, {"Content-Type": content_type})
    assert answer.json == {"result": {}}


async def test_unknown_fields_are_ignored(server: LocalServer) -> None:
    assert await server.api.call("publish", channel="a", data=1, whatever={"a": [None]}) == {}


async def test_empty_body_is_an_empty_request(server: LocalServer) -> None:
    answer = await server.api.post("/api/info", b"")
    assert len(answer.json["result"]["nodes"]) == 1


async def test_answer_carries_the_security_headers(server: LocalServer) -> None:
    for path in ("/api/info", "/api/unknown", "/nowhere"):
        headers = (await server.api.post(path, {})).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["server"] == "syncline", "no versions"


# --- errors -----------------------------------------------------------------------------------------------------------

FAILURES = [
    pytest.param("publish", {"channel": "nowhere:a", "data": 1}, 102, 404, id="102 unknown channel"),
    pytest.param("rpc", {"method": "nobody"}, 104, 404, id="104 not found"),
    pytest.param("publish", {"data": 1}, 107, 400, id="107 bad request"),
    pytest.param("presence", {"channel": "off:a"}, 108, 400, id="108 not available"),
    pytest.param("history", {"channel": "a", "since": {"offset": 1, "epoch": "x"}}, 112, 416, id="112 unrecoverable"),
]


@pytest.fixture
async def server_with_history(serve: Serve) -> LocalServer:
    return await serve(hub_config(FULL, {"off": replace(FULL, presence=False)}))


@pytest.mark.parametrize(("method", "request_", "code", "status"), FAILURES)
async def test_error_is_http_200_by_default(
    server_with_history: LocalServer, method: str, request_: dict[str, Any], code: int, status: int
) -> None:
    answer = await server_with_history.api.post(f"/api/{method}", request_)
    assert answer.status == 200
    assert answer.json.keys() == {"error"}
    assert answer.json["error"]["code"] == code
    assert answer.json["error"]["message"]


@pytest.mark.parametrize(("method", "request_", "code", "status"), FAILURES)
async def test_error_in_transport_mode_by_header(
    server_with_history: LocalServer, method: str, request_: dict[str, Any], code: int, status: int
) -> None:
    mode = {"X-Centrifugo-Error-Mode": "transport"}
    answer = await server_with_history.api.post(f"/api/{method}", request_, mode)
    assert answer.status == status
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json["code"] == code
    assert answer.json["message"]


async def test_error_in_transport_mode_by_configuration(serve: Serve) -> None:
    server = await serve(hub_config(), edge_with(error_mode="transport"))
    answer = await server.api.post("/api/publish", {"channel": "nowhere:a", "data": 1})
    assert (answer.status, answer.json) == (404, {"code": 102, "message": "unknown channel"})
    assert (await server.api.post("/api/publish", {"channel": "a", "data": 1})).json == {"result": {}}


# --- several ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parallel", [False, True])
async def test_batch_answers_in_order_with_method_keys_and_without_wrapper(serve: Serve, parallel: bool) -> None:
    server = await serve(hub_config(FULL))
    body = {
        "parallel": parallel,
        "commands": [
            {"publish": {"channel": "a", "data": 1}},
            {"publish": {"channel": "nowhere:a", "data": 1}},
            {"unsubscribe": {"user": "42", "channel": "a"}},
            {"presence": {"channel": "a"}},
            {"publish": {"channel": "a", "data": 2}},
            None,
            {},
            {"unknown": {}},
            {"history": {"channel": "b"}},
        ],
    }
    answer = await server.api.post("/api/batch", body)
    assert answer.status == 200
    assert answer.json.keys() == {"replies"}
    first, unknown, unsubscribe, presence, second, null, empty, strange, history = answer.json["replies"]
    assert first["publish"].keys() == {"offset", "epoch"}
    assert unknown == {"error": {"code": 102, "message": "unknown channel"}}
    assert unsubscribe == {"unsubscribe": {}}
    assert presence == {"presence": {"presence": {}}}
    assert {first["publish"]["offset"], second["publish"]["offset"]} == {1, 2}
    assert [reply["error"]["code"] for reply in (null, empty, strange)] == [107, 107, 107]
    assert history["history"]["publications"] == []


async def test_batch_runs_in_order_unless_parallel(serve: Serve) -> None:
    server = await serve(hub_config(FULL))
    client = await server.subscribed("a")
    commands = [{"publish": {"channel": "a", "data": n}} for n in range(300)]
    replies = (await server.api.call("batch", commands=commands))["replies"]
    assert [reply["publish"]["offset"] for reply in replies] == list(range(1, 301))
    assert await client.data("a", 300) == list(range(300))


@pytest.mark.parametrize("body", [b"", b"{}", b'{"commands":[]}'])
async def test_empty_batch(server: LocalServer, body: bytes) -> None:
    assert (await server.api.post("/api/batch", body)).json == {"replies": []}


async def test_batch_of_too_many_commands_is_error_107(server: LocalServer) -> None:
    answer = await server.api.post("/api/batch", {"commands": [{}] * 10_001})
    assert answer.json["error"]["code"] == 107


async def test_batch_with_a_wrong_type_says_where(server: LocalServer) -> None:
    answer = await server.api.post("/api/batch", {"commands": [{}, {"publish": {"channel": 1}}]})
    assert answer.status == 400
    assert "publish.channel" in answer.body.decode()


async def test_legacy_call_takes_and_answers_lines(serve: Serve) -> None:
    server = await serve(hub_config(FULL))
    lines = [
        {"method": "publish", "params": {"channel": "a", "data": 1}},
        {"method": "unknown", "params": {}},
        {"method": "presence", "params": {"channel": "nowhere:a"}},
        {"method": "presence_stats", "params": {"channel": "a"}},
        {"method": "channels"},
    ]
    answer = await server.api.post("/api", "\n".join(map(json.dumps, lines)).encode())
    assert answer.status == 200
    published, *rest = [json.loads(line) for line in answer.body.splitlines()]
    assert published["result"]["offset"] == 1
    assert rest == [
        {"error": {"code": 104, "message": "method not found"}},
        {"error": {"code": 102, "message": "unknown channel"}},
        {"result": {"num_clients": 0, "num_users": 0}},
        {"result": {"channels": {}}},
    ]


@pytest.mark.parametrize("body", [b"", b"hello", b'{"method":1}'])
async def test_legacy_call_that_is_unreadable_is_400(server: LocalServer, body: bytes) -> None:
    assert (await server.api.post("/api", body)).status == 400


# --- where ------------------------------------------------------------------------------------------------------------


async def test_prefix_is_configurable(serve: Serve) -> None:
    server = await serve(hub_config(), edge_with(handler_prefix="/backend"))
    assert (await server.api.post("/backend/publish", {"channel": "a", "data": 1})).json == {"result": {}}
    assert (await server.api.post("/api/publish", {"channel": "a", "data": 1})).status == 404


async def test_disabled_api_is_not_there(serve: Serve) -> None:
    server = await serve(hub_config(), edge_with(is_disabled=True))
    assert (await server.api.post("/api/publish", {"channel": "a", "data": 1})).status == 404


async def test_with_an_internal_port_the_api_answers_only_there(serve: Serve) -> None:
    listen = ListenConfig(address=HOST, port=free_port(), internal_port=free_port())
    server = await serve(hub_config(), replace(edge_with(), listen=listen))
    internal = APIClient(f"http://{HOST}:{listen.internal_port}", API_KEY)
    client = await server.subscribed("a")
    assert (await server.api.post("/api/publish", {"channel": "a", "data": 1})).status == 404
    assert await internal.publish("a", "from inside") == {}
    assert await client.data("a", 1) == ["from inside"]
    assert (await internal.request("GET", "/connection/websocket")).status == 404
