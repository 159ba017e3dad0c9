"""The audit trail: who did what to whom, from where. Written in the unit of work of what it tells."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Required, TypedDict, Unpack

import msgspec

from sessions.identifiers import new_id
from storage.database import Query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.clock import Clock
    from storage.database import Database, Row, Transaction

MAX_PAGE: Final = 200

FAILED: Final = ("login.failed", "password.change_failed", "user.registration_repeated")
"""What came to nothing. Strangers can cause it at will, so it is not kept for ever; the index of the sweep names it too
(storage.migrations)."""

FORGOTTEN_AT_ONCE: Final = 1_000
"""Entries that one unit of work deletes: it may not keep other writers waiting."""

_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})

_AFTER_ALL_IDS: Final = "z"  # in every collation behind the digits of a UUID

_ADD = Query(
    "audit.add",
    "INSERT INTO audit_log (id, at_ms, action, actor_id, subject_id, session_id, address, detail)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
)
_COLUMNS = "id, at_ms, action, actor_id, subject_id, session_id, address, detail"
_PAGE = Query("audit.page", f"SELECT {_COLUMNS} FROM audit_log WHERE id < $1 ORDER BY id DESC LIMIT $2")
_FORGET_FAILED = Query(
    "audit.forget_failed",
    "DELETE FROM audit_log WHERE id IN (SELECT id FROM audit_log"
    f" WHERE action IN ({', '.join(map(repr, FAILED))}) AND at_ms < $1 ORDER BY at_ms LIMIT $2)",
)
_PAGE_OF = Query(
    "audit.page_of",
    f"SELECT {_COLUMNS} FROM audit_log WHERE subject_id = $3 AND id < $1 ORDER BY id DESC LIMIT $2",
)


class EntryParts(TypedDict, total=False):
    """See `Audit.record`."""

    actor: Required[str]
    subject: Required[str]
    session: str
    address: str
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry. `actor` is a user id, or a name such as `system` or `identity_provider:<issuer>`."""

    id: str
    at_ms: int
    action: str
    actor: str
    subject: str
    session: str
    address: str
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, newest first; `next_cursor` is "" at the end."""

    entries: list[AuditEntry]
    next_cursor: str


class Audit:
    """Writes and reads the trail. Entries are never changed, and those of what was done never deleted."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def record(
        self,
        tx: Transaction,
        action: str,
        *,
        actor: str,
        subject: str,
        session: str = "",
        address: str = "",
        detail: Mapping[str, object] = _NOTHING,
    ) -> None:
        """Add an entry to the caller's unit of work: what is undone leaves no entry.

        Args:
            action: `<noun>.<verb in the past>`, such as `session.revoked`.
            subject: the user it happened to.
            detail: never a secret, a token or a password.
        """
        at_ms = int(self._clock.now_s() * 1000)
        text = msgspec.json.encode(dict(detail)).decode()
        await tx.execute(_ADD, new_id(), at_ms, action, actor, subject, session, address, text)

    async def record_alone(self, action: str, **entry: Unpack[EntryParts]) -> None:
        """Add an entry in a unit of work of its own: for what is done elsewhere than in the database, before it is.

        Raises:
            StorageUnavailable
        """
        await self._database.run(lambda tx: self.record(tx, action, **entry))

    async def forget_failed(self, before_ms: int) -> int:
        """Delete the entries of FAILED that are older; how many.

        Raises:
            StorageUnavailable
        """
        total = 0
        while deleted := await self._database.run(lambda tx: tx.execute(_FORGET_FAILED, before_ms, FORGOTTEN_AT_ONCE)):
            total += deleted
            if deleted < FORGOTTEN_AT_ONCE:
                break
        return total

    async def list(self, subject: str, cursor: str, limit: int) -> AuditPage:
        """A page of the trail, newest first.

        Args:
            subject: only what happened to this user; "" for all.
            cursor: `next_cursor` of the page before, "" to begin.
            limit: at most MAX_PAGE.

        Raises:
            StorageUnavailable
        """
        size = max(1, min(limit, MAX_PAGE))
        values = (cursor or _AFTER_ALL_IDS, size + 1)
        if subject:
            rows = await self._database.fetch(_PAGE_OF, *values, subject)
        else:
            rows = await self._database.fetch(_PAGE, *values)
        entries = [_entry(row) for row in rows[:size]]
        return AuditPage(entries, entries[-1].id if len(rows) > size else "")


def _entry(row: Row) -> AuditEntry:
    identifier, at_ms, action, actor, subject, session, address, detail = row
    return AuditEntry(identifier, at_ms, action, actor, subject, session, address, msgspec.json.decode(detail))
