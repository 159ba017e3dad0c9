"""What backends do to a user's connections. Races with departures: test_departures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from hub.control import CONNECTIONS_PER_SLICE
from hub.control_operations import (
    DisconnectUser,
    Envelope,
    MessageUser,
    Operation,
    RefreshUser,
    SubscribeUser,
    UnsubscribeUser,
)
from hub.errors import EngineUnavailable, ReplyError
from hub.protocol import codes
from hub.protocol.messages import StreamPosition
from tests.unit.hub.client import Client
from tests.unit.hub.gated_engine import GatedEngine
from tests.unit.hub.node import OPEN, Node, hub_config
from tests.unit.hub.virtual_time import pass_time, virtual_loop

STREAM = replace(OPEN, history_size=10, history_ttl_s=60, force_recovery=True)
NAMESPACES = {"stream": STREAM}


def node_with(**client: Any) -> Node:
    return Node(hub_config(OPEN, NAMESPACES, **client))


class Others:
    """The users' connections of a node: two of 42, one of 43, one anonymous."""

    def __init__(self, node: Node, clients: list[Client]) -> None:
        self.node = node
        self.first, self.second, self.other, self.anonymous = clients
        self.all = clients

    @classmethod
    async def of(cls, node: Node) -> Others:
        return cls(node, [await node.connected(user) for user in ("42", "42", "43", "")])

    async def pushes(self, kind: str) -> list[list[Any]]:
        return [await client.pushes(kind) for client in self.all]


# --- whom it reaches ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("user", "reached"), [("42", [0, 1]), ("43", [2]), ("", [3]), ("44", [])])
async def test_an_operation_reaches_the_connections_of_its_user(user: str, reached: list[int]) -> None:
    others = await Others.of(node_with())
    await others.node.hub.control.perform(MessageUser(user=user, data=Raw(b"1")))
    assert [len(pushes) for pushes in await others.pushes("message")] == [number in reached for number in range(4)]


async def test_an_operation_can_be_narrowed_to_one_client() -> None:
    others = await Others.of(node_with())
    client_id = others.second.connection.client_id
    await others.node.hub.control.perform(MessageUser(user="42", client=client_id, data=Raw(b"1")))
    await others.node.hub.control.perform(MessageUser(user="43", client=client_id, data=Raw(b"2")))
    assert await others.pushes("message") == [[], [{"data": 1}], [], []]


async def test_many_connections_of_a_user_are_all_reached() -> None:
    node = node_with()
    clients = [await node.connected("42") for _ in range(2 * CONNECTIONS_PER_SLICE + 1)]
    await node.hub.control.perform(DisconnectUser(user="42"))
    assert all(client.goodbye == codes.FORCE_DISCONNECT for client in clients)


# --- subscribe ------------------------------------------------------------------------------------------------------


async def test_a_subscription_is_pushed_and_then_served() -> None:
    others = await Others.of(node_with())
    await others.node.hub.publish("stream:1", b"1")
    await others.node.hub.control.perform(SubscribeUser(user="42", channel="stream:1", data=Raw(b'{"topic":1}')))
    await others.node.hub.publish("stream:1", b"2")
    for client in (others.first, others.second):
        subscribed, publication = [message["push"] for message in await client.read()]
        assert subscribed["subscribe"].keys() == {"recoverable", "epoch", "offset", "positioned", "data"}
        assert subscribed["subscribe"]["offset"] == 1
        assert publication["pub"]["data"] == 2
    assert await others.other.read() == []


async def test_a_subscription_can_recover() -> None:
    node = node_with()
    client = await node.connected("42")
    first = await node.hub.publish("stream:1", b"1")
    await node.hub.publish("stream:1", b"2")
    since = StreamPosition(1, first.position.epoch if first.position else "")
    await node.hub.control.perform(SubscribeUser(user="42", channel="stream:1", recover_since=since))
    subscribed, publication = [message["push"] for message in await client.read()]
    assert subscribed["subscribe"]["offset"] == 1
    assert (publication["channel"], publication["pub"]["offset"]) == ("stream:1", 2)


async def test_who_is_subscribed_already_is_left_alone() -> None:
    node = node_with()
    client = await node.subscribed("news", user="42")
    await node.hub.control.perform(SubscribeUser(user="42", channel="news"))
    assert await client.read() == []


async def test_an_override_and_an_expiry_count_and_unknown_overrides_do_not() -> None:
    node = node_with()
    client = await node.connected("42")
    operation = SubscribeUser(
        user="42",
        channel="news",
        expire_at_s=node.clock.now_s() + 60,
        info=Raw(b'{"role":1}'),
        override={"presence": True, "from_the_future": True},
    )
    await node.hub.control.perform(operation)
    subscription = client.connection.subscriptions["news"]
    assert (subscription.has_presence, subscription.is_server_side) == (True, True)
    assert subscription.expire_at_s == node.clock.now_s() + 60
    assert bytes(subscription.client_info().chan_info or b"") == b'{"role":1}'


async def test_joins_of_the_others_see_it() -> None:
    node = Node(hub_config(replace(OPEN, join_leave=True, force_push_join_leave=True)))
    watcher = await node.subscribed("news")
    await node.connected("42")
    await node.hub.control.perform(SubscribeUser(user="42", channel="news"))
    assert [join["info"]["user"] for join in await watcher.pushes("join")] == ["42"]


async def test_too_many_channels_end_the_connection_and_nobody_elses() -> None:
    node = node_with(channel_limit=1)
    full, free = await node.subscribed("chat", user="42"), await node.connected("42")
    await node.hub.control.perform(SubscribeUser(user="42", channel="news"))
    assert full.goodbye == codes.CHANNEL_LIMIT
    assert free.goodbye is None
    assert set(free.connection.subscriptions) == {"news"}


async def test_a_subscription_that_cannot_be_is_an_error_for_the_backend() -> None:
    node = node_with()
    await node.connected("42")
    with pytest.raises(ReplyError):
        await node.hub.control.perform(SubscribeUser(user="42", channel="nowhere:1"))


async def test_a_join_whose_continuity_is_broken_ends_the_connection_and_leaves_nothing() -> None:
    node = node_with()
    async with node.running():
        await node.subscribed("stream:1")
        client = await node.connected("42")
        position = node.hub.index.channels["stream:1"].position
        assert position is not None
        node.hub.index.channels["stream:1"].position = StreamPosition(9, position.epoch)
        await node.hub.control.perform(SubscribeUser(user="42", channel="stream:1"))
        assert client.goodbye == codes.INSUFFICIENT_STATE
        assert client.connection.subscriptions == {}


# --- unsubscribe, disconnect, refresh -------------------------------------------------------------------------------


@pytest.mark.parametrize(("channel", "left"), [("news", {"chat"}), ("", set()), ("sport", {"news", "chat"})])
async def test_subscriptions_of_either_side_are_ended(channel: str, left: set[str]) -> None:
    node = node_with()
    client = await node.connected("42", token=node.token("42", channels=["chat"]))
    await client.call("subscribe", channel="news")
    await client.read()
    await node.hub.control.perform(UnsubscribeUser(user="42", channel=channel))
    assert set(client.connection.subscriptions) == left
    ended = [message["push"] for message in await client.read()]
    assert {push["channel"] for push in ended} == {"news", "chat"} - left
    assert all(push["unsubscribe"] == {"code": 2000, "reason": "server unsubscribe"} for push in ended)


async def test_a_disconnect_spares_those_on_its_list() -> None:
    others = await Others.of(node_with())
    spared = {others.second.connection.client_id}
    await others.node.hub.control.perform(DisconnectUser(user="42", code=4500, reason="banned", whitelist=spared))
    assert [client.goodbye for client in others.all] == [(4500, "banned"), None, None, None]


async def test_a_refresh_moves_the_expiry_and_tells_the_client() -> None:
    node = node_with(ping_interval_s=0)
    async with node.running():
        client = await node.connected("42", token=node.token("42", ttl_s=10))
        await node.hub.control.perform(
            RefreshUser(user="42", expire_at_s=node.clock.now_s() + 100, info=Raw(b'{"name":"Ann"}'))
        )
        assert await client.pushes("refresh") == [{"expires": True, "ttl": 100}]
        assert bytes(client.connection.client_info().conn_info or b"") == b'{"name":"Ann"}'
        await pass_time(100)
        assert client.goodbye is None


async def test_a_refresh_without_info_leaves_it() -> None:
    node = node_with()
    client = await node.connected("42", token=node.token("42", info={"name": "Ann"}))
    await node.hub.control.perform(RefreshUser(user="42", expire_at_s=node.clock.now_s() + 100))
    assert bytes(client.connection.client_info().conn_info or b"") == b'{"name":"Ann"}'


async def test_a_refresh_may_say_that_it_is_over() -> None:
    node = node_with()
    client = await node.connected("42")
    await node.hub.control.perform(RefreshUser(user="42", expired=True))
    assert client.goodbye == codes.CONNECTION_EXPIRED


# --- between nodes --------------------------------------------------------------------------------------------------


def message_of(operation: Operation, node: str = "another-node") -> bytes:
    return msgspec.json.encode(Envelope(node, operation))


async def test_operations_of_other_nodes_are_applied_in_order_and_our_own_are_not_applied_twice() -> None:
    node = node_with()
    async with node.running():
        client = await node.connected("42")
        for number in (b"1", b"2", b"3"):
            node.hub.on_control(message_of(MessageUser(user="42", data=Raw(number))))
        node.hub.on_control(message_of(MessageUser(user="42", data=Raw(b"4")), node=node.hub.uid))
        assert await client.pushes("message") == [{"data": 1}, {"data": 2}, {"data": 3}]


async def test_an_operation_reaches_the_other_nodes() -> None:
    node = node_with()
    sent = []

    async def control(message: bytes, node: str = "") -> None:
        assert not node, "it is for all of them"
        sent.append(msgspec.json.decode(message, type=Envelope))

    node.engine.control = control  # type: ignore[method-assign]  # an engine that only listens
    await node.hub.control.perform(DisconnectUser(user="42"))
    assert sent == [Envelope(node.hub.uid, DisconnectUser(user="42"))]


async def test_messages_that_cannot_be_read_are_counted_and_passed_over_with_a_line_a_second(
    caplog: pytest.LogCaptureFixture,
) -> None:
    node = node_with()
    for message in (b"", b"{", b'{"node":"a"}', b'{"node":"a","operation":{"type":"dance"}}', b"\xff"):
        node.hub.on_control(message)
    assert node.hub.measures()["control_message_unreadable"] == 5
    assert caplog.text.count("control_message_unreadable") == 1


async def test_an_operation_of_another_node_that_fails_keeps_the_next_from_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    node = node_with()
    async with node.running():
        client = await node.connected("42")
        node.hub.on_control(message_of(SubscribeUser(user="42", channel="nowhere:1")))
        node.hub.on_control(message_of(MessageUser(user="42", data=Raw(b"2"))))
        assert await client.pushes("message") == [{"data": 2}]
        assert "control_operation_failed" in caplog.text


async def test_the_operations_that_wait_are_bounded_and_the_oldest_go_first(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("hub.control.MAX_WAITING", 5)
    node = node_with()
    client = await node.connected("42")
    for number in range(8):
        node.hub.on_control(message_of(MessageUser(user="42", data=Raw(b"%d" % number))))
    assert node.hub.measures()["control_dropped"] == 3
    assert "control_dropped" in caplog.messages
    async with node.running():
        assert [message["data"] for message in await client.pushes("message")] == [3, 4, 5, 6, 7]


async def test_an_engine_without_answer_is_an_error_and_what_was_done_here_stands() -> None:
    engine = GatedEngine(virtual_loop().clock)
    node = Node(hub_config(), engine)
    client = await node.connected("42")
    engine.is_down = True
    with pytest.raises(EngineUnavailable):
        await node.hub.control.perform(DisconnectUser(user="42"))
    assert client.goodbye == codes.FORCE_DISCONNECT


async def test_one_connection_that_fails_keeps_no_other_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    node = node_with()
    clients = [await node.connected("42") for _ in range(3)]
    subscribe, calls = node.engine.subscribe, []

    async def fail_once(channel: str) -> None:
        calls.append(channel)
        if len(calls) == 1:
            raise EngineUnavailable
        await subscribe(channel)

    monkeypatch.setattr(node.engine, "subscribe", fail_once)
    async with node.running():
        with pytest.raises(EngineUnavailable):
            await node.hub.control.perform(SubscribeUser(user="42", channel="news"))
        assert [set(client.connection.subscriptions) for client in clients] == [set(), {"news"}, {"news"}]


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
RAWS = st.sampled_from([Raw(b"1"), Raw(b'{"a":[1,"\xc3\xa9"]}')])
OPTIONAL_RAWS = st.just(UNSET) | RAWS
TARGET: dict[str, Any] = {"user": TEXTS, "client": TEXTS}
OPERATIONS = (
    st.builds(
        SubscribeUser,
        **TARGET,
        channel=TEXTS,
        info=OPTIONAL_RAWS,
        data=OPTIONAL_RAWS,
        expire_at_s=st.floats(0, 1e10),
        recover_since=st.just(UNSET) | st.builds(StreamPosition, st.integers(0, 2**53), TEXTS),
        override=st.just(UNSET) | st.dictionaries(TEXTS, st.booleans(), max_size=3),
    )
    | st.builds(UnsubscribeUser, **TARGET, channel=TEXTS)
    | st.builds(
        DisconnectUser, **TARGET, code=st.integers(3000, 4999), reason=TEXTS, whitelist=st.sets(TEXTS, max_size=3)
    )
    | st.builds(RefreshUser, **TARGET, expired=st.booleans(), expire_at_s=st.floats(0, 1e10), info=OPTIONAL_RAWS)
    | st.builds(MessageUser, **TARGET, data=RAWS)
)


@given(OPERATIONS)
def test_another_node_reads_what_this_one_wrote(operation: Operation) -> None:
    envelope = msgspec.json.decode(message_of(operation), type=Envelope)
    assert type(envelope.operation) is type(operation)
    for name in operation.__struct_fields__:
        written, read = getattr(operation, name), getattr(envelope.operation, name)
        assert (bytes(written), type(read)) == (bytes(read), Raw) if isinstance(written, Raw) else read == written
