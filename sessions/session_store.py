"""SQL of login sessions and their refresh tokens. Everything that writes runs in the caller's unit of work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sessions.login_session import LoginSession
from storage.database import Query

if TYPE_CHECKING:
    from storage.database import Row, Transaction

COLUMNS: Final = (
    "id, user_id, device_id, name, platform, address, method, issuer, idp_subject, idp_sid, roles,"
    " created_ms, last_seen_ms, expires_ms, revoked_ms, revoked_reason"
)

INSERT = Query(
    "sessions.insert",
    f"INSERT INTO login_sessions ({COLUMNS})"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
)

# What has to be decided about all sessions of a user is decided by one unit of work at a time.
LOCK_USER = Query(
    "sessions.lock_user",
    "SELECT 1 WHERE $1 <> ''",
    "SELECT 1 FROM pg_advisory_xact_lock(hashtextextended($1, 20))",
)

LIVE_OF_USER = Query(
    "sessions.live_of_user",
    f"SELECT {COLUMNS} FROM login_sessions WHERE user_id = $1 AND revoked_ms IS NULL AND expires_ms > $2"
    " ORDER BY created_ms DESC, id DESC",
)

HAS_DEVICE = Query(
    "sessions.has_device",
    "SELECT 1 FROM login_sessions WHERE user_id = $1 AND device_id = $2 LIMIT 1",
)

RENAME = Query(
    "sessions.rename",
    "UPDATE login_sessions SET name = $3 WHERE user_id = $1 AND id = $2 AND revoked_ms IS NULL AND expires_ms > $4"
    f" RETURNING {COLUMNS}",
)

SET_ROLES = Query(
    "sessions.set_roles",
    "UPDATE login_sessions SET roles = $2 WHERE user_id = $1 AND revoked_ms IS NULL AND roles <> $2 RETURNING id",
)

END_ONE = Query(
    "sessions.end_one",
    "UPDATE login_sessions SET revoked_ms = $3, revoked_reason = $4"
    " WHERE user_id = $1 AND id = $2 AND revoked_ms IS NULL AND expires_ms > $3 RETURNING id, user_id",
)

END_ALL_BUT = Query(
    "sessions.end_all_but",
    "UPDATE login_sessions SET revoked_ms = $3, revoked_reason = $4"
    " WHERE user_id = $1 AND id <> $2 AND revoked_ms IS NULL AND expires_ms > $3 RETURNING id, user_id",
)

# Both say what their partial index says, or SQLite would not use it.
END_OF_IDENTITY = Query(
    "sessions.end_of_identity",
    "UPDATE login_sessions SET revoked_ms = $4, revoked_reason = $5"
    " WHERE issuer = $1 AND issuer <> '' AND idp_subject = $2 AND ($3 = '' OR idp_sid = $3)"
    " AND revoked_ms IS NULL AND expires_ms > $4 RETURNING id, user_id",
)

END_OF_IDP_SESSION = Query(
    "sessions.end_of_idp_session",
    "UPDATE login_sessions SET revoked_ms = $3, revoked_reason = $4"
    " WHERE issuer = $1 AND idp_sid = $2 AND idp_sid <> '' AND revoked_ms IS NULL AND expires_ms > $3"
    " RETURNING id, user_id",
)

# Two nodes may sweep at once: each row is ended by one of them.
END_EXPIRED = Query(
    "sessions.end_expired",
    "UPDATE login_sessions SET revoked_ms = $1, revoked_reason = $2 WHERE revoked_ms IS NULL AND id IN"
    " (SELECT id FROM login_sessions WHERE expires_ms <= $1 AND revoked_ms IS NULL ORDER BY expires_ms LIMIT $3)"
    " RETURNING id, user_id",
    "UPDATE login_sessions SET revoked_ms = $1, revoked_reason = $2 WHERE revoked_ms IS NULL AND id IN"
    " (SELECT id FROM login_sessions WHERE expires_ms <= $1 AND revoked_ms IS NULL ORDER BY expires_ms LIMIT $3"
    " FOR UPDATE SKIP LOCKED) RETURNING id, user_id",
)

FORGET_ENDED = Query(
    "sessions.forget_ended",
    "DELETE FROM login_sessions WHERE id IN"
    " (SELECT id FROM login_sessions WHERE revoked_ms IS NOT NULL AND revoked_ms <= $1 LIMIT $2)",
)

ENDED_SINCE = Query("sessions.ended_since", "SELECT id, revoked_ms FROM login_sessions WHERE revoked_ms > $1")

TOUCH = Query("sessions.touch", "UPDATE login_sessions SET last_seen_ms = $2 WHERE id = $1 AND last_seen_ms < $3")

# The longest life of a session is the limit of each extension: $5 is added to its beginning.
EXTEND = Query(
    "sessions.extend",
    "UPDATE login_sessions SET last_seen_ms = $2, address = $3,"
    " expires_ms = CASE WHEN created_ms + $5 < $4 THEN created_ms + $5 ELSE $4 END"
    f" WHERE id = $1 AND revoked_ms IS NULL AND expires_ms > $2 RETURNING {COLUMNS}",
    # Parameters that are added to a column have its type only when they say so.
    "UPDATE login_sessions SET last_seen_ms = $2::bigint, address = $3,"
    " expires_ms = least(created_ms + $5::bigint, $4::bigint)"
    f" WHERE id = $1 AND revoked_ms IS NULL AND expires_ms > $2::bigint RETURNING {COLUMNS}",
)

LIVE_BY_ID = Query(
    "sessions.live_by_id",
    f"SELECT {COLUMNS} FROM login_sessions WHERE id = $1 AND revoked_ms IS NULL AND expires_ms > $2",
)

ADD_TOKEN = Query(
    "refresh_tokens.add",
    "INSERT INTO refresh_tokens (hash, session_id, created_ms, expires_ms, used_ms, successor_nonce)"
    " VALUES ($1, $2, $3, $4, NULL, '')",
)

# Decides the race: of all who present a token, one finds it unused.
USE_TOKEN = Query(
    "refresh_tokens.use",
    "UPDATE refresh_tokens SET used_ms = $2, successor_nonce = $3"
    " WHERE hash = $1 AND used_ms IS NULL AND expires_ms > $2 RETURNING session_id",
)

TOKENS_OF = Query(
    "refresh_tokens.of_session",
    "SELECT hash, created_ms, expires_ms, used_ms, successor_nonce FROM refresh_tokens WHERE session_id = $1",
)

FORGET_USED = Query(
    "refresh_tokens.forget_used",
    "DELETE FROM refresh_tokens WHERE session_id = $1 AND used_ms IS NOT NULL AND used_ms < $2",
)


def to_session(row: Row) -> LoginSession:
    """A row of COLUMNS as a value."""
    return LoginSession(
        id=row[0],
        user_id=row[1],
        device_id=row[2],
        name=row[3],
        platform=row[4],
        address=row[5],
        method=row[6],
        issuer=row[7],
        idp_subject=row[8],
        idp_sid=row[9],
        roles=frozenset(row[10].split()),
        created_ms=row[11],
        last_seen_ms=row[12],
        expires_ms=row[13],
        revoked_ms=row[14],
        revoked_reason=row[15],
    )


def roles_text(roles: frozenset[str]) -> str:
    """Roles as the database has them."""
    return " ".join(sorted(roles))


async def insert(tx: Transaction, session: LoginSession) -> None:
    await tx.execute(
        INSERT,
        session.id,
        session.user_id,
        session.device_id,
        session.name,
        session.platform,
        session.address,
        session.method,
        session.issuer,
        session.idp_subject,
        session.idp_sid,
        roles_text(session.roles),
        session.created_ms,
        session.last_seen_ms,
        session.expires_ms,
        session.revoked_ms,
        session.revoked_reason,
    )


async def live_of_user(tx: Transaction, user_id: str, now_ms: int) -> list[LoginSession]:
    """The user's live sessions, newest first."""
    return [to_session(row) for row in await tx.fetch(LIVE_OF_USER, user_id, now_ms)]
