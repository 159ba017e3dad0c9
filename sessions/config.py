"""What sessions can be told: frozen values that `settings` fills. Durations are seconds, sizes bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssueConfig:
    """Access and refresh tokens.

    Attributes:
        key_propagation_s: how long a new key is published before it signs: other nodes reload their keys and verifiers
            elsewhere their copy of the JWKS (max-age 300) before they meet it.
        leeway_s: how far the clocks of nodes may be apart.
        refresh_idle_ttl_s: a session not refreshed for so long ends.
        refresh_absolute_ttl_s: a session this old ends, however much it was used.
        refresh_grace_s: how long a used refresh token gives its successor again.
    """

    issuer: str = "syncline"
    audience: str = "syncline"
    algorithm: Literal["EdDSA", "RS256"] = "EdDSA"
    access_token_ttl_s: float = 300
    leeway_s: float = 5
    cache_size: int = 10_000
    key_propagation_s: float = 600
    key_reload_interval_s: float = 60
    refresh_idle_ttl_s: float = 7 * 86_400
    refresh_absolute_ttl_s: float = 30 * 86_400
    refresh_grace_s: float = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class StateConfig:
    """Shared state: what a document, a user and a patch may weigh, and how long the change log remembers.

    Attributes:
        mutation_memory_s: how long a mutation id is known; the change log reaches back at least so far.
        changes_kept: changes per document that are kept however old they are.
        log_quota_bytes: patches in one user's change log; beyond it the oldest are dropped, and their ids kept.
        mutation_rate_per_s, mutation_burst: of one user on one node, through whatever door; a rate of 0 is no limit.
    """

    max_document_bytes: int = 65_536
    max_depth: int = 32
    max_documents: int = 100
    max_user_bytes: int = 1 << 20
    max_patch_operations: int = 256
    mutation_memory_s: float = 86_400
    changes_kept: int = 100
    log_quota_bytes: int = 16 << 20
    tombstone_ttl_s: float = 30 * 86_400
    mutation_rate_per_s: int = 50
    mutation_burst: int = 200
    max_waiting: int = 10_000
    max_group: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsConfig:
    """Login sessions and what hangs on them.

    Attributes:
        secret: seals signing keys and marks refresh tokens as ours; at least 32 bytes, the same on all nodes. With
            another one, refresh tokens are refused and new signing keys are made.
        previous_secret: what it was before, while it is being changed; empty else.
        max_per_user: live sessions of one user, 0 for no limit.
        limit_policy: what one more log-in does: it is refused (409 session_limit), or it ends the oldest.
        device_offline_grace_s: how long a device may be without connection before the others are told.
        last_seen_interval_s: `last_seen` of a session is written at most this often.
        ended_retention_s: how long an ended session stays in the database.
        revocation_poll_interval_s: how late a revocation may be on a node that its message has not reached.
    """

    secret: bytes = field(repr=False)
    previous_secret: bytes = field(default=b"", repr=False)
    tokens: TokenIssueConfig = field(default_factory=TokenIssueConfig)
    state: StateConfig = field(default_factory=StateConfig)
    max_per_user: int = 100
    limit_policy: Literal["refuse", "end_oldest"] = "end_oldest"
    device_offline_grace_s: float = 10
    last_seen_interval_s: float = 60
    ended_retention_s: float = 30 * 86_400
    revocation_poll_interval_s: float = 1
    sweep_interval_s: float = 30
