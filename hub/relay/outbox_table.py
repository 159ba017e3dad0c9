"""The rows of the outbox, as statements. Who may publish what is decided elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from hub.relay.entries import OutboxEntry
from storage.database import Query

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from storage.database import Database, Transaction, Value

PARKED_MS: Final = 1 << 52
"""Added to `at_ms` of a row that is refused. Nobody takes it; a node that starts tries it once more, because its
configuration may know the channel."""

PARKED_FOR_MS: Final = 7 * 24 * 3600 * 1000
"""After this long in the park a row is given up."""

NOTIFICATIONS: Final = "syncline_outbox"
"""Where PostgreSQL says that there is something to take, with the part it is in."""

_INSERT = Query(
    "outbox_insert",
    """INSERT INTO outbox
        (id, channel, data, at_ms, destination, order_key, part, tags, headers, idempotency_key)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
)

# For each entry, in their order, the row of its key that was there before. On PostgreSQL the same statement adds them:
# its snapshot is taken before, and after the caller's transaction has got the locks it waited for.
_BEFORE = Query(
    "outbox_add",
    """SELECT (SELECT id FROM outbox WHERE destination = e.value ->> '$[1]' AND order_key = e.value ->> '$[2]'
                   AND at_ms < $2 ORDER BY id DESC LIMIT 1)
       FROM json_each($1) AS e ORDER BY e.key""",
    """WITH entry AS MATERIALIZED (
           SELECT * FROM json_array_elements($1::json) WITH ORDINALITY AS e (value, place)
       ), added AS (
           INSERT INTO outbox
               (id, destination, order_key, part, channel, data, tags, headers, idempotency_key, at_ms, seq)
           SELECT value ->> 0, value ->> 1, value ->> 2, (value ->> 3)::bigint, value ->> 4, value ->> 5, value ->> 6,
               value ->> 7, value ->> 8, (value ->> 9)::bigint, nextval('outbox_seq')
           FROM entry ORDER BY place
       )
       SELECT (SELECT o.id FROM outbox AS o WHERE o.destination = entry.value ->> 1
                   AND o.order_key = entry.value ->> 2 AND o.seq > 0 AND o.at_ms < $2 ORDER BY o.seq DESC LIMIT 1)
       FROM entry ORDER BY place""",
)

_LIST = Query(
    "outbox_list",
    """SELECT id, CASE WHEN order_key = '' THEN channel ELSE order_key END, at_ms, id FROM outbox
       WHERE destination = $1 AND at_ms < $2 AND id > $5 AND part IN (SELECT value FROM json_each($3))
       ORDER BY id LIMIT $4""",
    """SELECT id, order_key, at_ms, seq FROM outbox
       WHERE destination = $1 AND at_ms < $2 AND seq > 0 AND seq > $5
           AND part = ANY (ARRAY(SELECT json_array_elements_text($3::json)::bigint))
       ORDER BY seq LIMIT $4""",
)

_READ = Query(
    "outbox_read",
    """SELECT id, channel, data, order_key, part, tags, headers, idempotency_key FROM outbox
       WHERE destination = $1 AND id IN (SELECT value FROM json_each($2))""",
    """SELECT id, channel, data, order_key, part, tags, headers, idempotency_key FROM outbox
       WHERE destination = $1 AND id = ANY (ARRAY(SELECT json_array_elements_text($2::json)))""",
)

_DELETE = Query(
    "outbox_delete",
    "DELETE FROM outbox WHERE destination = $1 AND id IN (SELECT value FROM json_each($2))",
    "DELETE FROM outbox WHERE destination = $1 AND id = ANY (ARRAY(SELECT json_array_elements_text($2::json)))",
)

_RELEASE = Query(
    "outbox_release",
    "UPDATE outbox SET at_ms = 0 WHERE destination = $1 AND id IN (SELECT value FROM json_each($2))",
    """WITH released AS (
           UPDATE outbox SET at_ms = 0
           WHERE destination = $1 AND id = ANY (ARRAY(SELECT json_array_elements_text($2::json)))
           RETURNING part
       )
       SELECT pg_notify('syncline_outbox', part::text) FROM (SELECT DISTINCT part FROM released) AS parts""",
)

_PARK = Query("outbox_park", "UPDATE outbox SET at_ms = $3 WHERE destination = $1 AND id = $2")
_GIVE_UP = Query("outbox_give_up", "DELETE FROM outbox WHERE at_ms >= $1 AND at_ms < $2")
_UNPARK = Query("outbox_unpark", "UPDATE outbox SET at_ms = 0 WHERE at_ms >= $1")

# Left by a node of the version before, while both run.
_ADOPT = Query(
    "outbox_adopt",
    "",
    """UPDATE outbox SET seq = old.seq, order_key = outbox.channel
       FROM (SELECT id, nextval('outbox_seq') AS seq FROM (
           SELECT id FROM outbox WHERE destination = '' AND seq = 0 AND at_ms <= $1 ORDER BY id
       ) AS ids) AS old
       WHERE outbox.destination = '' AND outbox.id = old.id""",
)

_DESTINATIONS = Query("outbox_destinations", "SELECT destination, count(*) FROM outbox GROUP BY destination")


class Waiting(NamedTuple):
    """A row that is not parked: its key, when it was last in a node's hands, and its place in the order."""

    id: str
    lane: str
    at_ms: int
    place: str | int


async def add(tx: Transaction, entries: Sequence[OutboxEntry], at_ms: int) -> None:
    """Add rows; nobody asks what was there before."""
    await tx.execute_many(_INSERT, [_row(entry, at_ms) for entry in entries])


async def add_after(tx: Transaction, entries: Sequence[OutboxEntry], at_ms: int) -> list[str]:
    """Add rows, and tell for each the id of the row of its key that was there before; "" for none.

    Those that are added together follow each other.
    """
    rows = await tx.fetch(_BEFORE, _encode([_element(entry, at_ms) for entry in entries]), PARKED_MS)
    if tx.dialect == "sqlite":
        await add(tx, entries, at_ms)
    latest: dict[tuple[str, str], str] = {}
    before: list[str] = []
    for entry, (found,) in zip(entries, rows, strict=True):
        lane = (entry.destination, entry.lane)
        before.append(latest.get(lane) or found or "")
        latest[lane] = entry.id
    return before


async def waiting(
    database: Database, destination: str, parts: Iterable[int], after: str | int, limit: int
) -> list[Waiting]:
    """The first rows of some parts after a place, in their order."""
    rows = await database.fetch(_LIST, destination, PARKED_MS, _encode(sorted(parts)), limit, after)
    return [Waiting(*row) for row in rows]


async def read(database: Database, destination: str, ids: Sequence[str]) -> list[OutboxEntry]:
    """Those of these rows that are still there, in the given order."""
    found = {row[0]: row for row in await database.fetch(_READ, destination, _encode(ids))}
    return [_entry(destination, *found[entry_id]) for entry_id in ids if entry_id in found]


async def release(tx: Transaction, destination: str, ids: Sequence[str]) -> None:
    """They are in nobody's hands any more; whoever has their parts is told."""
    await tx.execute(_RELEASE, destination, _encode(ids))


async def settle(tx: Transaction, destination: str, done: Sequence[str], refused: Sequence[str], now_ms: int) -> None:
    """Delete what is done, park what is refused, and give up what has been parked for long enough."""
    if done:
        await tx.execute(_DELETE, destination, _encode(done))
    if refused:
        await tx.execute_many(_PARK, [(destination, entry_id, PARKED_MS + now_ms) for entry_id in refused])
        await tx.execute(_GIVE_UP, PARKED_MS, PARKED_MS + now_ms - PARKED_FOR_MS)


async def unpark(tx: Transaction) -> None:
    await tx.execute(_UNPARK, PARKED_MS)


async def adopt(tx: Transaction, left_before_ms: int) -> None:
    """Give rows of the version before this one their place in the order."""
    if tx.dialect == "postgres":
        await tx.execute(_ADOPT, left_before_ms)


async def count(database: Database) -> dict[str, int]:
    """How many rows each destination has, parked ones too. Reads them all: for operators."""
    return {destination: number for destination, number in await database.fetch(_DESTINATIONS)}


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _text(pairs: dict[str, str] | None) -> str | None:
    return _encode(pairs) if pairs else None


def _row(entry: OutboxEntry, at_ms: int) -> tuple[Value, ...]:
    return (
        entry.id,
        entry.channel,
        entry.data.decode(),
        at_ms,
        entry.destination,
        entry.lane,
        entry.part,
        _text(entry.tags),
        _text(entry.headers),
        entry.idempotency_key,
    )


def _element(entry: OutboxEntry, at_ms: int) -> tuple[Value, ...]:
    return (
        entry.id,
        entry.destination,
        entry.lane,
        entry.part,
        entry.channel,
        entry.data.decode(),
        _text(entry.tags),
        _text(entry.headers),
        entry.idempotency_key,
        at_ms,
    )


def _entry(  # noqa: PLR0913, PLR0917  # the columns of _READ
    destination: str,
    entry_id: str,
    channel: str,
    data: str,
    order_key: str,
    part: int,
    tags: str | None,
    headers: str | None,
    idempotency_key: str,
) -> OutboxEntry:
    return OutboxEntry(
        id=entry_id,
        channel=channel,
        data=data.encode(),
        destination=destination,
        order_key=order_key,
        part=part,
        tags=_pairs(tags),
        headers=_pairs(headers),
        idempotency_key=idempotency_key,
    )


def _pairs(text: str | None) -> dict[str, str] | None:
    return msgspec.json.decode(text, type=dict[str, str]) if text else None
