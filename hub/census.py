"""What is counted over all nodes: the nodes themselves, and the channels that somebody is subscribed to."""

from __future__ import annotations

import asyncio
import fnmatch
import re
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from hub.engine import NodeInfo
from hub.errors import EngineUnavailable
from hub.process_usage import process_usage
from hub.survey import decoded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from msgspec import Raw

    from hub.hub import Hub
    from hub.survey import Responder

CHANNELS = "channels"
NODES = "nodes"

CHANNELS_PER_CHUNK = 500
"""Channels of one message between nodes, some 130 KB of the longest names; others work between two of them."""

PER_SLICE = 256
"""Channels looked at before other work of the loop runs."""


class NodeReport(Struct, frozen=True):
    """What a node says of itself when it is asked, which is more than it announces."""

    node: NodeInfo
    metrics: dict[str, float]
    process: dict[str, float]
    interval_s: float
    """The time that the metrics cover."""


def responders(hub: Hub) -> dict[str, Responder]:
    """What this node answers the others."""
    return {CHANNELS: lambda about: _channels(hub, about), NODES: lambda _: _report(hub)}


async def count_clients(hub: Hub, pattern: str) -> dict[str, int]:
    """The channels with subscribers, by name, and how many they are on all nodes.

    Args:
        pattern: as of a shell's file names; "" is every channel.

    Raises:
        ReplyError: 111, too many surveys are under way.
        EngineUnavailable: a node whose lease holds has not answered in time: what the others say is not the sum.
    """
    totals, silent = await count_clients_heard(hub, pattern)
    if silent:
        raise EngineUnavailable(f"{len(silent)} nodes gave no answer")
    return totals


async def count_clients_heard(hub: Hub, pattern: str) -> tuple[dict[str, int], set[str]]:
    """`count_clients` of the nodes that have answered, and the ids of those that have not.

    Raises:
        ReplyError, EngineUnavailable: as `Survey.ask`.
    """
    surveyed = await hub.survey.ask(CHANNELS, pattern)
    totals: dict[str, int] = {}
    for chunks in surveyed.answers.values():
        for chunk in decoded(chunks, dict[str, int]):
            for name, num_clients in chunk.items():
                totals[name] = totals.get(name, 0) + num_clients
            await asyncio.sleep(0)
    return totals, surveyed.silent


async def node_reports(hub: Hub) -> list[NodeReport | NodeInfo]:
    """All nodes whose lease holds: their reports; of one that has not answered in time, what it announced last.

    Raises:
        ReplyError, EngineUnavailable: as `Survey.ask`.
    """
    await hub.announce()
    surveyed = await hub.survey.ask(NODES, None)
    reports = {uid: decoded(chunks, NodeReport)[0] for uid, chunks in surveyed.answers.items()}
    return [reports.get(node.uid, node) for node in await hub.engine.nodes()]


async def _channels(hub: Hub, about: Raw) -> AsyncIterator[dict[str, int]]:
    pattern = msgspec.json.decode(about, type=str)
    matches = re.compile(fnmatch.translate(pattern)).match if pattern else None
    chunk: dict[str, int] = {}
    for count, (name, channel) in enumerate(list(hub.index.channels.items()), 1):
        if channel.num_clients and (matches is None or matches(name)):
            chunk[name] = channel.num_clients
        if len(chunk) == CHANNELS_PER_CHUNK:
            yield chunk
            chunk = {}
        if count % PER_SLICE == 0:
            await asyncio.sleep(0)
    yield chunk


async def _report(hub: Hub) -> AsyncIterator[NodeReport]:
    uptime_s = hub.clock.monotonic_s() - hub.started_at_s
    yield NodeReport(hub.node_info(), hub.measures(), process_usage(uptime_s), uptime_s)
