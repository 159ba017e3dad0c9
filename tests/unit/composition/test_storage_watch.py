from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, cast

import pytest

from composition import storage_watch
from composition.storage_watch import StorageWatch
from storage.database import Storage, StorageUnavailable
from tests.support.clock import FakeClock
from tests.support.patience import eventually

if TYPE_CHECKING:
    from storage.database import Database


class Part:
    """A database that answers, or does not."""

    def __init__(self) -> None:
        self.is_down = False
        self.pings = 0

    async def ping(self) -> None:
        self.pings += 1
        if self.is_down:
            raise StorageUnavailable("away")


async def test_the_age_grows_while_any_part_is_silent(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(storage_watch, "INTERVAL_S", 0.001)
    clock, auth, other = FakeClock(), Part(), Part()
    storage = Storage(*(cast("Database", part) for part in (auth, other, other)))
    watch = StorageWatch(storage, clock)
    assert watch.age_s() == 0
    with caplog.at_level(logging.WARNING):
        task = asyncio.create_task(watch.run())
        try:
            other.is_down = True
            clock.advance(7)
            before = other.pings
            await eventually(lambda: other.pings > before + 3)
            assert watch.age_s() >= 7
            other.is_down = False
            await eventually(lambda: watch.age_s() == 0)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert [record.msg for record in caplog.records] == ["storage_unavailable", "storage_answers_again"]
    assert auth.pings >= other.pings, "each part once a round"
