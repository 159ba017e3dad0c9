"""The port to identity providers. Implemented in `services.identity`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ExternalIdentity:
    """A user as a configured identity provider vouches for it, verified.

    Attributes:
        issuer, subject: together the identity; neither is ever reused for somebody else (OpenID Connect Core 2).
        email: "" when the provider tells none; believed only with `email_verified`.
        idp_sid: the provider's own session, for its back-channel logout; "" when it tells none.
        links_by_email: the provider is configured to be believed about whose an existing account is.
        creates_users: who is not known yet gets an account.
    """

    issuer: str
    subject: str
    email: str = ""
    email_verified: bool = False
    name: str = ""
    idp_sid: str = ""
    links_by_email: bool = False
    creates_users: bool = True


class IdentityVerifier(Protocol):
    async def verify(self, issuer: str, token: str) -> ExternalIdentity:
        """Verify an ID token of this issuer.

        Raises:
            Refusal: UNAUTHORIZED, code `invalid_credentials`: no such issuer, or the token is not good.
            hub.tokens.claims.KeysUnavailable: nobody can tell, because the provider's keys cannot be had.
        """
