"""The end of sessions: written, told, and carried out on every node.

Two steps, as everywhere: `record` in the unit of work, `carry_out` once that is durable. Should the second not happen
(a crash, a cancelled request), each node's revocation feed and the outbox's sweep do it within a second.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hub.control_operations import DisconnectUser
from hub.errors import EngineUnavailable, ReplyError
from hub.protocol import codes
from sessions import events
from sessions.channels import sessions_channel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.hub import Hub
    from hub.relay.outbox import Outbox, OutboxEntry
    from sessions.audit import Audit
    from sessions.login_session import Reason
    from sessions.revocations import Revocations
    from storage.database import Row, Transaction

logger = logging.getLogger(__name__)

SYSTEM: Final = "system"
"""The actor of what nobody asked for."""


@dataclass(slots=True)
class Ended:
    """What a unit of work has ended, and the events it has left in the outbox."""

    sessions: list[tuple[str, str]] = field(default_factory=list)
    """(sid, user)"""
    at_ms: int = 0
    entries: list[OutboxEntry] = field(default_factory=list)


class Endings:
    """Ends sessions on all nodes."""

    def __init__(self, hub: Hub, outbox: Outbox, audit: Audit, revocations: Revocations) -> None:
        self._hub = hub
        self._outbox = outbox
        self._audit = audit
        self._revocations = revocations
        self.untold = 0
        """Sessions whose end the other nodes were not told at once, for want of an engine."""

    async def record(
        self,
        tx: Transaction,
        rows: Sequence[Row],
        reason: Reason,
        at_ms: int,
        *,
        actor: str,
        address: str = "",
    ) -> Ended:
        """Leave events and audit entries for sessions that this unit of work has just ended, given as (sid, user)."""
        ended = Ended([(sid, user) for sid, user in rows], at_ms=at_ms)
        told = [(sessions_channel(user), events.session_revoked(sid, reason, at_ms)) for sid, user in ended.sessions]
        ended.entries.extend(await self._outbox.add_many(tx, told))
        for sid, user in ended.sessions:
            await self._audit.record(
                tx,
                "session.revoked",
                actor=actor,
                subject=user,
                session=sid,
                address=address,
                detail={"reason": reason},
            )
        return ended

    async def carry_out(self, ended: Ended) -> None:
        """From now on this node lets none of them in; their connections are closed here, then everywhere.

        Waits for the engine only. Nothing is raised when that does not answer: the other nodes find out by themselves.
        """
        now_s = self._hub.clock.monotonic_s()
        for sid, _ in ended.sessions:
            self._revocations.add(sid, now_s)
        self._outbox.publish_soon(ended.entries)
        for sid, user in ended.sessions:
            await self._disconnect(sid, user, ended.at_ms)

    async def _disconnect(self, sid: str, user: str, at_ms: int) -> None:
        why = codes.SESSION_REVOKED
        told = DisconnectUser(user=user, session=sid, code=why.code, reason=why.reason, decided_ms=at_ms)
        try:
            await self._hub.control.perform(told)
        except (EngineUnavailable, ReplyError):
            self.untold += 1
            logger.warning("revocation_not_announced", extra={"session": sid})
