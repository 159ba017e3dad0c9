"""A client that asks for more than it reads, and subscribers that stop reading."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hub.connection import RELIEF_BYTES, Connection
from hub.outbox import HIGH_WATER_BYTES, MAX_WRITE_BYTES, Outbox
from hub.protocol import codes
from hub.protocol.json_codec import JSON
from tests.unit.hub.node import OPEN, Node, hub_config
from tests.unit.hub.recording_transport import RecordingTransport
from tests.unit.hub.virtual_time import idle, pass_time

if TYPE_CHECKING:
    from hub.protocol.codes import Disconnect

NUM_COMMANDS = 395
"""Of one history each, as many as the usual rate lets through at once, and as fit a client's largest message."""

HISTORY_SIZE = 100
PAYLOAD = b'"' + b"x" * 1_000 + b'"'
QUEUE_BYTES = 1 << 20
WRITE_TIMEOUT_S = 3

HISTORICAL = replace(
    OPEN, history_size=HISTORY_SIZE, history_ttl_s=60, allow_history_for_client=True, allow_history_for_anonymous=True
)


class FillingTransport(RecordingTransport):
    """One whose peer reads nothing while `is_stalled`, and takes a few bytes of a write otherwise."""

    is_stalled = False

    def write(self, frame: bytes) -> None:
        super().write(frame)
        if self.is_stalled:
            self.buffered += len(frame)

    def close(self, disconnect: Disconnect) -> None:
        super().close(disconnect)
        self.is_dead = True


class Peer:
    """A connected client on a filling transport."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.transport = FillingTransport()
        self.connection = Connection(node.hub, self.transport, JSON)
        self.connection.opened()

    async def send(self, *commands: dict[str, Any]) -> None:
        await self.connection.handle_frame(b"\n".join(map(msgspec.json.encode, commands)))

    @property
    def held_bytes(self) -> int:
        """All that waits for it."""
        outbox = self.connection.outbox
        return outbox.pending_bytes + outbox.backlog_bytes + self.transport.buffered


async def connected_peer(node: Node, *channels: str) -> Peer:
    peer = Peer(node)
    await peer.send({"id": 1, "connect": {}})
    for command_id, channel in enumerate(channels, 2):
        await peer.send({"id": command_id, "subscribe": {"channel": channel}})
    await idle()
    return peer


async def historical_node() -> Node:
    node = Node(hub_config(HISTORICAL, ping_interval_s=0, write_timeout_s=WRITE_TIMEOUT_S))
    for _ in range(HISTORY_SIZE):
        await node.hub.publish("news", PAYLOAD)
    return node


def histories() -> list[dict[str, Any]]:
    return [
        {"id": number, "history": {"channel": "news", "limit": HISTORY_SIZE}} for number in range(10, 10 + NUM_COMMANDS)
    ]


async def test_a_frame_that_asks_for_much_of_a_client_that_stops_reading_costs_a_bounded_amount(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node = await historical_node()
    async with node.running():
        peer = await connected_peer(node)
        peer.transport.is_stalled = True
        send, most = node.hub.fan_out.send, 0

        def watched(outbox: Outbox, message: bytes) -> None:
            nonlocal most
            send(outbox, message)
            most = max(most, peer.held_bytes)

        monkeypatch.setattr(node.hub.fan_out, "send", watched)
        await peer.send(*histories())
        one_reply = HISTORY_SIZE * (len(PAYLOAD) + 50)
        assert most <= QUEUE_BYTES + one_reply
        assert most <= RELIEF_BYTES + HIGH_WATER_BYTES + MAX_WRITE_BYTES + 2 * one_reply, "well below the bound even"
        assert peer.transport.goodbyes == [codes.SLOW]
        assert node.hub.counters.slow_closed == 1
        assert peer.held_bytes == peer.transport.buffered
        await peer.connection.closed()


async def test_others_are_served_while_a_client_that_stops_reading_is_waited_for() -> None:
    node = await historical_node()
    async with node.running(), asyncio.TaskGroup() as group:
        peer, other = await connected_peer(node), await node.connected()
        peer.transport.is_stalled = True
        asking = group.create_task(peer.send(*histories()))
        await idle()
        assert not asking.done()
        assert (await other.call("publish", channel="sport", data=1)) == {"publish": {}}
        await pass_time(WRITE_TIMEOUT_S + 1)
        assert peer.transport.goodbyes == [codes.SLOW]
        assert asking.done()


async def test_a_client_that_reads_gets_every_reply_in_order_and_the_loop_runs_between_them() -> None:
    node = await historical_node()
    async with node.running(), asyncio.TaskGroup() as group:
        peer = await connected_peer(node)
        asking = group.create_task(peer.send(*histories()))
        num_steps = 0
        while not asking.done():
            await asyncio.sleep(0)
            num_steps += 1
        await idle()
        replies = peer.transport.replies[1:]
        assert [reply["id"] for reply in replies] == list(range(10, 10 + NUM_COMMANDS))
        assert {len(reply["history"]["publications"]) for reply in replies} == {HISTORY_SIZE}
        assert num_steps >= NUM_COMMANDS, "a reply is above what may wait before the next command"
        assert peer.transport.goodbyes == []


async def test_a_client_that_reads_slowly_gets_every_reply() -> None:
    node = await historical_node()
    async with node.running(), asyncio.TaskGroup() as group:
        peer = await connected_peer(node)
        peer.transport.is_stalled = True
        asking = group.create_task(peer.send(*histories()))
        while not asking.done():
            await pass_time(0.1)
            peer.transport.buffered = 0
        assert [reply["id"] for reply in peer.transport.replies[1:]] == list(range(10, 10 + NUM_COMMANDS))
        assert peer.transport.goodbyes == []


# --- a burst, then silence ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 100])
async def test_a_subscriber_that_stalled_in_a_burst_is_closed_though_nothing_more_is_published(count: int) -> None:
    node = Node(hub_config(ping_interval_s=0, write_timeout_s=WRITE_TIMEOUT_S))
    async with node.running():
        stalled, reading = await connected_peer(node, "news"), await connected_peer(node, "news")
        stalled.transport.is_stalled = True
        for _ in range(count):
            await node.hub.publish("news", b'"' + b"x" * (2 * HIGH_WATER_BYTES // count) + b'"')
        await pass_time(WRITE_TIMEOUT_S - 0.5)
        assert stalled.transport.goodbyes == []
        await pass_time(1)
        assert stalled.transport.goodbyes == [codes.SLOW]
        assert reading.transport.goodbyes == []
        assert node.hub.fan_out.congested == {}


async def test_a_subscriber_that_reads_on_in_time_is_not_closed_and_has_lost_nothing() -> None:
    node = Node(hub_config(ping_interval_s=0, write_timeout_s=WRITE_TIMEOUT_S))
    async with node.running():
        peer = await connected_peer(node, "news")
        peer.transport.is_stalled = True
        sent = [f'"{number}{"x" * 10_000}"'.encode() for number in range(60)]
        for data in sent[:30]:
            await node.hub.publish("news", data)
        await pass_time(1)
        peer.transport.buffered = 0
        for data in sent[30:]:
            await node.hub.publish("news", data)
        for _ in range(10):
            await pass_time(WRITE_TIMEOUT_S - 0.5)
            peer.transport.buffered = 0
        received = [reply["push"]["pub"]["data"] for reply in peer.transport.replies if "push" in reply]
        assert received == [msgspec.json.decode(data) for data in sent]
        assert peer.transport.goodbyes == []
        assert node.hub.fan_out.congested == {}
