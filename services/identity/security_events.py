"""Security events pushed by a provider: RFC 8417 tokens, RFC 8935 delivery, events of OpenID CAEP 1.0.

What ends sessions: `session-revoked` those it names, `credential-change` all of the person. Only sessions that were
opened with an ID token of the same provider: what else the person has here was proven otherwise.
"""

from __future__ import annotations

import hmac
import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec

from services.identity.refused import Fault, TokenRefused
from services.identity.session_ending import REASON
from services.identity.signed_token import SignedToken, check_signature, read_claims, read_token
from services.identity.subjects import Target, session_targets, user_targets
from services.identity.token_rules import (
    IssuedClaims,
    NumericDate,
    check_expiry,
    check_identifier,
    check_issued,
    check_parties,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hub.clock import Clock
    from services.identity.linked_identities import LinkedIdentities
    from services.identity.providers import IdentityProvider, IdentityProviders
    from services.identity.seen_tokens import SeenTokens
    from services.identity.session_ending import EndsSessions

    Subject = Mapping[str, Any]

_CAEP: Final = "https://schemas.openid.net/secevent/caep/event-type/"
_SSF: Final = "https://schemas.openid.net/secevent/ssf/event-type/"
SESSION_REVOKED: Final = f"{_CAEP}session-revoked"
CREDENTIAL_CHANGE: Final = f"{_CAEP}credential-change"
VERIFICATION: Final = f"{_SSF}verification"

MAX_AGE_S: Final = 7 * 86_400
"""How long a transmitter may go on trying to deliver an event; it bounds how long a `jti` is kept."""

MAX_EVENTS: Final = 32
"""In one token. Each is another aspect of the same occurrence (RFC 8417 section 2), so there are one or two."""

_TYPES: Final = frozenset({"secevent+jwt"})

logger = logging.getLogger(__name__)


class _EventClaims(IssuedClaims, gc=False, kw_only=True):
    """`sub_id` is where Shared Signals 1.0 has the subject; its drafts have `subject` in the event."""

    jti: str
    events: dict[str, dict[str, Any]]
    exp: NumericDate | None = None
    sub_id: dict[str, Any] | None = None

    @property
    def good_until_s(self) -> float:
        until_s = self.iat + MAX_AGE_S
        return until_s if self.exp is None else min(until_s, self.exp)


_DECODER: Final = msgspec.json.Decoder(_EventClaims)


def _nobody(_identifier: Subject, _issuer: str) -> list[Target]:
    """A verification event only asks whether the way is open."""
    return []


_TARGETS: Final[Mapping[str, Callable[[Subject, str], list[Target]]]] = {
    SESSION_REVOKED: session_targets,
    CREDENTIAL_CHANGE: user_targets,
    VERIFICATION: _nobody,
}


class SecurityEvents:
    """Takes security event tokens.

    Counters since the start: `received`, `refused`, `repeated`, `unknown` (events of a type that is not known here),
    `untargeted` (events about nobody that can be found), `sessions_ended`.
    """

    def __init__(
        self,
        providers: IdentityProviders,
        sessions: EndsSessions,
        linked: LinkedIdentities,
        seen: SeenTokens,
        clock: Clock,
    ) -> None:
        self._providers = providers
        self._sessions = sessions
        self._linked = linked
        self._seen = seen
        self._clock = clock
        self.received = self.refused = self.repeated = self.unknown = self.untargeted = self.sessions_ended = 0

    def measures(self) -> dict[str, float]:
        """Counters, by name."""
        return {
            "identity_events_received": self.received,
            "identity_events_refused": self.refused,
            "identity_events_repeated": self.repeated,
            "identity_events_unknown": self.unknown,
            "identity_events_untargeted": self.untargeted,
            "identity_event_sessions_ended": self.sessions_ended,
        }

    async def receive(self, set_token: str, authorization: str) -> None:
        """Act on the events of one token. When it returns, the effect is durable (RFC 8935 section 2.2) and the token
        used up; the same token again is a success that does nothing.

        Args:
            authorization: the header's value, `Bearer <one of the transmitter's tokens>`.

        Raises:
            TokenRefused: its `fault` is the error code; do not send it again.
            KeysUnavailable, StorageUnavailable: send it again; what was done by then is the same the second time.
        """
        self.received += 1
        try:
            provider, claims = await self._verified(set_token, authorization)
        except TokenRefused as exc:
            self.refused += 1
            logger.info("security_event_refused", extra={"error": exc.code, "reason": exc.detail})
            raise
        if await self._seen.has(claims.iss, claims.jti):
            self.repeated += 1
            return
        for kind, event in claims.events.items():
            await self._act(provider, kind, event, claims)
        await self._seen.remember(claims.iss, claims.jti, until_s=claims.good_until_s + provider.config.leeway_s)

    async def _verified(self, set_token: str, authorization: str) -> tuple[IdentityProvider, _EventClaims]:
        bearers = self._bearers(authorization)
        token = read_token(set_token, _TYPES)
        provider = self._transmitter(token, bearers)
        await check_signature(token, provider.transmitter)
        claims = read_claims(token, _DECODER)
        check_parties(claims, provider.transmitter)
        now_s = self._clock.now_s()
        check_issued(claims, provider.transmitter, now_s=now_s)
        check_expiry(claims.good_until_s, provider.transmitter, now_s=now_s)
        _check_form(claims)
        return provider, claims

    def _bearers(self, authorization: str) -> list[IdentityProvider]:
        """Who has this bearer token. All are compared, each in constant time."""
        scheme, _, presented = authorization.strip().partition(" ")
        found = [provider for provider in self._providers if _has_bearer_token(provider, presented.strip())]
        if scheme.lower() != "bearer" or not found:
            raise TokenRefused(Fault.AUTHENTICATION, "no known bearer token")
        return found

    def _transmitter(self, token: SignedToken, bearers: list[IdentityProvider]) -> IdentityProvider:
        provider = self._providers.of_transmitter(token.claims.get("iss"))
        if provider is None:
            raise TokenRefused(Fault.ISSUER, "not from a configured transmitter")
        if provider not in bearers:
            raise TokenRefused(Fault.ACCESS, "the bearer token is another transmitter's")
        return provider

    async def _act(self, provider: IdentityProvider, kind: str, event: Subject, claims: _EventClaims) -> None:
        targets_of = _TARGETS.get(kind)
        if targets_of is None:
            self.unknown += 1
            logger.info("security_event_unknown", extra={"provider": provider.config.name})
            return
        targets = targets_of(_subject(event, claims), provider.config.issuer)
        if not targets and kind != VERIFICATION:
            self.untargeted += 1
        ended = sum([await self._end(provider, target) for target in targets])
        self.sessions_ended += ended
        logger.info("security_event", extra={"provider": provider.config.name, "kind": kind, "sessions": ended})

    async def _end(self, provider: IdentityProvider, target: Target) -> int:
        issuer, subjects = provider.config.issuer, [target.subject]
        if target.email:
            subjects = await self._subjects_of(provider, target)
        return sum(
            [
                await self._sessions.revoke_by_identity(issuer, subject=subject, idp_sid=target.idp_sid, reason=REASON)
                for subject in subjects
            ]
        )

    async def _subjects_of(self, provider: IdentityProvider, target: Target) -> list[str]:
        """An address names somebody only for a provider that may speak for addresses; else the session alone counts."""
        config = provider.config
        if config.links_by_email and (found := await self._linked.subjects_of_email(config.issuer, target.email)):
            return found
        self.untargeted += not target.idp_sid
        return [""] if target.idp_sid else []


def _has_bearer_token(provider: IdentityProvider, presented: str) -> bool:
    offered = presented.encode("utf-8", "replace")
    matches = [hmac.compare_digest(offered, token.encode()) for token in provider.config.events.bearer_tokens if token]
    return any(matches)


def _check_form(claims: _EventClaims) -> None:
    check_identifier("jti", claims.jti)
    if not 0 < len(claims.events) <= MAX_EVENTS:
        raise TokenRefused(Fault.MALFORMED, f"between 1 and {MAX_EVENTS} events")


def _subject(event: Subject, claims: _EventClaims) -> Subject:
    nested = event.get("subject")
    return nested if isinstance(nested, dict) else claims.sub_id or {}
