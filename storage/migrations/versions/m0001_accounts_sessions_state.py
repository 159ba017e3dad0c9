"""Users, login sessions, tokens, shared state, outbox, audit trail."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

# Times are milliseconds since the epoch. JSON is kept as the text it came as. Ids are UUIDv7 in text form.
UP = (
    # `email` is folded; `password_hash` is "" for accounts that only an identity provider vouches for.
    """CREATE TABLE users (
        id text PRIMARY KEY,
        email text NOT NULL UNIQUE,
        password_hash text NOT NULL,
        name text NOT NULL,
        role text NOT NULL,
        status text NOT NULL,
        created_ms bigint NOT NULL,
        updated_ms bigint NOT NULL
    )""",
    """CREATE TABLE identities (
        issuer text NOT NULL,
        subject text NOT NULL,
        user_id text NOT NULL REFERENCES users (id),
        created_ms bigint NOT NULL,
        PRIMARY KEY (issuer, subject)
    )""",
    "CREATE INDEX identities_by_user ON identities (user_id)",
    # `issuer`, `idp_subject` and `idp_sid` name the identity provider's own session, "" for password log-ins.
    # `roles` is a space-separated copy that token issue reads; accounts keep it in step.
    """CREATE TABLE login_sessions (
        id text PRIMARY KEY,
        user_id text NOT NULL,
        device_id text NOT NULL,
        name text NOT NULL,
        platform text NOT NULL,
        address text NOT NULL,
        method text NOT NULL,
        issuer text NOT NULL,
        idp_subject text NOT NULL,
        idp_sid text NOT NULL,
        roles text NOT NULL,
        created_ms bigint NOT NULL,
        last_seen_ms bigint NOT NULL,
        expires_ms bigint NOT NULL,
        revoked_ms bigint,
        revoked_reason text NOT NULL
    )""",
    "CREATE INDEX login_sessions_by_user ON login_sessions (user_id, created_ms)",
    "CREATE INDEX login_sessions_by_revocation ON login_sessions (revoked_ms) WHERE revoked_ms IS NOT NULL",
    "CREATE INDEX login_sessions_by_idp ON login_sessions (issuer, idp_subject) WHERE issuer <> ''",
    "CREATE INDEX login_sessions_by_idp_sid ON login_sessions (issuer, idp_sid) WHERE idp_sid <> ''",
    "CREATE INDEX login_sessions_by_expiry ON login_sessions (expires_ms)",
    # A token is known by its SHA-256 only. `successor_nonce` and the old token together give the next one.
    """CREATE TABLE refresh_tokens (
        hash text PRIMARY KEY,
        session_id text NOT NULL REFERENCES login_sessions (id) ON DELETE CASCADE,
        created_ms bigint NOT NULL,
        expires_ms bigint NOT NULL,
        used_ms bigint,
        successor_nonce text NOT NULL
    )""",
    "CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id)",
    # `sealed_private_key` is encrypted with a key that only the configuration has.
    """CREATE TABLE signing_keys (
        kid text PRIMARY KEY,
        algorithm text NOT NULL,
        public_jwk text NOT NULL,
        sealed_private_key text NOT NULL,
        created_ms bigint NOT NULL,
        signs_from_ms bigint NOT NULL,
        verifies_until_ms bigint
    )""",
    # GCRA: the theoretical arrival time per bucket.
    "CREATE TABLE throttles (bucket text PRIMARY KEY, arrival_ms bigint NOT NULL)",
    "CREATE INDEX throttles_by_arrival ON throttles (arrival_ms)",
    # `jti` of tokens that count once: logout tokens, security events.
    """CREATE TABLE seen_tokens (
        issuer text NOT NULL,
        jti text NOT NULL,
        until_ms bigint NOT NULL,
        PRIMARY KEY (issuer, jti)
    )""",
    """CREATE TABLE audit_log (
        id text PRIMARY KEY,
        at_ms bigint NOT NULL,
        action text NOT NULL,
        actor_id text NOT NULL,
        subject_id text NOT NULL,
        session_id text NOT NULL,
        address text NOT NULL,
        detail text NOT NULL
    )""",
    "CREATE INDEX audit_log_by_subject ON audit_log (subject_id, id)",
    # What is forgotten after a while; the rest is kept. Small, because it holds nothing else (sessions.audit).
    """CREATE INDEX audit_log_failed ON audit_log (at_ms)
        WHERE action IN ('login.failed', 'password.change_failed', 'user.registration_repeated')""",
    # One row per user with state: its lock serialises the user's mutations, its numbers are the quota.
    # `floor_version` is where documents that are made anew begin, above every version ever purged; `log_bytes` is the
    # sum of `state_changes.bytes`.
    """CREATE TABLE state_users (
        user_id text PRIMARY KEY,
        documents bigint NOT NULL,
        bytes bigint NOT NULL,
        floor_version bigint NOT NULL,
        log_bytes bigint NOT NULL DEFAULT 0
    )""",
    # `value` is NULL once removed: the version goes on. Changes up to `stripped_version` have no patch to drop.
    """CREATE TABLE state_documents (
        user_id text NOT NULL,
        key text NOT NULL,
        version bigint NOT NULL,
        value text,
        updated_ms bigint NOT NULL,
        stripped_version bigint NOT NULL DEFAULT 0,
        PRIMARY KEY (user_id, key)
    )""",
    "CREATE INDEX state_documents_by_removal ON state_documents (updated_ms) WHERE value IS NULL",
    # The change log is the memory of mutation ids too. `digest` tells a repeat from a reuse. `bytes` is the length of
    # `patch`, which is empty for a removal, and where it was dropped for want of room. It is last, because it is long.
    """CREATE TABLE state_changes (
        user_id text NOT NULL,
        key text NOT NULL,
        version bigint NOT NULL,
        mutation text NOT NULL,
        digest text NOT NULL,
        device text NOT NULL,
        kind text NOT NULL,
        at_ms bigint NOT NULL,
        bytes bigint NOT NULL,
        patch text NOT NULL,
        PRIMARY KEY (user_id, key, version),
        UNIQUE (user_id, mutation)
    )""",
    "CREATE INDEX state_changes_by_age ON state_changes (at_ms)",
    # What is committed and not yet published. In the order of `id`.
    """CREATE TABLE outbox (
        id text PRIMARY KEY,
        channel text NOT NULL,
        data text NOT NULL,
        at_ms bigint NOT NULL
    )""",
    "CREATE TABLE facts (name text PRIMARY KEY, value text NOT NULL)",
)

DOWN = tuple(
    f"DROP TABLE {table}"
    for table in (
        "facts",
        "outbox",
        "state_changes",
        "state_documents",
        "state_users",
        "audit_log",
        "seen_tokens",
        "throttles",
        "signing_keys",
        "refresh_tokens",
        "login_sessions",
        "identities",
        "users",
    )
)


# Short, and found by their key: in SQLite the key's index is the table then, a tree less to write. It is a third of the
# cost of a mutation (bench: mutations). Documents are not among them: they may be long.
KEPT_IN_KEY_ORDER = ("state_users", "state_changes", "outbox", "throttles", "seen_tokens", "identities")


def up(dialect: str) -> tuple[str, ...]:
    """The statements for one kind of database."""
    if dialect != "sqlite":
        return UP
    heads = tuple(f"CREATE TABLE {table} " for table in KEPT_IN_KEY_ORDER)
    return tuple(f"{statement} WITHOUT ROWID" if statement.startswith(heads) else statement for statement in UP)


def upgrade() -> None:
    for statement in up(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
