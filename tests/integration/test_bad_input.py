"""Wrong input of every kind gets the protocol's own answer, and harms nobody but its sender."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.local_server import hub_config
from tests.support.raw_client import Close

if TYPE_CHECKING:
    from tests.integration.conftest import Serve
    from tests.support.local_server import LocalServer

BAD_REQUEST = Close(3501, "bad request")

DEEP = "[" * 5_000 + "]" * 5_000
VERY_DEEP = '{"a":' * 10_000 + "1" + "}" * 10_000


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param("", id="empty frame"),
        pytest.param("\n", id="newline only"),
        pytest.param("   ", id="blanks only"),
        pytest.param("hello", id="not JSON"),
        pytest.param('{"id":1,"rpc":{"method":"x"}', id="cut"),
        pytest.param("{'id':1,'rpc':{}}", id="single quotes"),
        pytest.param('{"id":1,"rpc":{},}', id="trailing comma"),
        pytest.param('{"id":1,"rpc":{}} // hello', id="comment"),
        pytest.param('\ufeff{"id":1,"rpc":{}}', id="byte order mark"),
        pytest.param('{"id":1,"rpc":{"method":"a\nb"}}', id="newline inside a string"),
        pytest.param('{"id":1,"rpc":{"method":"a\x00b"}}', id="NUL inside a string"),
        pytest.param("[]", id="array"),
        pytest.param("1", id="number"),
        pytest.param('"connect"', id="string"),
        pytest.param("null", id="null"),
        pytest.param("true", id="true"),
        pytest.param('{"id":"1","rpc":{}}', id="id is a string"),
        pytest.param('{"id":-1,"rpc":{}}', id="id is negative"),
        pytest.param('{"id":1.5,"rpc":{}}', id="id is a fraction"),
        pytest.param('{"id":9.0,"rpc":{"method":"x"}}', id="id has a fraction part"),
        pytest.param('{"id":4294967296,"rpc":{}}', id="id has 33 bits"),
        pytest.param('{"id":1e999,"rpc":{}}', id="id is infinite"),
        pytest.param('{"id":null,"rpc":{}}', id="id is null"),
        pytest.param('{"id":' + "9" * 5_000 + ',"rpc":{}}', id="id has 5,000 digits"),
        pytest.param('{"id":0,"rpc":{"method":"x"}}', id="id is 0"),
        pytest.param('{"rpc":{"method":"x"}}', id="no id"),
        pytest.param('{"id":1}', id="no method"),
        pytest.param('{"id":1,"unknown":{}}', id="unknown method"),
        pytest.param('{"id":1,"RPC":{}}', id="method in upper case"),
        pytest.param('{"id":1,"rpc":null}', id="request is null"),
        pytest.param('{"id":1,"rpc":[]}', id="request is an array"),
        pytest.param('{"id":1,"rpc":"ping"}', id="request is a string"),
        pytest.param('{"id":1,"rpc":{"method":1}}', id="method name is a number"),
        pytest.param('{"id":1,"subscribe":{"channel":["a"]}}', id="channel is an array"),
        pytest.param('{"id":1,"subscribe":{"channel":"a","recover":"yes"}}', id="flag is a string"),
        pytest.param('{"id":1,"subscribe":{"channel":"a","offset":-1}}', id="offset is negative"),
        pytest.param('{"id":1,"subscribe":{"channel":"a","offset":18446744073709551616}}', id="offset has 65 bits"),
        pytest.param('{"id":1,"publish":{"channel":"a","data":NaN}}', id="data is NaN"),
        pytest.param('{"id":1,"publish":{"channel":"a","data":-Infinity}}', id="data is infinite"),
        pytest.param('{"id":1,"publish":{"channel":"a","data":undefined}}', id="data is undefined"),
        pytest.param('{"id":1,"publish":{"channel":"a","data":01}}', id="data has a leading zero"),
        pytest.param('{"id":1,"publish":{"channel":"a","data":"\\x41"}}', id="data has an unknown escape"),
        pytest.param('{"id":1,"history":{"channel":"a","limit":"all"}}', id="limit is a string"),
        pytest.param('{"id":1,"history":{"channel":"a","since":5}}', id="position is a number"),
        pytest.param(DEEP, id="nested 5,000 deep"),
        pytest.param('{"id":1,"unknown":' + DEEP + "}", id="unknown field nested 5,000 deep"),
        pytest.param('{"id":1,"rpc":{"method":"x","data":' + DEEP + "}}", id="data nested 5,000 deep"),
        pytest.param('{"id":1,"rpc":{"method":"x","data":' + VERY_DEEP + "}}", id="objects nested 10,000 deep"),
        pytest.param('{"id":1,"rpc":{"method":"x"}}\n{"id":2,', id="second command is cut"),
    ],
)
async def test_frame_that_is_closed_with_3501(server: LocalServer, frame: str) -> None:
    witness, client = await server.subscribed("news"), await server.connected()
    await client.send_raw(frame)
    assert await client.closing() == BAD_REQUEST
    await server.api.publish("news", "the others go on")
    assert await witness.data("news", 1) == ["the others go on"]


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b'{"id":1,"rpc":{"method":"\xff"}}', id="a stray byte"),
        pytest.param(b'{"id":1,"rpc":{"method":"\xed\xa0\x80"}}', id="an encoded surrogate"),
        pytest.param(b'{"id":1,"rpc":{"method":"\xc0\x80"}}', id="an overlong NUL"),
        pytest.param(b'{"id":1,"publish":{"channel":"a","data":"\xe2\x82"}}', id="a character cut in half"),
    ],
)
async def test_binary_frame_that_is_not_utf_8_is_closed_with_3501(server: LocalServer, frame: bytes) -> None:
    client = await server.connected()
    await client.send_raw(frame)
    assert await client.closing() == BAD_REQUEST


async def test_binary_frame_of_commands_is_read_like_a_text_frame(server: LocalServer) -> None:
    client = await server.connected()
    await client.send_raw(b'{"id":9,"rpc":{"method":"x"}}')
    assert (await client.reply(9))["error"]["code"] == 108


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param('{"id":9,"rpc":{"method":"x","who":[{}]},"knows":{"this":null}}', id="unknown fields"),
        pytest.param('  {"id" : 9 ,\t"rpc":{"method":"x"}}  ', id="blanks between tokens"),
        pytest.param('{"rpc":{"method":"x"},"id":9}', id="id last"),
        pytest.param('{"id":1,"rpc":{"method":"x"},"id":9}', id="id twice: the last one counts"),
        pytest.param('{"id":9,"rpc":{"method":"\\u0078"}}', id="escaped letters"),
        pytest.param(
            '{"id":8,"rpc":{"method":"x"}}\n\n{"id":9,"rpc":{"method":"x"}}', id="blank line between commands"
        ),
        pytest.param('{"id":8,"rpc":{"method":"x"}}{"id":9,"rpc":{"method":"x"}}', id="no newline between commands"),
        pytest.param(json.dumps({"id": 9, "rpc": {"method": "x" * 60_000}}), id="long method name"),
    ],
)
async def test_frame_that_is_only_unusual_is_answered(server: LocalServer, frame: str) -> None:
    client = await server.connected()
    await client.send_raw(frame)
    assert (await client.reply(9))["error"]["code"] == 108


async def test_half_of_a_surrogate_pair_is_mended_before_it_reaches_others(server: LocalServer) -> None:
    """JavaScript makes them by cutting strings; other languages' parsers refuse what holds one."""
    client = await server.subscribed("news")
    await client.send_raw('{"id":9,"publish":{"channel":"news","data":"\\ud83d\\ude80 \\ud83d"}}')
    assert await client.reply(9) == {"publish": {}}
    assert await client.data("news", 1) == ["\U0001f680 \ufffd"]


async def test_of_two_methods_in_one_command_one_is_run(server: LocalServer) -> None:
    client = await server.connected()
    await client.send({"id": 9, "rpc": {"method": "x"}, "subscribe": {"channel": "a"}})
    assert "error" in await client.reply(9)
    await client.settled()
    assert not server.hub.index.channels


async def test_good_commands_in_front_of_a_bad_one_are_not_run(server: LocalServer) -> None:
    """A frame is read as a whole: half of it would leave the client guessing."""
    client = await server.connected()
    await client.send_raw('{"id":9,"subscribe":{"channel":"a"}}\n{"id":10,"subscribe":')
    assert await client.closing() == BAD_REQUEST
    assert not [message for message in client.messages if message.get("id") == 9]


async def test_bad_frame_as_the_first_one(server: LocalServer) -> None:
    client = await server.client()
    await client.send_raw("hello")
    assert await client.closing() == BAD_REQUEST


async def test_bad_frames_are_counted(server: LocalServer) -> None:
    for _ in range(3):
        client = await server.client()
        await client.send_raw("hello")
        await client.closing()
    assert server.hub.counters.bad_frames == 3


async def test_input_after_the_goodbye_is_ignored(serve: Serve) -> None:
    server = await serve(hub_config())
    watcher, client = await server.subscribed("news"), await server.connected()
    await client.send_raw("hello")
    await client.send_raw('{"id":9,"publish":{"channel":"news","data":"late"}}')
    assert await client.closing() == BAD_REQUEST
    await server.api.publish("news", "end")
    assert await watcher.data("news", 1) == ["end"]
