"""What ID tokens, logout tokens and security events have to fulfil alike. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from msgspec import Meta, Struct

from services.identity.refused import Fault, TokenRefused

if TYPE_CHECKING:
    from services.identity.signed_token import TrustedIssuer

NumericDate = Annotated[float, Meta(ge=0, lt=1e11)]
"""Seconds since the epoch, whole or not (RFC 7519 section 2). The bound keeps milliseconds, and what overflows, out."""

MAX_IDENTIFIER_CHARS: Final = 255
"""OpenID Connect Core 1.0 section 2, of `sub`; the same for everything else that is looked up."""


class IssuedClaims(Struct, gc=False):
    """The claims that all three have."""

    iss: str
    aud: str | list[str]
    iat: NumericDate
    nbf: NumericDate = 0

    @property
    def audiences(self) -> list[str]:
        return [self.aud] if isinstance(self.aud, str) else self.aud


def check_parties(claims: IssuedClaims, trusted: TrustedIssuer) -> None:
    """Raises TokenRefused for a token from somebody else or for somebody else."""
    if claims.iss != trusted.issuer:
        raise TokenRefused(Fault.ISSUER, "not from this issuer")
    if trusted.audiences.isdisjoint(claims.audiences):
        raise TokenRefused(Fault.AUDIENCE, "not for this audience")


def check_issued(claims: IssuedClaims, trusted: TrustedIssuer, *, now_s: float) -> None:
    """Raises TokenRefused for a token from the future."""
    if max(claims.iat, claims.nbf) - trusted.leeway_s > now_s:
        raise TokenRefused(Fault.MALFORMED, "iat or nbf has not come")


def check_expiry(expires_at_s: float, trusted: TrustedIssuer, *, now_s: float) -> None:
    """Raises TokenRefused from `exp` on, moved by the leeway."""
    if expires_at_s + trusted.leeway_s <= now_s:
        raise TokenRefused(Fault.MALFORMED, "exp has passed")


def is_identifier(value: str) -> bool:
    """Whether this can name somebody: printable (no database takes NUL or a lone surrogate) and not too long."""
    return 0 < len(value) <= MAX_IDENTIFIER_CHARS and value.isprintable()


def check_identifier(claim: str, value: str) -> None:
    """Raises TokenRefused unless `is_identifier`."""
    if not is_identifier(value):
        raise TokenRefused(Fault.MALFORMED, f"{claim} is empty, too long or not printable")
