"""What the readers of provider tokens ask of the login sessions, without the sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from storage.database import StorageUnavailable

if TYPE_CHECKING:
    from sessions.login_session import Reason


class Ended(NamedTuple):
    """One request to end sessions."""

    issuer: str
    subject: str
    idp_sid: str


class RecordedSessions:
    """Implements EndsSessions. Each request ends two sessions, unless `is_away`."""

    def __init__(self) -> None:
        self.requests: list[Ended] = []
        self.is_away = False

    async def revoke_by_identity(self, issuer: str, *, subject: str = "", idp_sid: str = "", reason: Reason) -> int:
        assert reason == "identity_provider"
        assert subject or idp_sid, "this would end the sessions of everybody"
        if self.is_away:
            raise StorageUnavailable("down")
        self.requests.append(Ended(issuer, subject, idp_sid))
        return 2
