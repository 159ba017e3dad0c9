"""Ends login sessions, each time in a unit of work of its own that is then carried out everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sessions import events
from sessions import session_store as store
from sessions.channels import sessions_channel
from sessions.endings import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.clock import Clock
    from hub.relay.outbox import Outbox
    from sessions.endings import Ended, Endings
    from sessions.login_session import LoginSession, Reason
    from sessions.rotation import Presented
    from storage.database import Database, Query, Transaction, Value

    Together = Callable[[Transaction], Awaitable[None]]
    """What is to happen in the same unit of work; it may be called twice, and what it raises undoes all."""


class SessionEnding:
    """What `LoginSessions` does to end sessions. `num_ended` counts since the start."""

    def __init__(self, database: Database, endings: Endings, outbox: Outbox, clock: Clock) -> None:
        self._database = database
        self._endings = endings
        self._outbox = outbox
        self._clock = clock
        self.num_ended = 0

    async def end(
        self,
        query: Query,
        whose: tuple[Value, ...],
        reason: Reason,
        *,
        actor: str,
        address: str = "",
        together: Together | None = None,
    ) -> int:
        """End what a query of `session_store` names; how many.

        Raises:
            StorageUnavailable, and whatever `together` raises: nothing has happened.
        """
        now_ms = int(self._clock.now_s() * 1000)

        async def work(tx: Transaction) -> Ended:
            if query is store.END_ALL_BUT:
                await tx.fetch(store.LOCK_USER, whose[0])  # a log-in that has begun is waited for, and ended too
            if together is not None:
                await together(tx)
            rows = await tx.fetch(query, *whose, now_ms, reason)
            return await self._endings.record(tx, rows, reason, now_ms, actor=actor, address=address)

        ended = await self._database.run(work)
        self.num_ended += len(ended.sessions)
        await self._endings.carry_out(ended)
        return len(ended.sessions)

    async def end_stolen(self, tx: Transaction, session: LoginSession, presented: Presented) -> Ended:
        """The family of a token that was replayed is this session: ended in the caller's unit of work."""
        reason: Reason = "refresh_reused"
        now_ms = presented.now_ms
        rows = await tx.fetch(store.END_ONE, session.user_id, session.id, now_ms, reason)
        ended = await self._endings.record(tx, rows, reason, now_ms, actor=SYSTEM, address=presented.address)
        if rows:
            channel = sessions_channel(session.user_id)
            ended.entries.append(await self._outbox.add(tx, channel, events.refresh_reused(session.id, now_ms)))
        return ended
