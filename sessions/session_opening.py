"""Begins a login session, in the caller's unit of work: room is made for it, or it is refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sessions import events
from sessions import session_store as store
from sessions.channels import sessions_channel
from sessions.endings import Ended
from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.relay.outbox import Outbox
    from sessions.audit import Audit
    from sessions.config import SessionsConfig
    from sessions.endings import Endings
    from sessions.login_session import LoginSession
    from sessions.refresh_tokens import RefreshToken
    from sessions.rotation import Rotation
    from storage.database import Transaction

    Admit = Callable[[Transaction], Awaitable[frozenset[str]]]


@dataclass(frozen=True, slots=True)
class Opened:
    """The session, its first refresh token, and what had to end for it; the events of both are in `ended`."""

    session: LoginSession
    token: RefreshToken
    ended: Ended


class SessionOpening:
    """One at a time per user, so that the limit holds for log-ins at once."""

    def __init__(
        self, config: SessionsConfig, rotation: Rotation, endings: Endings, outbox: Outbox, audit: Audit
    ) -> None:
        self._config = config
        self._rotation = rotation
        self._endings = endings
        self._outbox = outbox
        self._audit = audit

    async def open(self, tx: Transaction, session: LoginSession, admit: Admit | None) -> Opened:
        """Write the session and all that goes with it. May run twice.

        Raises:
            Refusal: CONFLICT session_limit, or what `admit` raises.
        """
        await tx.fetch(store.LOCK_USER, session.user_id)
        if admit is not None:
            session = replace(session, roles=await admit(tx))
        ended = await self._make_room(tx, session)
        await store.insert(tx, session)
        token = await self._rotation.begin(tx, session)
        event = events.session_created(session, session.created_ms)
        ended.entries.append(await self._outbox.add(tx, sessions_channel(session.user_id), event))
        await self._audit.record(
            tx,
            "session.opened",
            actor=session.user_id,
            subject=session.user_id,
            session=session.id,
            address=session.address,
            detail={"method": session.method, "device": session.device_id},
        )
        return Opened(session, token, ended)

    async def _make_room(self, tx: Transaction, session: LoginSession) -> Ended:
        limit = self._config.max_per_user
        live = await store.live_of_user(tx, session.user_id, session.created_ms) if limit else []
        surplus = len(live) + 1 - limit
        if not limit or surplus <= 0:
            return Ended()
        if self._config.limit_policy == "refuse":
            raise Refusal(Kind.CONFLICT, "session_limit", f"at most {limit} sessions at a time")
        now_ms = session.created_ms
        rows = [
            row
            for oldest in live[-surplus:]
            for row in await tx.fetch(store.END_ONE, oldest.user_id, oldest.id, now_ms, "session_limit")
        ]
        return await self._endings.record(tx, rows, "session_limit", now_ms, actor=session.user_id)
