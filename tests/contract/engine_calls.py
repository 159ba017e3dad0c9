"""What the engine suites say to an engine, in one word each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Raw

from hub.engine import HistoryQuery, PublishOptions, PublishOutcome
from hub.protocol.messages import ClientInfo, Publication, StreamPosition

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from hub.engine import Engine

    Advance = Callable[[float], Awaitable[None]]

LOGGED = PublishOptions(history_size=10, history_ttl_s=300, history_meta_ttl_s=3600)
UNLOGGED = PublishOptions()
TOP = HistoryQuery(meta_ttl_s=3600)
ALL = HistoryQuery(limit=-1, meta_ttl_s=3600)


def numbered(number: int) -> Publication:
    return Publication(data=Raw(b"%d" % number))


async def publish(engine: Engine, channel: str, options: PublishOptions = LOGGED, data: int = 0) -> PublishOutcome:
    return await engine.publish(channel, numbered(data), options)


async def publish_many(engine: Engine, channel: str, count: int, options: PublishOptions = LOGGED) -> StreamPosition:
    """Publish the numbers from 1 to `count`; return the last position."""
    outcomes = [await publish(engine, channel, options, number) for number in range(1, count + 1)]
    return position_of(outcomes[-1])


def position_of(outcome: PublishOutcome) -> StreamPosition:
    assert outcome.position is not None
    return outcome.position


def offsets_of(publications: Iterable[Publication]) -> list[int]:
    return [publication.offset for publication in publications]


async def kept_offsets(engine: Engine, channel: str, query: HistoryQuery = ALL) -> list[int]:
    return offsets_of((await engine.history(channel, query)).publications)


def copy_of(info: ClientInfo) -> ClientInfo:
    """A copy: what goes in must not be the very object that what comes out is compared with."""
    return ClientInfo(info.user, info.client, info.conn_info, info.chan_info)
