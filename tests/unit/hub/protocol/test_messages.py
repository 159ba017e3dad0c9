"""What is on the wire and what is left out (docs/protocol.md section 2.1)."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from msgspec import UNSET, Raw, Struct

from hub.protocol import messages as m
from tests.unit.hub.protocol.message_strategies import MESSAGES, REPLIES

NOBODY = m.ClientInfo("", "")

NOTHING_TO_SAY: list[tuple[Struct, str]] = [
    (m.ClientInfo("", ""), '{"user":"","client":""}'),
    (m.Publication(), "{}"),
    (m.StreamPosition(), "{}"),
    (m.ConnectResult("", ""), '{"client":"","version":""}'),
    (m.SubscribeResult(), "{}"),
    (m.UnsubscribeResult(), "{}"),
    (m.PublishResult(), "{}"),
    (m.PresenceResult({}), '{"presence":{}}'),
    (m.PresenceStatsResult(0, 0), '{"num_clients":0,"num_users":0}'),
    (m.HistoryResult([], "", 0), '{"publications":[],"epoch":"","offset":0}'),
    (m.RPCResult(), "{}"),
    (m.RefreshResult(), "{}"),
    (m.SubRefreshResult(), "{}"),
    (m.Join(NOBODY), '{"info":{"user":"","client":""}}'),
    (m.Leave(NOBODY), '{"info":{"user":"","client":""}}'),
    (m.Unsubscribe(0, ""), '{"code":0,"reason":""}'),
    (m.Message(Raw(b"0")), '{"data":0}'),
    (m.Subscribe(), "{}"),
    (m.DisconnectPush(0, ""), '{"code":0,"reason":""}'),
    (m.Refresh(), "{}"),
    (m.Push(), "{}"),
    (m.Error(0, ""), '{"code":0,"message":""}'),
    (m.Reply(), "{}"),
]

EMPTY_RESULTS: list[tuple[m.Reply, str]] = [
    (m.Reply(id=7, subscribe=m.SubscribeResult()), '{"id":7,"subscribe":{}}'),
    (m.Reply(id=7, unsubscribe=m.UnsubscribeResult()), '{"id":7,"unsubscribe":{}}'),
    (m.Reply(id=7, publish=m.PublishResult()), '{"id":7,"publish":{}}'),
    (m.Reply(id=7, rpc=m.RPCResult()), '{"id":7,"rpc":{}}'),
    (m.Reply(id=7, refresh=m.RefreshResult()), '{"id":7,"refresh":{}}'),
    (m.Reply(id=7, sub_refresh=m.SubRefreshResult()), '{"id":7,"sub_refresh":{}}'),
    (m.Reply(push=m.Push(channel="news", pub=m.Publication())), '{"push":{"channel":"news","pub":{}}}'),
    (m.Reply(push=m.Push(refresh=m.Refresh())), '{"push":{"refresh":{}}}'),
]


def requests() -> set[str]:
    """What only clients send."""
    return {name for name in MESSAGES if name.endswith("Request")} | {"Command"}


@pytest.mark.parametrize(("message", "encoded"), NOTHING_TO_SAY, ids=lambda value: type(value).__name__)
def test_trap_02_zero_values_are_left_out_except_those_that_sdks_read_without_a_default(
    message: Struct, encoded: str
) -> None:
    assert msgspec.json.encode(message).decode() == encoded


def test_every_message_of_the_server_is_in_that_table() -> None:
    assert {type(message).__name__ for message, _ in NOTHING_TO_SAY} == set(MESSAGES) - requests()


@pytest.mark.parametrize(("reply", "encoded"), EMPTY_RESULTS)
def test_trap_02_the_result_key_is_there_even_when_the_result_is_empty(reply: m.Reply, encoded: str) -> None:
    assert msgspec.json.encode(reply).decode() == encoded


ALWAYS_WRITTEN: dict[str, set[str]] = {
    type(message).__name__: set(msgspec.json.decode(encoded)) for message, encoded in NOTHING_TO_SAY
}


def expected_on_the_wire(value: Any) -> Any:
    """The rule of section 2.1, without msgspec: nothing unset, no zero values but those of the table."""
    if isinstance(value, Raw):
        return json.loads(bytes(value))
    if isinstance(value, list):
        return [expected_on_the_wire(item) for item in value]
    if isinstance(value, dict):
        return {key: expected_on_the_wire(item) for key, item in value.items()}
    if not isinstance(value, Struct):
        return value
    always = ALWAYS_WRITTEN[type(value).__name__]
    fields = {name: getattr(value, name) for name in value.__struct_fields__}
    return {
        name: expected_on_the_wire(item)
        for name, item in fields.items()
        if item is not UNSET and (name in always or item not in (0, "", False))
    }


@given(REPLIES)
def test_a_reply_says_on_the_wire_what_it_holds(reply: m.Reply) -> None:
    assert json.loads(msgspec.json.encode(reply)) == expected_on_the_wire(reply)


def nulls_in(value: Any, path: str = "$") -> list[str]:
    if value is None:
        return [path]
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in inner for found in nulls_in(item, f"{path}.{key}")]


@given(REPLIES)
def test_trap_02_null_is_never_written(reply: m.Reply) -> None:
    assert nulls_in(json.loads(msgspec.json.encode(reply))) == []


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_messages_are_not_tracked_by_the_garbage_collector(name: str) -> None:
    """They hold no cycles, and a node holds hundreds of thousands of them."""
    assert MESSAGES[name].__struct_config__.gc is False
