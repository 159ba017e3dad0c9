"""ID tokens of OpenID Connect Core 1.0: from a token to a verified identity."""

from __future__ import annotations

import hmac
import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec

from services.accounts.identity import ExternalIdentity
from services.identity.refused import Fault, TokenRefused
from services.identity.signed_token import SignedToken, check_signature, read_claims, read_token
from services.identity.token_rules import (
    IssuedClaims,
    NumericDate,
    check_expiry,
    check_identifier,
    check_issued,
    check_parties,
    is_identifier,
)
from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from hub.clock import Clock
    from services.identity.config import IdentityProviderConfig
    from services.identity.providers import IdentityProvider, IdentityProviders
    from services.identity.signed_token import TrustedIssuer

MAX_AGE_S: Final = 3600
"""An older ID token opens nothing, whatever its `exp`: with some providers that is half a day away."""

_TYPES: Final = frozenset({"", "jwt"})
_TYPE_CLAIM: Final = "id"

logger = logging.getLogger(__name__)


class _IdClaims(IssuedClaims, gc=False, kw_only=True):
    """`email_verified` is text with some providers; `typ` is Keycloak's, which signs all its tokens as JWT."""

    sub: str
    exp: NumericDate
    azp: str | None = None
    nonce: str | None = None
    sid: str | None = None
    email: str | None = None
    email_verified: bool | str | None = None
    name: str | None = None
    typ: Any = None


_DECODER: Final = msgspec.json.Decoder(_IdClaims)


class IdTokenVerifier:
    """Implements `services.accounts.identity.IdentityVerifier`. `refused` counts since the start.

    A token is good until it expires, however often it is shown: a frontend that got no answer shows it again.
    """

    def __init__(self, providers: IdentityProviders, clock: Clock) -> None:
        self._providers = providers
        self._clock = clock
        self.refused = 0

    def measures(self) -> dict[str, float]:
        """Counters, by name."""
        return {"identity_id_tokens_refused": self.refused}

    async def verify(self, issuer: str, token: str, *, nonce: str = "") -> ExternalIdentity:
        """Check an ID token of this issuer. Waits only when its keys have to be fetched.

        Args:
            nonce: what the token must carry; "" for whatever it has.

        Raises:
            Refusal: UNAUTHORIZED, code `invalid_credentials`, whatever is wrong; what it was is in the log.
            KeysUnavailable: nobody can tell, because the provider's keys cannot be had.
        """
        try:
            provider = self._provider(issuer)
            return _identity(await self._verified(provider.trusted, token, nonce), provider.config)
        except TokenRefused as exc:
            self.refused += 1
            logger.info("id_token_refused", extra={"reason": exc.detail})
            raise Refusal(Kind.UNAUTHORIZED, "invalid_credentials") from None

    def _provider(self, issuer: str) -> IdentityProvider:
        provider = self._providers.of_issuer(issuer)
        if provider is None:
            raise TokenRefused(Fault.ISSUER, "no such provider")
        return provider

    async def _verified(self, trusted: TrustedIssuer, text: str, nonce: str) -> _IdClaims:
        token = read_token(text, _TYPES)
        await check_signature(token, trusted)
        claims = read_claims(token, _DECODER)
        check_parties(claims, trusted)
        now_s = self._clock.now_s()
        check_issued(claims, trusted, now_s=now_s)
        check_expiry(claims.exp, trusted, now_s=now_s)
        check_expiry(claims.iat + MAX_AGE_S, trusted, now_s=now_s)
        _check_kind(token, claims)
        _check_authorized_party(claims, trusted)
        _check_nonce(claims, nonce)
        check_identifier("sub", claims.sub)
        return claims


def _check_kind(token: SignedToken, claims: _IdClaims) -> None:
    """Everything that keeps a logout token, an event or an access token from opening a session."""
    if "events" in token.claims:
        raise TokenRefused(Fault.MALFORMED, "a security event is no ID token")
    if claims.typ is not None and (not isinstance(claims.typ, str) or claims.typ.lower() != _TYPE_CLAIM):
        raise TokenRefused(Fault.MALFORMED, "another type of token")


def _check_authorized_party(claims: _IdClaims, trusted: TrustedIssuer) -> None:
    """OpenID Connect Core 1.0 section 3.1.3.7, points 4 and 5: a token for several says who asked for it."""
    if claims.azp is None and len(claims.audiences) > 1:
        raise TokenRefused(Fault.AUDIENCE, "several audiences and no azp")
    if claims.azp is not None and claims.azp not in trusted.audiences:
        raise TokenRefused(Fault.AUDIENCE, "asked for by another client")


def _check_nonce(claims: _IdClaims, nonce: str) -> None:
    if nonce and not hmac.compare_digest(
        (claims.nonce or "").encode("utf-8", "replace"), nonce.encode("utf-8", "replace")
    ):
        raise TokenRefused(Fault.MALFORMED, "another nonce")


def _identity(claims: _IdClaims, config: IdentityProviderConfig) -> ExternalIdentity:
    return ExternalIdentity(
        issuer=claims.iss,
        subject=claims.sub,
        email=_told(claims.email),
        email_verified=claims.email_verified in {True, "true"},
        name=_told(claims.name),
        idp_sid=_told(claims.sid),
        links_by_email=config.links_by_email,
        creates_users=config.creates_users,
    )


def _told(value: str | None) -> str:
    """What is only told and not relied upon is left away when it is unusable."""
    return value if value is not None and is_identifier(value) else ""
