"""The rows behind shared state. A group of mutations costs the same few trips, whatever its size.

Locks: whoever writes documents of a user has locked the user's row in `state_users` first, users in the order of their
ids. So mutations of one user happen one after the other on all nodes, and two groups never wait for each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, Raw

from sessions.state.change_log import strip, trim
from sessions.state.document import Change, DocumentInfo
from sessions.state.ledger import Holding, Known, Ledger, Slot
from storage.database import Query

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sessions.state.mutation import Mutation
    from storage.database import Database, Row, Transaction

_LOCK_USERS = Query(
    "state_lock_users",
    """SELECT user_id, documents, bytes, floor_version, log_bytes FROM state_users
       WHERE user_id IN (SELECT value FROM json_each($1)) ORDER BY user_id""",
    """SELECT user_id, documents, bytes, floor_version, log_bytes FROM state_users
       WHERE user_id IN (SELECT json_array_elements_text($1::json)) ORDER BY user_id FOR UPDATE""",
)
_ADD_USER = Query(
    "state_add_user",
    """INSERT INTO state_users (user_id, documents, bytes, floor_version) VALUES ($1, 0, 0, 0)
       ON CONFLICT (user_id) DO NOTHING""",
)
_UPDATE_USER = Query(
    "state_update_user",
    "UPDATE state_users SET documents = $2, bytes = $3, log_bytes = $4 WHERE user_id = $1",
)

# $1 is an array of pairs.
_DOCUMENTS = Query(
    "state_documents_of_group",
    """SELECT d.user_id, d.key, d.version, d.value, d.stripped_version FROM json_each($1) w
       JOIN state_documents d
         ON d.user_id = json_extract(w.value, '$[0]') AND d.key = json_extract(w.value, '$[1]')""",
    """SELECT d.user_id, d.key, d.version, d.value, d.stripped_version FROM json_array_elements($1::json) w
       CROSS JOIN LATERAL (
           SELECT * FROM state_documents WHERE user_id = w->>0 AND key = w->>1 LIMIT 1
       ) d""",
)
_KNOWN = Query(
    "state_mutations_of_group",
    """SELECT c.user_id, c.mutation, c.key, c.version, c.digest FROM json_each($1) w
       JOIN state_changes c
         ON c.user_id = json_extract(w.value, '$[0]') AND c.mutation = json_extract(w.value, '$[1]')""",
    """SELECT c.user_id, c.mutation, c.key, c.version, c.digest FROM json_array_elements($1::json) w
       CROSS JOIN LATERAL (
           SELECT * FROM state_changes WHERE user_id = w->>0 AND mutation = w->>1 LIMIT 1
       ) c""",
)
_PUT_DOCUMENT = Query(
    "state_put_document",
    """INSERT INTO state_documents (user_id, key, version, value, updated_ms, stripped_version)
       VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (user_id, key) DO UPDATE
       SET version = excluded.version, value = excluded.value, updated_ms = excluded.updated_ms,
           stripped_version = excluded.stripped_version""",
)
_ADD_CHANGE = Query(
    "state_add_change",
    """INSERT INTO state_changes (user_id, key, version, mutation, digest, device, kind, at_ms, bytes, patch)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
)

_GET = Query("state_get", "SELECT version, value FROM state_documents WHERE user_id = $1 AND key = $2")
_FLOOR = Query("state_floor", "SELECT floor_version FROM state_users WHERE user_id = $1")
_LIST = Query(
    "state_list",
    """SELECT key, version, length(CAST(value AS blob)), updated_ms FROM state_documents
       WHERE user_id = $1 AND value IS NOT NULL ORDER BY key""",
    """SELECT key, version, octet_length(value), updated_ms FROM state_documents
       WHERE user_id = $1 AND value IS NOT NULL ORDER BY key""",
)
# As many as do not weigh more than $5 without the last one; only those are read with their patches.
_CHANGES = Query(
    "state_changes",
    """WITH sized AS (
           SELECT version, sum(bytes) OVER (ORDER BY version) - bytes AS before FROM (
               SELECT version, bytes FROM state_changes
               WHERE user_id = $1 AND key = $2 AND version > $3 ORDER BY version LIMIT $4
           ) ahead
       )
       SELECT c.version, c.kind, c.patch, c.mutation, c.device, c.at_ms FROM sized
       JOIN state_changes c ON c.user_id = $1 AND c.key = $2 AND c.version = sized.version
       WHERE sized.before < CAST($5 AS bigint) ORDER BY c.version""",
)

_ADD_EPOCH = Query(
    "state_add_epoch", "INSERT INTO facts (name, value) VALUES ('state_epoch', $1) ON CONFLICT (name) DO NOTHING"
)
_EPOCH = Query("state_epoch", "SELECT value FROM facts WHERE name = 'state_epoch'")


async def epoch(database: Database, candidate: str) -> str:
    """The name of this database's history; `candidate` becomes it when there is none."""
    row = await database.fetch_one(_EPOCH)
    if row is None:
        await database.run(lambda tx: tx.execute(_ADD_EPOCH, candidate))
        row = await database.fetch_one(_EPOCH)
    assert row is not None
    return str(row[0])


async def load(tx: Transaction, wanted: Sequence[tuple[str, Mutation]], ledger: Ledger) -> None:
    """Lock the users of these mutations and read what the mutations are about."""
    users = sorted({user for user, _ in wanted})
    ledger.holdings = await _locked_holdings(tx, users)
    if len(ledger.holdings) < len(users):
        await tx.execute_many(_ADD_USER, [(user,) for user in users])
        ledger.holdings = await _locked_holdings(tx, users)
    keys = _json({(user, mutation.key) for user, mutation in wanted})
    for user, key, version, value, stripped_version in await tx.fetch(_DOCUMENTS, keys):
        ledger.slots[user, key] = Slot(version, None if value is None else value.encode(), stripped_version)
    ids = _json({(user, mutation.id) for user, mutation in wanted})
    for user, mutation, key, version, digest in await tx.fetch(_KNOWN, ids):
        ledger.known[user, mutation] = Known(key, version, digest)


async def save(tx: Transaction, ledger: Ledger, now_ms: int) -> None:
    """Write what the ledger has accepted."""
    await tx.execute_many(_ADD_CHANGE, list(_change_rows(ledger, now_ms)))
    if ledger.trims:
        await trim(tx, ledger, now_ms - int(ledger.config.mutation_memory_s * 1000))
    await strip(tx, ledger)
    await tx.execute_many(_PUT_DOCUMENT, list(_document_rows(ledger, now_ms)))
    users = sorted({accepted.user for accepted in ledger.accepted})
    holdings = [(user, ledger.holdings[user]) for user in users]
    await tx.execute_many(_UPDATE_USER, [(user, has.documents, has.num_bytes, has.log_bytes) for user, has in holdings])


async def get(database: Database, user: str, key: str) -> Slot:
    """The document, or where its version stands without one."""
    row = await database.fetch_one(_GET, user, key)
    if row is None:
        floor = await database.fetch_one(_FLOOR, user)
        return Slot(0 if floor is None else floor[0], None)
    version, value = row
    return Slot(version, None if value is None else value.encode())


async def infos(database: Database, user: str) -> list[DocumentInfo]:
    rows = await database.fetch(_LIST, user)
    return [DocumentInfo(key=row[0], version=row[1], size_bytes=row[2], updated_ms=row[3]) for row in rows]


async def changes(database: Database, user: str, key: str, since: int, limit: int, max_bytes: int) -> list[Change]:
    """Those after `since` that the log still has, oldest first, without those whose patch was dropped.

    Args:
        max_bytes: of patches; one is given whatever it weighs, and so is the one that goes beyond.
    """
    rows = await database.fetch(_CHANGES, user, key, since, limit, max_bytes)
    return [_change(row) for row in rows if row[2] or row[1] == "remove"]


async def _locked_holdings(tx: Transaction, users: list[str]) -> dict[str, Holding]:
    rows = await tx.fetch(_LOCK_USERS, _json(users))
    return {row[0]: Holding(*row[1:]) for row in rows}


def _document_rows(ledger: Ledger, now_ms: int) -> Iterable[tuple[str | int | None, ...]]:
    """One per document, however often it was mutated."""
    for user, key in dict.fromkeys((accepted.user, accepted.mutation.key) for accepted in ledger.accepted):
        slot = ledger.slots[user, key]
        yield (
            user,
            key,
            slot.version,
            None if slot.value is None else slot.value.decode(),
            now_ms,
            slot.stripped_version,
        )


def _change_rows(ledger: Ledger, now_ms: int) -> Iterable[tuple[str | int, ...]]:
    for accepted in ledger.accepted:
        mutation = accepted.mutation
        yield (
            accepted.user,
            mutation.key,
            accepted.version,
            mutation.id,
            accepted.digest,
            mutation.device,
            mutation.kind,
            now_ms,
            len(mutation.patch),
            mutation.patch.decode(),
        )


def _change(row: Row) -> Change:
    version, kind, patch, mutation, device, at_ms = row
    return Change(
        version=version,
        kind=kind,
        patch=UNSET if kind == "remove" else Raw(patch.encode()),
        mutation=mutation,
        device=device,
        at_ms=at_ms,
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
