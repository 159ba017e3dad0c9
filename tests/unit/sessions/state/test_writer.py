"""The writer's own deadline: nobody waits longer than a caller of an unavailable service is promised."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest

from hub.checkpoint import unobserved
from sessions.config import StateConfig
from sessions.state import writer as module
from sessions.state.mutation import Mutation
from sessions.state.writer import Writer
from storage.database import StorageUnavailable
from tests.support.clock import FakeClock

if TYPE_CHECKING:
    from hub.relay.outbox import Outbox
    from storage.database import Database


class SilentDatabase:
    """Does not even say that it is unavailable."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def run(self, work: Any) -> Any:
        self.asked.set()
        await asyncio.Event().wait()


def a_writer(database: SilentDatabase) -> Writer:
    return Writer(
        cast("Database", database),
        cast("Outbox", None),
        FakeClock(),
        StateConfig(max_group=1),
        checkpoint=unobserved,
    )


def a_mutation(number: int) -> Mutation:
    return Mutation("cart", f"m{number}", "did", "merge", b"{}")


async def test_who_waits_too_long_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_DEADLINE_S", 0.01)
    database = SilentDatabase()
    writer = a_writer(database)
    running = asyncio.create_task(writer.run("epoch"))

    outcomes = await asyncio.gather(*(writer.submit("ann", a_mutation(n)) for n in range(3)), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [StorageUnavailable] * 3
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_whose_group_is_being_written_when_the_node_stops_is_told_too() -> None:
    database = SilentDatabase()
    writer = a_writer(database)
    running = asyncio.create_task(writer.run("epoch"))
    waiting = [asyncio.create_task(writer.submit("ann", a_mutation(number))) for number in range(3)]
    await database.asked.wait()

    running.cancel()

    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StorageUnavailable] * 3
    assert writer.num_waiting == 0
    with pytest.raises(asyncio.CancelledError):
        await running
