from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from hub.protocol.codec import BadFrame
from hub.protocol.json_codec import JSON
from hub.protocol.messages import Command, Publication, PublishRequest, Push, Reply
from tests.unit.hub.protocol.message_strategies import COMMANDS, PUBLICATIONS, REPLIES, TEXTS

if TYPE_CHECKING:
    from hypothesis.strategies import DataObject

PING = b'{"id":1,"publish":{"channel":"a"}}'


def encoded(command: Command) -> bytes:
    return msgspec.json.encode(command)


@given(st.lists(COMMANDS, min_size=1, max_size=4), st.sampled_from([b"\n", b"\r\n", b"\n\n", b" \n\t"]))
def test_decoding_gives_back_the_commands_that_were_encoded(commands: list[Command], separator: bytes) -> None:
    decoded = JSON.decode_commands(separator.join(map(encoded, commands)))
    assert list(map(encoded, decoded)) == list(map(encoded, commands))


@given(REPLIES)
def test_decoding_gives_back_the_reply_that_was_encoded(reply: Reply) -> None:
    wire = JSON.encode_reply(reply)
    assert b"\n" not in wire
    assert JSON.encode_reply(msgspec.json.decode(wire, type=Reply)) == wire


@given(TEXTS, PUBLICATIONS)
def test_a_publication_is_encoded_as_the_push_it_is(channel: str, publication: Publication) -> None:
    assert JSON.encode_publication(channel, publication) == JSON.encode_reply(
        Reply(push=Push(channel=channel, pub=publication))
    )


def test_payloads_leave_byte_for_byte_as_they_came() -> None:
    payload = b'{ "b":1.50,"a" : "\\u00e9\\/",\t"a":2}'
    (command,) = JSON.decode_commands(b'{"id":1,"publish":{"channel":"a","data":' + payload + b"}}")
    assert isinstance(command.publish, PublishRequest)
    assert isinstance(command.publish.data, Raw)
    publication = Publication(data=Raw(bytes(command.publish.data)))
    assert JSON.encode_publication("a", publication) == b'{"push":{"channel":"a","pub":{"data":' + payload + b"}}}"


def test_the_ping_is_an_empty_reply() -> None:
    assert JSON.ping == JSON.encode_reply(Reply())


def test_a_pong_is_a_command_without_anything() -> None:
    (pong,) = JSON.decode_commands(b"{}")
    assert pong == Command()
    assert all(getattr(pong, method) is UNSET for method in Command.__struct_fields__[1:])


def test_unknown_fields_are_ignored() -> None:
    frame = b'{"id":1,"frobnicate":{"x":[1]},"publish":{"channel":"a","type":1,"key":"k"},"zone":null}'
    (command,) = JSON.decode_commands(frame)
    assert (command.id, command.publish) == (1, PublishRequest(channel="a"))


def test_commands_without_anything_between_them_are_told_apart() -> None:
    assert len(JSON.decode_commands(PING + PING)) == 2


def test_a_trailing_newline_is_not_another_command() -> None:
    assert len(JSON.decode_commands(PING + b"\n")) == 1


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\n",
        b" \r\n ",
        b"{",
        b"}",
        b"null",
        b"42",
        b"[]",
        b'"{}"',
        PING + b"\n{",
        PING + b" x",
        PING + b"," + PING,
        b'{"id":-1}',
        b'{"id":4294967296}',
        b'{"id":1.5}',
        b'{"id":"1"}',
        b'{"id":true}',
        b'{"id":null}',
        b'{"id":1,"connect":null}',
        b'{"id":1,"connect":[]}',
        b'{"id":1,"connect":{"token":1}}',
        b'{"id":1,"connect":{"subs":{"a":{"offset":-1}}}}',
        b'{"id":1,"connect":{"subs":{"a":{"offset":9223372036854775808}}}}',
        b'{"id":1,"subscribe":{"channel":null}}',
        b'{"id":1,"subscribe":{"recover":1}}',
        b'{"id":1,"publish":{"channel":"\xff"}}',
        b'{"id":1,"publish":{"channel":"a","data":"\xed\xa0\x80"}}',
        b'{"id":1,"publish":{"channel":"a","data":"\xc0\xaf"}}',
        b'{"id":1,"publish":{"channel":"a","data":NaN}}',
        b'{"id":1,"publish":{"channel":"a","data":01}}',
        b'{"id":1,"publish":{"channel":"a","data":}}',
        b'{"id":1,"publish":{"channel":"a","data":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b"[" * 100_000,
        b"\xef\xbb\xbf{}",
        b"{}\x00",
    ],
    ids=lambda frame: repr(frame[:60]),
)
def test_what_is_not_a_sequence_of_commands_is_a_bad_frame(frame: bytes) -> None:
    with pytest.raises(BadFrame):
        JSON.decode_commands(frame)


def decode_or_bad_frame(frame: bytes) -> list[Command]:
    """Whatever else is raised fails the test."""
    try:
        return JSON.decode_commands(frame)
    except BadFrame:
        return []


@given(st.binary(max_size=200))
def test_random_bytes_are_a_bad_frame_or_commands(frame: bytes) -> None:
    assert all(isinstance(command, Command) for command in decode_or_bad_frame(frame))


_JSONISH = st.text(st.sampled_from('{}[]",:\\ \n0159.-+eEtrufalsn"id""connect""data"'), max_size=60)


@given(_JSONISH)
def test_texts_that_look_like_json_are_a_bad_frame_or_commands(text: str) -> None:
    decode_or_bad_frame(text.encode())


@given(COMMANDS, st.data())
def test_a_damaged_frame_is_a_bad_frame_or_commands(command: Command, data: DataObject) -> None:
    frame = bytearray(encoded(command))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(frame) - 1))
        kind = data.draw(st.sampled_from(["replace", "insert", "delete", "duplicate"]))
        if kind == "replace":
            frame[at] = data.draw(st.integers(0, 255))
        elif kind == "insert":
            frame[at:at] = data.draw(st.binary(min_size=1, max_size=3))
        elif kind == "delete" and len(frame) > 1:
            del frame[at]
        else:
            frame[at:at] = frame[at : at + 5]
    decode_or_bad_frame(bytes(frame))


_NAMES = st.sampled_from(["id", "connect", "subscribe", "publish", "channel", "data", "offset", "subs"])
_SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=20,
)


@given(_SHAPES)
@example({"id": 10**400})
@example({"id": 1, "connect": {"subs": {"\ud800": {}}}})
def test_json_of_any_shape_is_a_bad_frame_or_commands(value: Any) -> None:
    decode_or_bad_frame(json.dumps(value).encode())
