"""The port to login sessions: what accounts need of them. Implemented by `sessions.login_sessions.LoginSessions`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sessions.login_session import DeviceInfo, Reason, Tokens
    from storage.database import Transaction

    Together = Callable[[Transaction], Awaitable[None]]


class SessionKeeper(Protocol):
    async def open(  # noqa: PLR0913  # what a login session is, all of it by name
        self,
        user_id: str,
        device: DeviceInfo,
        *,
        address: str,
        roles: frozenset[str],
        method: str,
        issuer: str = "",
        idp_subject: str = "",
        idp_sid: str = "",
        admit: Callable[[Transaction], Awaitable[frozenset[str]]] | None = None,
    ) -> Tokens:
        """Open a session. `admit` runs in the same unit of work, says the roles, and may refuse."""

    async def has_known_device(self, user_id: str, device_id: str) -> bool:
        """Whether this device has ever been logged in to this account."""

    async def set_roles(self, user_id: str, roles: frozenset[str], *, together: Together | None = None) -> None:
        """Give the user's live sessions these roles, and make its live devices fetch new tokens.

        `together` comes first in the same unit of work; what it raises undoes all of it.
        """

    async def revoke_others(
        self,
        user_id: str,
        sid: str,
        reason: Reason,
        *,
        actor: str,
        address: str = "",
        together: Together | None = None,
    ) -> int:
        """End the user's sessions but this one. `together` as above."""

    async def revoke_all(
        self, user_id: str, reason: Reason, *, actor: str, address: str = "", together: Together | None = None
    ) -> int:
        """End all of the user's sessions. `together` as above."""
