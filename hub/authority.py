"""The port to whoever issues this platform's own access tokens and keeps the login sessions behind them.

Implemented by `sessions.authority`. Without one, tokens are only those that `client.token` configures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hub.connection import Connection
    from hub.control_operations import UserTarget
    from hub.tokens.claims import ConnectClaims, SessionRef


class Authority(Protocol):
    """Only `authenticate` may wait; everything else is asked and told in the middle of a step of the loop."""

    async def authenticate(self, token: str) -> ConnectClaims | None:
        """The claims of a connection token, None when it is not one of ours.

        Raises:
            TokenExpired, TokenInvalid, KeysUnavailable: as `hub.tokens.verifier.TokenVerifier.verify_connect`.
        """

    def is_revoked(self, session: SessionRef) -> bool:
        """Whether the session has ended, as far as this node knows at this moment. O(1)."""

    def is_outdated(self, session: SessionRef) -> bool:
        """Whether the session's roles have changed since the token was issued, as far as this node knows. O(1)."""

    def connected(self, connection: Connection) -> None:
        """A connection with a session was established; it can be found from here on."""

    def closed(self, connection: Connection) -> None:
        """The transport of such a connection has ended; it is out of the registry."""

    def on_operation(self, operation: UserTarget) -> None:
        """An operation on one session is about to be applied to its connections here, whichever node it came from."""
