from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from bench.load.dialects import DIALECTS, Centrifuge, FixedReply, Nchan, Refused, SocketIo
from bench.load.frames import frames_of


def lines(wire: bytes) -> list[object]:
    return [json.loads(line) for frame in frames_of(wire) for line in frame.payload.split(b"\n")]


def texts(wire: bytes) -> Iterable[bytes]:
    return [frame.payload for frame in frames_of(wire)]


class TestCentrifuge:
    def test_connects_and_subscribes_in_one_frame(self) -> None:
        assert lines(Centrifuge().opening("news", "abc")) == [
            {"id": 1, "connect": {"token": "abc", "name": "bench"}},
            {"id": 2, "subscribe": {"channel": "news"}},
        ]

    def test_sends_no_empty_token(self) -> None:
        assert lines(Centrifuge().opening("news", ""))[0] == {"id": 1, "connect": {"name": "bench"}}

    def test_is_joined_by_the_answer_to_subscribe(self) -> None:
        assert not Centrifuge().advance(b'{"id":1,"connect":{"client":"c"}}').joined
        assert Centrifuge().advance(b'{"id":2,"subscribe":{}}').joined

    def test_an_error_is_refused(self) -> None:
        with pytest.raises(Refused, match="permission denied"):
            Centrifuge().advance(b'{"id":2,"error":{"code":103,"message":"permission denied"}}')

    @pytest.mark.parametrize("text", [b"{}", b'{"push":{}}\n{}', b'{}\n{"push":{"channel":"c"}}'])
    def test_answers_a_ping_wherever_it_stands(self, text: bytes) -> None:
        assert texts(Centrifuge().keepalive(text)) == [b"{}"]

    def test_answers_nothing_else(self) -> None:
        assert Centrifuge().keepalive(b'{"id":2,"subscribe":{}}') == b""

    def test_one_message_is_a_publish_and_several_are_a_batch(self) -> None:
        [single] = Centrifuge().posts("news", [b"1"])
        assert (single.path, json.loads(single.body)) == ("/publish", {"channel": "news", "data": 1})
        [batch] = Centrifuge().posts("news", [b"1", b"2"])
        assert batch.path == "/batch"
        assert json.loads(batch.body) == {
            "commands": [{"publish": {"channel": "news", "data": data}} for data in (1, 2)]
        }

    def test_commands_have_ids_of_their_own(self) -> None:
        commands = lines(Centrifuge().command("news", [b"1", b"2"]))
        assert commands == [
            {"id": 3, "publish": {"channel": "news", "data": 1}},
            {"id": 4, "publish": {"channel": "news", "data": 2}},
        ]
        assert Centrifuge().answers_to(2) == 2


class TestFixedReply:
    def test_answers_a_whole_frame_once(self) -> None:
        assert FixedReply().answers_to(32) == 1

    def test_sends_the_same_commands_as_centrifuge(self) -> None:
        assert FixedReply().command("news", [b"1"]) == Centrifuge().command("news", [b"1"])


class TestSocketIo:
    def test_joins_its_namespace_after_the_transport_is_open(self) -> None:
        step = SocketIo().advance(b'0{"sid":"a"}')
        assert (texts(step.reply), step.joined) == ([b"40"], False)
        assert SocketIo().advance(b'40{"sid":"b"}').joined

    def test_a_refused_namespace_is_refused(self) -> None:
        with pytest.raises(Refused):
            SocketIo().advance(b'44{"message":"no"}')

    def test_answers_pings(self) -> None:
        assert texts(SocketIo().keepalive(b"2")) == [b"3"]

    def test_emits_an_event_per_message(self) -> None:
        assert texts(SocketIo().emits([b'{"n":1}', b'{"n":2}'])) == [b'42["publish",{"n":1}]', b'42["publish",{"n":2}]']


def test_nchan_posts_each_message_by_itself() -> None:
    assert [(post.path, post.body) for post in Nchan().posts("news", [b"1", b"2"])] == [
        ("?id=news", b"1"),
        ("?id=news", b"2"),
    ]


@pytest.mark.parametrize("name", ["broadcast", "nchan"])
def test_what_a_dialect_has_not_it_refuses(name: str) -> None:
    with pytest.raises(Refused):
        DIALECTS[name].command("news", [b"1"])
