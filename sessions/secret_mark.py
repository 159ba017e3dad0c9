"""Which secret a database was set up with: recognised by a mark in it, which does not tell the secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sessions.sealing import derive_key
from storage.database import Query

if TYPE_CHECKING:
    from storage.database import Database, Transaction

PURPOSE: Final = "secret mark"

_LEAVE = Query(
    "secret_mark.leave", "INSERT INTO facts (name, value) VALUES ('secret_mark', $1) ON CONFLICT (name) DO NOTHING"
)
_REPLACE = Query("secret_mark.replace", "UPDATE facts SET value = $2 WHERE name = 'secret_mark' AND value = $1")
_READ = Query("secret_mark.read", "SELECT value FROM facts WHERE name = 'secret_mark'")


class AnotherSecret(Exception):
    """The database was set up with another secret: no password in it could be verified and no key opened."""

    def __init__(self) -> None:
        super().__init__(
            "accounts.secret_key is not the one that this database was set up with: no password in it would be"
            " accepted. Configure the one it had before, or name that one as accounts.previous_secret_key"
        )


async def require_same_secret(database: Database, secret: bytes, previous: bytes = b"") -> None:
    """Mark a database that has no mark yet, or has that of the previous secret; nodes that start at once agree.

    Raises:
        AnotherSecret, StorageUnavailable
    """
    mark = _mark_of(secret)
    row = await database.fetch_one(_READ)
    if row is not None and row[0] == mark:
        return

    async def work(tx: Transaction) -> None:
        await tx.execute(_LEAVE, mark)
        if previous:
            await tx.execute(_REPLACE, _mark_of(previous), mark)

    await database.run(work)
    await check_secret(database, secret)


async def check_secret(database: Database, secret: bytes, previous: bytes = b"") -> None:
    """The same, changing nothing: a database without a mark takes any secret.

    Raises:
        AnotherSecret, StorageUnavailable
    """
    known = {_mark_of(candidate) for candidate in (secret, previous) if candidate}
    row = await database.fetch_one(_READ)
    if row is not None and row[0] not in known:
        raise AnotherSecret


def _mark_of(secret: bytes) -> str:
    return derive_key(secret, PURPOSE).hex()
