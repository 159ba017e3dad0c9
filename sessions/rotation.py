"""What becomes of a refresh token that is presented: decided inside one unit of work.

live          unused, in its time: used now, replaced by its successor
raced         used within the grace: the session's own device gets the token that its successors have come to, which is
              the live one; so tabs that refresh at once, or one whose answer was lost, all end up with the same.
              Whoever names no device gets nothing, for it may be a thief or a client in a hurry
replayed      used longer ago, or shown by another device, used or not: taken for stolen
dead          its session has ended or its time has passed
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sessions import session_store as store
from sessions.session_store import to_session

if TYPE_CHECKING:
    from sessions.config import TokenIssueConfig
    from sessions.login_session import LoginSession
    from sessions.refresh_tokens import RefreshToken, RefreshTokenMint
    from storage.database import Transaction

SKEW_MS: Final = 60_000
"""How far the clocks of nodes may differ: a used token keeps its row so much longer than the grace, and may have been
used by so much in the future."""


@dataclass(frozen=True, slots=True)
class Presented:
    """A recognised token, who shows it, from where and when.

    `device_id` is "" when that is not said, and None when the token cannot but come from the device that it was given
    to: a browser's cookies are the device.
    """

    token: RefreshToken
    device_id: str | None
    address: str
    now_ms: int


@dataclass(frozen=True, slots=True)
class Rotated:
    """The session, and the token to give out; None when the presented one was replayed."""

    session: LoginSession
    token: RefreshToken | None


@dataclass(frozen=True, slots=True)
class _Kept:
    """A row of a token."""

    created_ms: int
    expires_ms: int
    used_ms: int | None
    successor_nonce: str


class Rotation:
    """The rules. Every method runs in the caller's unit of work, maybe twice, maybe on another thread."""

    def __init__(self, config: TokenIssueConfig, mint: RefreshTokenMint) -> None:
        self._mint = mint
        self._idle_ms = int(config.refresh_idle_ttl_s * 1000)
        self._absolute_ms = int(config.refresh_absolute_ttl_s * 1000)
        self._grace_ms = int(config.refresh_grace_s * 1000)

    def expires_ms(self, now_ms: int) -> int:
        """When a session that begins now ends unless it is refreshed."""
        return now_ms + min(self._idle_ms, self._absolute_ms)

    async def begin(self, tx: Transaction, session: LoginSession) -> RefreshToken:
        """The first token of a new session."""
        token = self._mint.first(session.id, session.created_ms)
        await self._add(tx, token, session)
        return token

    async def present(self, tx: Transaction, presented: Presented) -> Rotated | None:
        """Replace the token, or say what it is instead; None for a dead one."""
        row = await tx.fetch_one(store.LIVE_BY_ID, presented.token.sid, presented.now_ms)
        if row is None:
            return None
        session = to_session(row)
        if presented.device_id and presented.device_id != session.device_id:
            return Rotated(session, None)
        nonce = self._mint.nonce()
        if await tx.fetch_one(store.USE_TOKEN, presented.token.hash, presented.now_ms, nonce) is None:
            return await self._already_used(tx, presented, session)
        return await self._replace(tx, presented, nonce)

    async def _replace(self, tx: Transaction, presented: Presented, nonce: str) -> Rotated | None:
        now_ms = presented.now_ms
        row = await tx.fetch_one(
            store.EXTEND, presented.token.sid, now_ms, presented.address, now_ms + self._idle_ms, self._absolute_ms
        )
        if row is None:
            return None  # it has ended since it was read; its token is of no use any more
        session = to_session(row)
        successor = self._mint.successor(presented.token, nonce, now_ms)
        await self._add(tx, successor, session)
        await tx.execute(store.FORGET_USED, session.id, now_ms - self._grace_ms - SKEW_MS)
        return Rotated(session, successor)

    async def _already_used(self, tx: Transaction, presented: Presented, session: LoginSession) -> Rotated | None:
        rows = await tx.fetch(store.TOKENS_OF, session.id)
        kept = {row[0]: _Kept(*row[1:]) for row in rows}
        known = kept.get(presented.token.hash)
        if known is None:
            return self._unknown(presented.token, session, kept)
        if known.used_ms is None:
            return None  # in time when the session was read, and not after
        age_ms = presented.now_ms - known.used_ms
        if age_ms < -SKEW_MS:
            return None  # the clock was set back: nobody can tell a race from a replay, so neither gets anything
        if age_ms > self._grace_ms:
            return Rotated(session, None)
        if presented.device_id == "":
            return None
        return Rotated(session, self._newest(presented.token, kept))

    @staticmethod
    def _unknown(token: RefreshToken, session: LoginSession, kept: dict[str, _Kept]) -> Rotated | None:
        """Ours, and without a row. Older than what there is: used long ago. Newer: the database was set back."""
        newest_ms = max((known.created_ms for known in kept.values()), default=0)
        return Rotated(session, None) if token.issued_ms < newest_ms else None

    def _newest(self, token: RefreshToken, kept: dict[str, _Kept]) -> RefreshToken:
        """Follow the successors to the one that is not used yet. All were used after the first, so within its grace."""
        known = kept.get(token.hash)
        while known is not None and known.used_ms is not None:
            token = self._mint.successor(token, known.successor_nonce, known.used_ms)
            known = kept.get(token.hash)
        return token

    @staticmethod
    async def _add(tx: Transaction, token: RefreshToken, session: LoginSession) -> None:
        await tx.execute(store.ADD_TOKEN, token.hash, session.id, token.issued_ms, session.expires_ms)
