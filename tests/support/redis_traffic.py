"""Publishing without a pause while servers fail, and what must be true of it afterwards."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Final

from msgspec import Raw

from hub.engine import PublishOptions
from hub.errors import EngineUnavailable
from hub.protocol.messages import Publication
from tests.support.patience import PATIENCE_S, eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from hub.engine import Engine
    from hub.protocol.messages import StreamPosition
    from tests.support.recording_listener import Delivery, RecordingListener

OUTAGE_S: Final = 3 * PATIENCE_S
"""How long an engine may refuse publications before a test gives up."""


class Traffic:
    """Publishes 1, 2, 3... to one channel, each again and again with its own key until it is acknowledged.

    Attributes:
        acknowledged: where each publication was said to be.
        refusals: how often one was refused.
    """

    def __init__(self, engine: Engine, channel: str) -> None:
        self.channel = channel
        self.acknowledged: dict[int, StreamPosition] = {}
        self.refusals = 0
        self._engine = engine

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.publish()

    async def publish(self) -> StreamPosition:
        """One more."""
        number = len(self.acknowledged) + 1
        position = await eventually(lambda: self._try(number), within_s=OUTAGE_S)
        assert position is not None
        self.acknowledged[number] = position
        return position

    async def until_acknowledged(self, more: int) -> None:
        """Wait until so many more are."""
        target = len(self.acknowledged) + more
        await eventually(lambda: len(self.acknowledged) >= target, within_s=OUTAGE_S)

    async def _try(self, number: int) -> StreamPosition | None:
        options = PublishOptions(history_size=100_000, history_ttl_s=600, idempotency_key=str(number))
        try:
            outcome = await self._engine.publish(self.channel, Publication(data=Raw(str(number).encode())), options)
        except EngineUnavailable:
            self.refusals += 1
            return None
        return outcome.position


@asynccontextmanager
async def flowing(*all_traffic: Traffic) -> AsyncIterator[None]:
    """All of it goes on during the block, and has begun when that begins."""
    tasks = [asyncio.create_task(traffic.run()) for traffic in all_traffic]
    try:
        for traffic in all_traffic:
            await traffic.until_acknowledged(5)
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended


async def heard_all(listener: RecordingListener, traffic: Traffic, complaints: Callable[..., list[str]]) -> None:
    """Wait until everything that is owed has been handed over, and nothing is wrong with it."""

    def check() -> bool:
        heard = [delivery for delivery in listener.publications if delivery.channel == traffic.channel]
        found = complaints(heard, traffic.acknowledged)
        assert not found, found[:10]
        return True

    await eventually(check, within_s=PATIENCE_S)


def dishonesties(heard: Sequence[Delivery], acknowledged: dict[int, StreamPosition]) -> list[str]:
    """What was handed over in a wrong order, twice, or not at all without a sign of it.

    A lost publication is honest when the epoch in which it was acknowledged is over: whoever was there is told to look.
    """
    return [*_disorder(heard), *_silent_losses(heard, acknowledged)]


def losses(heard: Sequence[Delivery], acknowledged: dict[int, StreamPosition]) -> list[str]:
    """As `dishonesties`, where no server has lost anything: every single one has to arrive."""
    numbers = set(map(number_of, heard))
    return [*_disorder(heard), *(f"{number} never came" for number in acknowledged if number not in numbers)]


def _disorder(heard: Sequence[Delivery]) -> list[str]:
    complaints = []
    epochs = [epoch for epoch, _ in groupby(heard, _epoch)]
    if len(set(epochs)) != len(epochs):
        complaints.append(f"an epoch came back: {epochs}")
    for epoch, run in groupby(heard, _epoch):
        offsets = [_offset(delivery) for delivery in run]
        if offsets != list(range(offsets[0], offsets[0] + len(offsets))):
            complaints.append(f"offsets of epoch {epoch} do not rise by one: {offsets}")
    return complaints


def _silent_losses(heard: Sequence[Delivery], acknowledged: dict[int, StreamPosition]) -> list[str]:
    last_epoch = list(acknowledged.values())[-1].epoch
    if not heard or _epoch(heard[-1]) != last_epoch:
        return ["nobody has noticed that there is a new epoch"]
    at = {(_epoch(delivery), _offset(delivery)): number_of(delivery) for delivery in heard}
    return [
        f"{number} is missing at {position}"
        for number, position in acknowledged.items()
        if position.epoch == last_epoch and at.get((position.epoch, position.offset)) != number
    ]


def number_of(delivery: Delivery) -> int:
    return int(bytes(delivery.publication.data or b""))


def _epoch(delivery: Delivery) -> str:
    assert delivery.position is not None
    return delivery.position.epoch


def _offset(delivery: Delivery) -> int:
    assert delivery.position is not None
    return delivery.position.offset
