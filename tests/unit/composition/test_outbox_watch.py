from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import uuid_utils

from composition.outbox_watch import OutboxWatch
from hub.relay.outbox import PARKED_MS
from storage.database import Query, StorageUnavailable
from tests.support.clock import FakeClock
from tests.support.unreliable_database import UnreliableDatabase

if TYPE_CHECKING:
    from storage.database import Storage

ADD = Query(
    "test.outbox_add",
    "INSERT INTO outbox (id, destination, channel, data, at_ms, order_key, part) VALUES ($1, $2, 'c', '1', $3, 'c', 0)",
)


async def add(storage: Storage, entry_id: str, destination: str = "", at_ms: int = 0) -> None:
    await storage.relay.run(lambda tx: tx.execute(ADD, entry_id, destination, at_ms))


async def test_the_age_is_that_of_the_oldest_that_waits(storage: Storage) -> None:
    clock = FakeClock()
    watch = OutboxWatch(storage.relay, clock)
    await watch.look()
    assert watch.measures() == {"outbox_oldest_age_s": 0}
    now_ms = int(clock.now_s() * 1000)
    await add(storage, made(now_ms - 60_000), at_ms=PARKED_MS + 1)
    await add(storage, made(now_ms - 50_000), "a sink")
    await add(storage, made(now_ms - 20_000))
    await add(storage, made(now_ms - 10_000))
    await watch.look()
    assert watch.measures()["outbox_oldest_age_s"] == pytest.approx(20, abs=0.01)
    clock.advance(5)
    assert watch.measures()["outbox_oldest_age_s"] == pytest.approx(25, abs=0.01)


async def test_a_database_without_answer_changes_nothing(storage: Storage) -> None:
    watch = OutboxWatch(UnreliableDatabase(storage.relay, is_down=True), FakeClock())
    with pytest.raises(StorageUnavailable):
        await watch.look()
    assert watch.measures() == {"outbox_oldest_age_s": 0}


def made(at_ms: int) -> str:
    """The id of an entry of this time."""
    random_part = uuid_utils.uuid7().int & ((1 << 80) - 1)
    return str(uuid_utils.UUID(int=at_ms << 80 | random_part))
