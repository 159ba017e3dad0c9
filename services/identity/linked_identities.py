"""Whose e-mail address an event names: read from what the accounts have linked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.accounts import email_address
from sessions.refusal import Refusal
from storage.database import Query

if TYPE_CHECKING:
    from storage.database import Database

_SUBJECTS: Final = Query(
    "identities.subjects_of_email",
    """SELECT identities.subject FROM users JOIN identities ON identities.user_id = users.id
       WHERE users.email = $1 AND identities.issuer = $2 ORDER BY identities.subject""",
)


class LinkedIdentities:
    """The identities of one provider by the e-mail address that the account has here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def subjects_of_email(self, issuer: str, email: str) -> list[str]:
        """The `sub` of each; none for an address that nobody has, or that may mean another mailbox than ours.

        Raises:
            StorageUnavailable
        """
        try:
            folded = email_address.fold(email)
        except Refusal:
            return []
        if not email_address.is_plain(email, folded):
            return []
        return [subject for (subject,) in await self._database.fetch(_SUBJECTS, folded, issuer)]
