"""The port through which a provider's word ends sessions here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from sessions.login_session import Reason

REASON: Final[Reason] = "identity_provider"
"""What the user's devices and the audit trail are told (docs/sessions.md section 5)."""


class EndsSessions(Protocol):
    """Implemented by `sessions.login_sessions.LoginSessions`."""

    async def revoke_by_identity(self, issuer: str, *, subject: str = "", idp_sid: str = "", reason: Reason) -> int:
        """End the sessions that were opened with an ID token of this issuer and, where given, of this subject and of
        the provider's session; how many there were. Again is the same as once. One of the two is always given.

        Raises:
            StorageUnavailable: repeat it.
        """
