"""Rows that were refused and wait in the park, for operators: what there is, try again, let go."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hub.relay.outbox_table import PARKED_MS
from storage.database import Query

if TYPE_CHECKING:
    from collections.abc import Collection

    from storage.database import Database, Transaction

_LIST = Query(
    "outbox_parked_list",
    "SELECT id, destination, channel, data, at_ms FROM outbox WHERE at_ms >= $1 ORDER BY at_ms, id LIMIT $2",
)
_SOME = "at_ms >= $1 AND id IN (SELECT value FROM json_each($2))"
_SOME_POSTGRES = "at_ms >= $1 AND id = ANY (ARRAY(SELECT json_array_elements_text($2::json)))"
_RETRY = Query(
    "outbox_parked_retry",
    f"UPDATE outbox SET at_ms = 0 WHERE {_SOME}",
    f"UPDATE outbox SET at_ms = 0 WHERE {_SOME_POSTGRES}",
)
_RETRY_ALL = Query("outbox_parked_retry_all", "UPDATE outbox SET at_ms = 0 WHERE at_ms >= $1")
_DROP = Query("outbox_parked_drop", f"DELETE FROM outbox WHERE {_SOME}", f"DELETE FROM outbox WHERE {_SOME_POSTGRES}")
_DROP_ALL = Query("outbox_parked_drop_all", "DELETE FROM outbox WHERE at_ms >= $1")


class Parked(NamedTuple):
    """One row; `destination` is "" for the hub."""

    id: str
    destination: str
    channel: str
    data: str
    since_ms: int


async def parked(database: Database, limit: int) -> list[Parked]:
    """Those that were parked first.

    Raises:
        StorageUnavailable
    """
    rows = await database.fetch(_LIST, PARKED_MS, limit)
    return [
        Parked(entry_id, destination, channel, data, at_ms - PARKED_MS)
        for entry_id, destination, channel, data, at_ms in rows
    ]


async def retry(database: Database, ids: Collection[str] | None) -> int:
    """Have these taken again, or all; how many there were. What is refused again is parked again."""
    return await _change(database, _RETRY, _RETRY_ALL, ids)


async def drop(database: Database, ids: Collection[str] | None) -> int:
    """Delete these, or all; how many there were."""
    return await _change(database, _DROP, _DROP_ALL, ids)


async def _change(database: Database, some: Query, everything: Query, ids: Collection[str] | None) -> int:
    async def work(tx: Transaction) -> int:
        if ids is None:
            return await tx.execute(everything, PARKED_MS)
        return await tx.execute(some, PARKED_MS, msgspec.json.encode(sorted(ids)).decode())

    return await database.run(work)
