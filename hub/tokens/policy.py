"""For whom, from whom and when: the checks on a genuine token that depend on the configuration and the clock. Pure."""

from __future__ import annotations

import re
from math import inf

from msgspec import UNSET

from hub.config import TokenConfig
from hub.tokens.claim_set import ClaimSet
from hub.tokens.claims import TokenExpired, TokenInvalid


class TokenPolicy:
    """Audience, issuer and time.

    The regular expressions are searched for, not matched from the start, because Centrifugo's are: anchor them.
    """

    def __init__(self, config: TokenConfig) -> None:
        self._audience = config.audience
        self._audience_regex = re.compile(config.audience_regex)
        self._issuer = config.issuer
        self._issuer_regex = re.compile(config.issuer_regex)
        self._checks_audience = bool(config.audience or config.audience_regex)
        self._leeway_s = config.leeway_s

    def check_parties(self, claim_set: ClaimSet) -> None:
        """Raises TokenInvalid for a token that is meant for somebody else or comes from somebody else.

        Without a configured audience or issuer any is accepted (RFC 7519 section 4.1.3 leaves that to us).
        """
        if self._checks_audience and not any(map(self._is_audience, claim_set.audiences)):
            raise TokenInvalid("not for this audience")
        if self._issuer and claim_set.iss != self._issuer:
            raise TokenInvalid("not from this issuer")
        if not self._issuer_regex.search(claim_set.iss):
            raise TokenInvalid("not from an accepted issuer")

    def check_time(self, claim_set: ClaimSet, *, now_s: float) -> None:
        """Raises TokenExpired before `nbf` and from `exp` on, each moved by the leeway."""
        if self.ends_at_s(claim_set) <= now_s:
            raise TokenExpired("exp has passed")
        if claim_set.nbf - self._leeway_s > now_s:
            raise TokenExpired("nbf has not come")

    def ends_at_s(self, claim_set: ClaimSet) -> float:
        """The wall-clock second from which the token is refused; infinity without `exp`."""
        return inf if claim_set.exp is UNSET else claim_set.exp + self._leeway_s

    def _is_audience(self, audience: str) -> bool:
        if self._audience and audience != self._audience:
            return False
        return self._audience_regex.search(audience) is not None
