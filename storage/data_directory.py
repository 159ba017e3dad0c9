"""This node's own directory: one process at a time, and what one run leaves to the next."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LOCK_NAME = "node.lock"
HANDOVER_NAME = "engine-handover.json"

LOCK_POLL_S = 0.1


class DirectoryInUse(Exception):
    """Another process holds the directory and did not let go of it in time."""


class DataDirectory:
    """A directory this process holds alone; see `open_data_directory`."""

    def __init__(self, path: Path) -> None:
        self._handover = path / HANDOVER_NAME

    def take_handover(self) -> bytes | None:
        """What the run before left; None when it did not stop in order.

        It is gone from the disk before it is returned: a run that crashes must not be followed by one that starts from
        the same state again, which would give the same positions to other publications.
        """
        try:
            data = self._handover.read_bytes()
        except FileNotFoundError:
            return None
        self._handover.unlink()
        _sync_directory(self._handover.parent)
        return data

    def leave_handover(self, data: bytes) -> None:
        """Leave this to the next run: on disk as a whole, or not at all."""
        draft = self._handover.with_suffix(".draft")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._handover)
        _sync_directory(self._handover.parent)


@asynccontextmanager
async def open_data_directory(path: Path, wait_s: float) -> AsyncIterator[DataDirectory]:
    """Hold the directory, made if need be. A process that is just stopping is waited for.

    Raises:
        DirectoryInUse: somebody else still holds it after `wait_s`.
        OSError: it cannot be made or written.
    """
    descriptor = _open_lock(path)
    try:
        await _lock(descriptor, path, wait_s)
        yield DataDirectory(path)
    finally:
        os.close(descriptor)


def _open_lock(path: Path) -> int:
    path.mkdir(parents=True, exist_ok=True)
    return os.open(path / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)


async def _lock(descriptor: int, path: Path, wait_s: float) -> None:
    try:
        async with asyncio.timeout(wait_s):
            while not _try_lock(descriptor):  # noqa: ASYNC110  # flock tells nobody when it becomes free
                await asyncio.sleep(LOCK_POLL_S)
    except TimeoutError as exc:
        raise DirectoryInUse(f"{path} is in use by another process") from exc


def _try_lock(descriptor: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
