"""The WebSocket itself, byte for byte: handshake, framing, limits, closing (RFC 6455)."""

from __future__ import annotations

import asyncio
import json
import logging
import struct
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import pytest

from tests.support.local_server import HOST, LocalServer, edge_config, hub_config
from tests.support.patience import eventually
from tests.support.wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    WireSocket,
    frame,
    upgrade_request,
    upgraded,
    wire,
)

if TYPE_CHECKING:
    from tests.integration.conftest import Serve

PATH = "/connection/websocket"
CONNECT = b'{"id":1,"connect":{}}'


def opened(server: LocalServer) -> AbstractAsyncContextManager[WireSocket]:
    return upgraded(HOST, server.port)


async def assert_connects(socket: WireSocket) -> None:
    received = await socket.receive()
    assert received.opcode == TEXT
    assert "connect" in json.loads(received.payload)


# --- the handshake ----------------------------------------------------------------------------------------------------


async def answer_to(server: LocalServer, request: bytes) -> tuple[int, dict[str, str]]:
    async with wire(HOST, server.port) as socket:
        await socket.send(request)
        return await socket.response()


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ({}, None),
        ({"Sec-WebSocket-Protocol": "centrifuge-json"}, "centrifuge-json"),
        ({"Sec-WebSocket-Protocol": "centrifuge-protobuf, centrifuge-json"}, "centrifuge-json"),
        ({"Sec-WebSocket-Protocol": ""}, None),
        ({"Sec-WebSocket-Protocol": "something-else"}, None),
    ],
    ids=["none", "json", "one of two", "empty", "unknown"],
)
async def test_subprotocol(server: LocalServer, offered: dict[str, str], chosen: str | None) -> None:
    status, headers = await answer_to(server, upgrade_request(PATH, offered))
    assert status == 101
    assert headers.get("sec-websocket-protocol") == chosen


async def test_subprotocols_offered_are_not_logged(server: LocalServer, caplog: pytest.LogCaptureFixture) -> None:
    """Clients put tokens there."""
    with caplog.at_level(logging.DEBUG):
        await answer_to(server, upgrade_request(PATH, {"Sec-WebSocket-Protocol": "a-secret-token"}))
    assert "a-secret-token" not in caplog.text


async def test_compression_is_declined(server: LocalServer) -> None:
    offer = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
    status, headers = await answer_to(server, upgrade_request(PATH, offer))
    assert status == 101
    assert "sec-websocket-extensions" not in headers


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(upgrade_request(PATH, method="POST"), 405, id="not GET"),
        pytest.param(upgrade_request(PATH, {"Upgrade": "h2c"}), 400, id="another protocol"),
        pytest.param(b"GET " + PATH.encode() + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, id="no upgrade at all"),
        pytest.param(upgrade_request(PATH, {"Sec-WebSocket-Key": "short"}), 400, id="bad key"),
        pytest.param(upgrade_request(PATH, {"Sec-WebSocket-Version": "8"}), 426, id="old version"),
        pytest.param(upgrade_request(f"{PATH}?format=protobuf"), 400, id="encoding not served"),
        pytest.param(upgrade_request(f"{PATH}?cf_protocol=protobuf"), 400, id="encoding not served, other name"),
        pytest.param(upgrade_request(f"{PATH}/other"), 404, id="another path"),
        pytest.param(b"hello\r\n\r\n", 400, id="not HTTP"),
    ],
)
async def test_upgrade_that_is_refused(server: LocalServer, request_: bytes, status: int) -> None:
    assert (await answer_to(server, request_))[0] == status
    await eventually(lambda: not server.server.admission.num_open)


async def test_refusal_of_an_old_version_names_the_right_one(server: LocalServer) -> None:
    _, headers = await answer_to(server, upgrade_request(PATH, {"Sec-WebSocket-Version": "8"}))
    assert headers["sec-websocket-version"] == "13"


async def test_users_header_that_is_not_utf_8_is_400(serve: Serve) -> None:
    server = await serve(hub_config(), edge_config(user_id_http_header="X-User-Id"))
    request = upgrade_request(PATH).removesuffix(b"\r\n") + b"X-User-Id: \xff\r\n\r\n"
    assert (await answer_to(server, request))[0] == 400


async def test_first_frame_may_come_with_the_handshake(server: LocalServer) -> None:
    async with wire(HOST, server.port) as socket:
        await socket.send(upgrade_request(PATH) + frame(TEXT, CONNECT))
        await socket.response()
        await assert_connects(socket)


@pytest.mark.parametrize("said", [b"", b"GET", upgrade_request(PATH), upgrade_request(PATH) + frame(TEXT, CONNECT)])
async def test_client_that_leaves_in_mid_handshake_leaves_nothing_behind(server: LocalServer, said: bytes) -> None:
    for _ in range(20):
        async with wire(HOST, server.port) as socket:
            await socket.send(said)
    await server.forgotten()
    await server.connected()


async def test_prefix_of_the_endpoint_is_configurable(serve: Serve) -> None:
    server = await serve(hub_config(), edge_config(handler_prefix="/live"))
    assert (await answer_to(server, upgrade_request("/live")))[0] == 101
    assert (await answer_to(server, upgrade_request(PATH)))[0] == 404


async def test_disabled_endpoint_is_not_there(serve: Serve) -> None:
    server = await serve(hub_config(), edge_config(is_disabled=True))
    assert (await answer_to(server, upgrade_request(PATH)))[0] == 404


# --- frames -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        pytest.param(frame(TEXT, CONNECT, is_masked=False), 1002, id="not masked"),
        pytest.param(frame(TEXT, CONNECT) + frame(TEXT, b"{}", is_masked=False), 1002, id="second one not masked"),
        pytest.param(
            frame(TEXT, CONNECT[:5], is_final=False) + frame(CONTINUATION, CONNECT[5:], is_masked=False),
            1002,
            id="second fragment not masked",
        ),
        pytest.param(frame(PING, b"", is_masked=False), 1002, id="ping not masked"),
        pytest.param(frame(TEXT, CONNECT, reserved_bits=0b100), 1002, id="compressed, which was not agreed on"),
        pytest.param(frame(TEXT, CONNECT, reserved_bits=0b001), 1002, id="reserved bit"),
        pytest.param(frame(0x3, b""), 1002, id="reserved opcode"),
        pytest.param(frame(0xB, b""), 1002, id="reserved control opcode"),
        pytest.param(frame(CONTINUATION, b"x"), 1002, id="continuation of nothing"),
        pytest.param(frame(TEXT, b"a", is_final=False) + frame(TEXT, b"b"), 1002, id="text inside a fragmented text"),
        pytest.param(frame(PING, b"x", is_final=False), 1002, id="fragmented ping"),
        pytest.param(frame(PING, b"x" * 126), 1002, id="ping of 126 bytes"),
        pytest.param(frame(TEXT, b"", declared_length=65_537), 1009, id="declared one byte too long"),
        pytest.param(frame(TEXT, b"", declared_length=2**62), 1009, id="declared far too long"),
        pytest.param(frame(BINARY, b"", declared_length=65_537), 1009, id="binary, too long"),
        pytest.param(
            frame(TEXT, b"x" * 40_000, is_final=False) + frame(CONTINUATION, b"x" * 40_000), 1009, id="too long in all"
        ),
    ],
)
async def test_framing_error(server: LocalServer, frames: bytes, code: int) -> None:
    async with opened(server) as socket:
        await socket.send(frames)
        assert (await socket.closing()).close_code == code
    await server.forgotten()


async def test_length_with_its_highest_bit_set(server: LocalServer) -> None:
    """RFC 6455 section 5.2 forbids it; whether that is 1002 or 1009 it leaves open."""
    async with opened(server) as socket:
        await socket.send(frame(TEXT, b"", declared_length=2**63 + 5))
        assert (await socket.closing()).close_code in {1002, 1009}


async def test_text_that_is_not_utf_8_is_1007(server: LocalServer) -> None:
    async with opened(server) as socket:
        await socket.send(frame(TEXT, CONNECT), frame(TEXT, b'{"id":2,"rpc":{"method":"\xff"}}'))
        assert (await socket.closing()).close_code == 1007


async def test_message_in_fragments_with_a_ping_between_them(server: LocalServer) -> None:
    async with opened(server) as socket:
        await socket.send(
            frame(TEXT, CONNECT[:4], is_final=False),
            frame(CONTINUATION, CONNECT[4:9], is_final=False),
            frame(PING, b"now"),
            frame(CONTINUATION, CONNECT[9:]),
        )
        assert await socket.receive() == (PONG, b"now")
        await assert_connects(socket)


async def test_frame_that_comes_byte_by_byte(server: LocalServer) -> None:
    async with opened(server) as socket:
        await socket.send(*(bytes([byte]) for byte in frame(TEXT, CONNECT)))
        await assert_connects(socket)


async def test_frames_of_every_length_encoding(server: LocalServer) -> None:
    async with opened(server) as socket:
        await socket.send(frame(TEXT, CONNECT))
        await assert_connects(socket)
        for size in (125, 126, 127, 65_535, 65_536):
            command = b'{"id":2,"rpc":{"method":"' + b"x" * (size - 28) + b'"}}'
            assert len(command) == size
            await socket.send(frame(TEXT, command))
            assert (await socket.receive()).payload.startswith(b'{"id":2,"error"')


async def test_reply_of_more_than_64_kib(serve: Serve) -> None:
    server = await serve(hub_config())
    client = await server.subscribed("news", "sport")
    await server.api.publish("news", "x" * 200_000)
    await server.api.publish("sport", "y")
    assert len((await client.push("pub", "news"))["data"]) == 200_000
    await client.push("pub", "sport")


async def test_pong_nobody_asked_for_is_fine_on_this_layer(server: LocalServer) -> None:
    async with opened(server) as socket:
        await socket.send(frame(PONG, b"hello"), frame(TEXT, CONNECT))
        await assert_connects(socket)


# --- the end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 3999, 4000, 4999])
async def test_clients_close_is_answered_with_its_code(server: LocalServer, code: int) -> None:
    async with opened(server) as socket:
        await socket.send(frame(TEXT, CONNECT))
        await assert_connects(socket)
        await socket.send(frame(CLOSE, struct.pack("!H", code) + b"bye"))
        assert (await socket.closing()).close_code == code
    await server.forgotten()


async def test_close_without_a_code_is_answered(server: LocalServer) -> None:
    async with opened(server) as socket:
        await socket.send(frame(CLOSE))
        await socket.closing()
    await server.forgotten()


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999])
async def test_close_with_a_code_that_may_not_travel_is_1002(server: LocalServer, code: int) -> None:
    async with opened(server) as socket:
        await socket.send(frame(CLOSE, struct.pack("!H", code)))
        assert (await socket.closing()).close_code == 1002


@pytest.mark.parametrize("code", [5000, 65535])
async def test_close_with_a_code_nobody_has_defined_is_answered(server: LocalServer, code: int) -> None:
    async with opened(server) as socket:
        await socket.send(frame(CLOSE, struct.pack("!H", code)))
        assert (await socket.closing()).close_code in {1002, code}


@pytest.mark.parametrize("payload", [b"\x03", struct.pack("!H", 1000) + b"\xff"], ids=["one byte", "not UTF-8"])
async def test_malformed_close(server: LocalServer, payload: bytes) -> None:
    async with opened(server) as socket:
        await socket.send(frame(CLOSE, payload))
        assert (await socket.closing()).close_code in {1002, 1007}


async def test_nothing_is_sent_behind_the_close_frame(server: LocalServer) -> None:
    async with opened(server) as socket:
        await socket.send(frame(TEXT, CONNECT), frame(TEXT, b'{"id":2,"subscribe":{"channel":"news"}}'))
        while b"subscribe" not in (await socket.receive()).payload:
            pass
        publishing = [asyncio.create_task(server.api.publish("news", n)) for n in range(20)]
        await socket.send(frame(TEXT, b"not JSON"))
        assert (await socket.closing()).close_code == 3501  # closing() fails on any byte behind it
        await asyncio.gather(*publishing)


async def test_server_ends_the_connection_when_its_close_is_answered(server: LocalServer) -> None:
    async with opened(server) as socket:
        await socket.send(frame(TEXT, b"not JSON"))
        assert (await socket.closing()).close_code == 3501
    await server.forgotten()


async def test_server_does_not_wait_for_ever_for_an_answer_to_its_close(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.connection.CLOSING_DEADLINE_S", 0.2)
    async with opened(server) as socket:
        await socket.send(frame(TEXT, b"not JSON"))
        await socket.goodbye()
        await socket.ended()
    await server.forgotten()


async def test_half_closed_connection_is_ended(server: LocalServer) -> None:
    reader, writer = await asyncio.open_connection(HOST, server.port)
    try:
        writer.write(upgrade_request(PATH) + frame(TEXT, CONNECT))
        writer.write_eof()
        await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
    await server.forgotten()
