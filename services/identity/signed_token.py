"""A JWT of an identity provider, from text to a payload that a key of that provider has signed.

PyJWT takes the compact form apart here: the reader of `hub.tokens.compact` is made for the connect storm and knows the
types of access tokens only. Which algorithms count follows from the configuration and the published keys, never from
the token; `jku`, `jwk`, `x5u` and `x5c` are not read, so they cannot be believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import jwt
import msgspec

from hub.tokens.claims import TokenInvalid
from hub.tokens.compact import MAX_TOKEN_BYTES, parse_object
from services.identity.refused import Fault, TokenRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.tokens.jwks import PublishedKeys

_Claims = TypeVar("_Claims")

_JWS: Final = jwt.PyJWS()
_UNREADABLE: Final = (jwt.PyJWTError, ValueError, RecursionError)


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token in parts, `typ` in lower case without `application/`. Only its form has been checked.

    `claims` are every name of the payload: to choose the issuer by, and to see what must not be there.
    """

    text: str
    typ: str
    alg: str
    kid: str
    payload: bytes
    claims: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """Whose signature counts.

    Attributes:
        audiences: what we are called in `aud`.
        leeway_s: how far its clock may be from ours.
    """

    issuer: str
    audiences: frozenset[str]
    algorithms: frozenset[str]
    leeway_s: float
    keys: PublishedKeys


def read_token(token: str, types: frozenset[str]) -> SignedToken:
    """Take a token apart.

    Args:
        types: what `typ` may be, in lower case without `application/`; "" for none at all.

    Raises:
        TokenRefused: too long, not in compact form, of another type, or its payload is no unambiguous JSON object.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise TokenRefused(Fault.MALFORMED, "too long")
    try:
        parts = _JWS.decode_complete(token, options={"verify_signature": False})
        claims = parse_object(parts["payload"])
    except _UNREADABLE:
        raise TokenRefused(Fault.MALFORMED, "not a signed JWT in compact form") from None
    except TokenInvalid as exc:
        raise TokenRefused(Fault.MALFORMED, str(exc)) from None
    typ, alg, kid = _checked_header(parts["header"], types)
    return SignedToken(token, typ, alg, kid, parts["payload"], claims)


async def check_signature(token: SignedToken, trusted: TrustedIssuer) -> None:
    """Waits only when the key set has to be fetched.

    Raises:
        TokenRefused: an algorithm that is not allowed, a key that is not published, or a wrong signature.
        KeysUnavailable: the key set that could tell cannot be had; the same token may be good later.
    """
    if token.alg not in trusted.algorithms:
        raise TokenRefused(Fault.KEY, "algorithm not accepted")
    try:
        key = await trusted.keys.find(token.kid, token.alg)
    except TokenInvalid as exc:
        raise TokenRefused(Fault.KEY, str(exc)) from None
    signing_input, _, _ = token.text.rpartition(".")
    if not key.has_signed(signing_input.encode("ascii"), _signature(token)):
        raise TokenRefused(Fault.KEY, "signature")


def read_claims(token: SignedToken, decoder: msgspec.json.Decoder[_Claims]) -> _Claims:
    """The payload as the claims of one kind of token.

    Raises:
        TokenRefused: a claim is missing or has the wrong type. The reason names the claim and does not quote it.
    """
    try:
        return decoder.decode(token.payload)
    except (msgspec.DecodeError, RecursionError) as exc:
        raise TokenRefused(Fault.MALFORMED, f"claims: {exc}") from None


def _checked_header(header: Mapping[str, Any], types: frozenset[str]) -> tuple[str, str, str]:
    if "crit" in header or "b64" in header:
        raise TokenRefused(Fault.MALFORMED, "header asks for an extension")
    typ, alg, kid = header.get("typ", ""), header.get("alg"), header.get("kid", "")
    short = typ.lower().removeprefix("application/") if isinstance(typ, str) else None
    if short not in types:
        raise TokenRefused(Fault.MALFORMED, "another type of token")
    if not isinstance(alg, str):
        raise TokenRefused(Fault.KEY, "header has no usable alg")
    return short, alg, kid


def _signature(token: SignedToken) -> bytes:
    signature: bytes = jwt.utils.base64url_decode(token.text.rpartition(".")[2])
    return signature
