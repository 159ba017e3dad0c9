from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from composition import worker_metrics
from composition.worker_metrics import WorkerMetrics, WorkerPlace
from observability.metrics.snapshot import Distribution, Snapshot
from tests.support.patience import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


def worker(directory: Path, number: int, count: int) -> WorkerMetrics:
    distribution = Distribution((1.0,), [number, 0], 0.5)
    return WorkerMetrics(
        WorkerPlace(number, count, directory), lambda: Snapshot({"users": float(number)}, {"flush_s": distribution})
    )


@asynccontextmanager
async def running(*workers: WorkerMetrics) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each.run()) for each in workers]
        await asyncio.sleep(0)
        yield
        for task in tasks:
            task.cancel()


async def test_any_of_them_answers_for_all(tmp_path: Path) -> None:
    first, second, third = (worker(tmp_path, number, 3) for number in (1, 2, 3))
    async with running(first, second, third):
        await eventually(lambda: len(list(tmp_path.iterdir())) == 3)
        for one in (first, third):
            snapshots = await one.collect()
            assert {name: each.values["users"] for name, each in snapshots.items()} == {"1": 1, "2": 2, "3": 3}
            assert snapshots["2"].distributions == {"flush_s": Distribution((1.0,), [2, 0], 0.5)}
            assert sum(each.values.get("workers_silent", 0) for each in snapshots.values()) == 0


async def test_one_that_is_not_there_is_left_out_and_counted(tmp_path: Path) -> None:
    first = worker(tmp_path, 1, 3)
    async with running(worker(tmp_path, 2, 3)):
        await eventually(lambda: len(list(tmp_path.iterdir())) == 1)
        snapshots = await first.collect()
    assert list(snapshots) == ["1", "2"]
    assert snapshots["1"].values["workers_silent"] == 1


async def test_one_that_does_not_answer_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_metrics, "DEADLINE_S", 0.05)
    place = WorkerPlace(1, 2, tmp_path)
    silent = await asyncio.get_running_loop().create_unix_server(asyncio.Protocol, path=place.socket_of(2))
    async with silent:
        snapshots = await worker(tmp_path, 1, 2).collect()
        silent.close()
    assert list(snapshots) == ["1"]
    assert snapshots["1"].values["workers_silent"] == 1


@pytest.mark.parametrize("answer", [b"", b"nonsense", b"\x81\xa6values\x01"])
async def test_one_that_talks_nonsense_is_silent(tmp_path: Path, answer: bytes) -> None:
    class Babbler(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.WriteTransport)
            transport.write(answer)
            transport.close()

    server = await asyncio.get_running_loop().create_unix_server(Babbler, path=WorkerPlace(1, 2, tmp_path).socket_of(2))
    async with server:
        snapshots = await worker(tmp_path, 1, 2).collect()
    assert snapshots["1"].values["workers_silent"] == 1


async def test_the_next_one_at_a_place_takes_over_its_socket(tmp_path: Path) -> None:
    WorkerPlace(2, 2, tmp_path).socket_of(2).touch()  # left by one that was killed
    first = worker(tmp_path, 1, 2)

    async def has_both() -> bool:
        return list(await first.collect()) == ["1", "2"]

    async with running(worker(tmp_path, 2, 2)):
        await eventually(has_both)
