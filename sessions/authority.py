"""What the hub asks and tells about login sessions: implements `hub.authority.Authority`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.control_operations import DisconnectUser, RefreshUser
from hub.protocol import codes
from hub.tokens.claims import TokenExpired

if TYPE_CHECKING:
    from hub.clock import Clock
    from hub.connection import Connection
    from hub.control_operations import UserTarget
    from hub.tokens.claims import ConnectClaims, SessionRef
    from sessions.access_tokens import AccessTokens
    from sessions.device_watch import DeviceWatch
    from sessions.last_seen import LastSeen
    from sessions.revocations import Revocations


class SessionAuthority:
    """Event-loop thread only. Nothing here asks the database, except for a key not met before."""

    def __init__(
        self, tokens: AccessTokens, revocations: Revocations, devices: DeviceWatch, last_seen: LastSeen, clock: Clock
    ) -> None:
        self._tokens = tokens
        self._revocations = revocations
        self._devices = devices
        self._last_seen = last_seen
        self._clock = clock

    async def authenticate(self, token: str) -> ConnectClaims | None:
        """A token that is older than its session's roles counts as expired, so its client gets a new one."""
        if not self._tokens.is_ours(token):
            return None
        claims = await self._tokens.verify(token)
        if self._revocations.is_outdated(claims.principal.sid, claims.issued_s):
            raise TokenExpired("the session's roles have changed since")
        return claims.connect

    def is_revoked(self, session: SessionRef) -> bool:
        return self._revocations.has(session.sid)

    def is_outdated(self, session: SessionRef) -> bool:
        return self._revocations.is_outdated(session.sid, session.issued_s)

    def connected(self, connection: Connection) -> None:
        if connection.session is not None:
            self._last_seen.note(connection.session.sid)
            self._devices.came(connection)

    def closed(self, connection: Connection) -> None:
        self._devices.went(connection)

    def on_operation(self, operation: UserTarget) -> None:
        if isinstance(operation, DisconnectUser) and operation.code == codes.SESSION_REVOKED.code:
            self._revocations.add(operation.session, self._clock.monotonic_s())
        elif isinstance(operation, RefreshUser):
            self._revocations.outdate(operation.session, self._clock.now_s(), self._clock.monotonic_s())
