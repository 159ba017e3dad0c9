"""Users and their identities in the database. SQL and rows only: no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.accounts.user import Credentials, Role, Status, User
from storage.database import Query

if TYPE_CHECKING:
    from storage.database import Database, Row, Transaction

_COLUMNS: Final = "id, email, name, role, status, created_ms, password_hash"

_BY_ID = Query("users.by_id", f"SELECT {_COLUMNS} FROM users WHERE id = $1")
_BY_EMAIL = Query("users.by_email", f"SELECT {_COLUMNS} FROM users WHERE email = $1")
_BY_IDENTITY = Query(
    "users.by_identity",
    f"SELECT {_COLUMNS} FROM users WHERE id = (SELECT user_id FROM identities WHERE issuer = $1 AND subject = $2)",
)
# SQLite has one writer at a time, so a row that a unit of work has read stays as it is.
_HOLD = Query("users.hold", _BY_ID.sql, postgres=f"{_BY_ID.sql} FOR SHARE")
_LOCK = Query("users.lock", _BY_ID.sql, postgres=f"{_BY_ID.sql} FOR UPDATE")
_ACTIVE_ADMINS: Final = "SELECT id FROM users WHERE role = 'ADMIN' AND status = 'active' ORDER BY id"
_LOCK_ACTIVE_ADMINS = Query("users.lock_active_admins", _ACTIVE_ADMINS, postgres=f"{_ACTIVE_ADMINS} FOR UPDATE")
_PAGE = Query("users.page", f"SELECT {_COLUMNS} FROM users WHERE id > $1 ORDER BY id LIMIT $2")
_ADD = Query(
    "users.add",
    "INSERT INTO users (id, email, name, role, status, created_ms, updated_ms, password_hash)"
    " VALUES ($1, $2, $3, $4, $5, $6, $6, $7) ON CONFLICT (email) DO NOTHING",
)
_ADD_IDENTITY = Query(
    "identities.add", "INSERT INTO identities (issuer, subject, user_id, created_ms) VALUES ($1, $2, $3, $4)"
)
_REPLACE_PASSWORD = Query(
    "users.replace_password",
    "UPDATE users SET password_hash = $3, updated_ms = $4 WHERE id = $1 AND password_hash = $2",
)
_SET_NAME = Query("users.set_name", "UPDATE users SET name = $2, updated_ms = $3 WHERE id = $1")
_SET_RIGHTS = Query("users.set_rights", "UPDATE users SET role = $2, status = $3, updated_ms = $4 WHERE id = $1")


class UserStore:
    """Each method runs in the unit of work it is given, or reads outside of any.

    Raises, all of them: StorageUnavailable.
    """

    async def by_id(self, source: Database | Transaction, user_id: str) -> Credentials | None:
        return _credentials(await source.fetch_one(_BY_ID, user_id))

    async def by_email(self, source: Database | Transaction, email: str) -> Credentials | None:
        return _credentials(await source.fetch_one(_BY_EMAIL, email))

    async def by_identity(self, source: Database | Transaction, issuer: str, subject: str) -> Credentials | None:
        return _credentials(await source.fetch_one(_BY_IDENTITY, issuer, subject))

    async def hold(self, tx: Transaction, user_id: str) -> Credentials | None:
        """The user as it will be until the unit of work ends: who would change it waits."""
        return _credentials(await tx.fetch_one(_HOLD, user_id))

    async def lock(self, tx: Transaction, user_id: str) -> Credentials | None:
        """The same, for who is about to change it."""
        return _credentials(await tx.fetch_one(_LOCK, user_id))

    async def lock_active_admins(self, tx: Transaction) -> frozenset[str]:
        """Ids of the administrators who can act; nobody becomes or ceases to be one until the unit of work ends.

        (On PostgreSQL one may still become one: that makes the answer too small, never too large.)
        """
        return frozenset(row[0] for row in await tx.fetch(_LOCK_ACTIVE_ADMINS))

    async def page(self, source: Database | Transaction, after_id: str, limit: int) -> list[User]:
        """Users with larger ids than this one, in the order of their ids."""
        return [_user(row) for row in await source.fetch(_PAGE, after_id, limit)]

    async def add(self, tx: Transaction, user: User, password_hash: str) -> bool:
        """Whether it was added; not when the address is taken."""
        values = (user.id, user.email, user.name, user.role.value, user.status.value, user.created_ms, password_hash)
        return await tx.execute(_ADD, *values) == 1

    async def add_identity(self, tx: Transaction, issuer: str, subject: str, user_id: str, now_ms: int) -> None:
        """Link the identity to the user.

        Raises:
            UniqueViolation: somebody has linked it meanwhile.
        """
        await tx.execute(_ADD_IDENTITY, issuer, subject, user_id, now_ms)

    async def replace_password(self, tx: Transaction, seen: Credentials, password_hash: str, now_ms: int) -> bool:
        """Whether it was replaced; not when it is no longer the one that was seen."""
        return await tx.execute(_REPLACE_PASSWORD, seen.user.id, seen.password_hash, password_hash, now_ms) == 1

    async def set_name(self, tx: Transaction, user_id: str, name: str, now_ms: int) -> None:
        await tx.execute(_SET_NAME, user_id, name, now_ms)

    async def set_rights(self, tx: Transaction, user: User, now_ms: int) -> None:
        """Write the role and the status."""
        await tx.execute(_SET_RIGHTS, user.id, user.role.value, user.status.value, now_ms)


def _credentials(row: Row | None) -> Credentials | None:
    return Credentials(_user(row), row[6]) if row is not None else None


def _user(row: Row) -> User:
    user_id, email, name, role, status, created_ms, _ = row
    return User(user_id, email, name, Role(role), Status(status), created_ms)
