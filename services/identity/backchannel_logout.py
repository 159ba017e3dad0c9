"""OpenID Connect Back-Channel Logout 1.0, the relying party's side."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec

from services.identity.refused import Fault, TokenRefused
from services.identity.session_ending import REASON
from services.identity.signed_token import SignedToken, check_signature, read_claims, read_token
from services.identity.token_rules import (
    IssuedClaims,
    NumericDate,
    check_expiry,
    check_identifier,
    check_issued,
    check_parties,
)

if TYPE_CHECKING:
    from hub.clock import Clock
    from services.identity.providers import IdentityProvider, IdentityProviders
    from services.identity.seen_tokens import SeenTokens
    from services.identity.session_ending import EndsSessions

EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_TYPE: Final = "logout+jwt"
MAX_AGE_S: Final = 3600
"""Older logout tokens are refused whatever their `exp`; it bounds how long a `jti` is kept."""

_TYPES: Final = frozenset({"", "jwt", LOGOUT_TYPE})

logger = logging.getLogger(__name__)


class _LogoutClaims(IssuedClaims, gc=False, kw_only=True):
    exp: NumericDate
    jti: str
    events: dict[str, dict[str, Any]]
    sub: str | None = None
    sid: str | None = None

    @property
    def good_until_s(self) -> float:
        return min(self.exp, self.iat + MAX_AGE_S)


_DECODER: Final = msgspec.json.Decoder(_LogoutClaims)


class BackchannelLogout:
    """Takes logout tokens. `received`, `refused` and `sessions_ended` count since the start."""

    def __init__(self, providers: IdentityProviders, sessions: EndsSessions, seen: SeenTokens, clock: Clock) -> None:
        self._providers = providers
        self._sessions = sessions
        self._seen = seen
        self._clock = clock
        self.received = 0
        self.refused = 0
        self.sessions_ended = 0

    def measures(self) -> dict[str, float]:
        """Counters, by name."""
        return {
            "identity_logouts_received": self.received,
            "identity_logouts_refused": self.refused,
            "identity_logout_sessions_ended": self.sessions_ended,
        }

    async def receive(self, logout_token: str) -> int:
        """End the sessions that the token is about; how many there were. 0 is a success: nothing was left to end.

        The provider may send a token again after KeysUnavailable or StorageUnavailable: it is used up by its effect
        only, and the effect is the same the second time. Cancelled, it is as after StorageUnavailable.

        Raises:
            TokenRefused: a rule of section 2.6 is broken, or the token was used before.
            KeysUnavailable: the provider's keys cannot be had to check it.
            StorageUnavailable
        """
        self.received += 1
        try:
            provider, claims = await self._verified(logout_token)
        except TokenRefused as exc:
            self.refused += 1
            logger.info("logout_token_refused", extra={"reason": exc.detail})
            raise
        return await self._end(provider, claims)

    async def _verified(self, logout_token: str) -> tuple[IdentityProvider, _LogoutClaims]:
        token = read_token(logout_token, _TYPES)
        provider = self._providers.of_issuer(token.claims.get("iss"))
        if provider is None:
            raise TokenRefused(Fault.ISSUER, "not from a configured provider")
        await check_signature(token, provider.trusted)
        claims = read_claims(token, _DECODER)
        check_parties(claims, provider.trusted)
        self._check_time(provider, claims)
        _check_kind(token, claims, provider)
        _check_subject(claims)
        if await self._seen.has(claims.iss, claims.jti):
            raise TokenRefused(Fault.MALFORMED, "used before")
        return provider, claims

    def _check_time(self, provider: IdentityProvider, claims: _LogoutClaims) -> None:
        now_s = self._clock.now_s()
        check_issued(claims, provider.trusted, now_s=now_s)
        check_expiry(claims.good_until_s, provider.trusted, now_s=now_s)

    async def _end(self, provider: IdentityProvider, claims: _LogoutClaims) -> int:
        ended = await self._sessions.revoke_by_identity(
            claims.iss, subject=claims.sub or "", idp_sid=claims.sid or "", reason=REASON
        )
        await self._seen.remember(claims.iss, claims.jti, until_s=claims.good_until_s + provider.trusted.leeway_s)
        self.sessions_ended += ended
        logger.info("logged_out_by_provider", extra={"provider": provider.config.name, "sessions": ended})
        return ended


def _check_kind(token: SignedToken, claims: _LogoutClaims, provider: IdentityProvider) -> None:
    """Everything that keeps an ID token, or another event, from being taken for a logout."""
    if provider.config.requires_logout_type and token.typ != LOGOUT_TYPE:
        raise TokenRefused(Fault.MALFORMED, f"typ is not {LOGOUT_TYPE}")
    if EVENT not in claims.events:
        raise TokenRefused(Fault.MALFORMED, "events has no back-channel logout")
    if "nonce" in token.claims:
        raise TokenRefused(Fault.MALFORMED, "a logout token has no nonce")


def _check_subject(claims: _LogoutClaims) -> None:
    if claims.sub is None and claims.sid is None:
        raise TokenRefused(Fault.MALFORMED, "neither sub nor sid")
    for claim, value in (("sub", claims.sub), ("sid", claims.sid), ("jti", claims.jti)):
        if value is not None:
            check_identifier(claim, value)
