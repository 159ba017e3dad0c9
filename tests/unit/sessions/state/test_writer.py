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
from tests.support.state_node import StateNode

if TYPE_CHECKING:
    from hub.relay.outbox import Outbox
    from sessions.state.document import MutationKind
    from storage.database import Database, Storage


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


async def test_a_group_is_bounded_by_what_its_patches_and_documents_weigh(storage: Storage) -> None:
    """On PostgreSQL the ledger's work is done on the loop: groups are what the others wait for."""
    large = b'"' + b"x" * 60_000 + b'"'
    async with StateNode(storage, FakeClock()) as node:

        async def groups_of(kind: MutationKind, patch: bytes, count: int, mark: str) -> float:
            before = node.documents.measures()["state_groups"]
            mutations = [Mutation(f"k{n % 8}", f"{mark}{n}", "did", kind, patch) for n in range(count)]
            await asyncio.gather(*(node.documents.mutate("ann", mutation) for mutation in mutations))
            return node.documents.measures()["state_groups"] - before

        assert await groups_of("replace", large, 40, "first") in (3, 4, 5)
        assert await groups_of("replace", large, 40, "again") in (5, 6)
        assert await groups_of("merge", b'{"a":1}', 8, "small") == 1
        assert await groups_of("merge", b'{"a":1}', 400, "smaller") == 1


async def test_waiting_mutations_are_bounded_by_their_bytes() -> None:
    writer = a_writer(SilentDatabase())
    patch = b'"' + b"x" * 1_000_000 + b'"'
    waiting = [
        asyncio.create_task(writer.submit("ann", Mutation("cart", f"m{n}", "did", "replace", patch))) for n in range(40)
    ]
    await asyncio.sleep(0)

    told = [task for task in waiting if task.done()]

    assert {type(task.exception()) for task in told} == {StorageUnavailable}
    assert 32 <= writer.num_waiting < 40
    assert writer.num_refused_full == len(told) == 40 - writer.num_waiting
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


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
