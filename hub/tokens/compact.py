"""The compact form of a signed JWT: three base64url segments, taken apart without believing any of them.

RFC 7515 sections 5.2 and 7.1. PyJWT's reader checks the alphabet byte by byte in Python, parses every header anew and
cannot be called without preparing the key again: with this one an HS256 token costs half of what it costs there
(tests/unit/hub/tokens/timings.py). test_compact.py holds it to accepting nothing that PyJWT refuses.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from functools import lru_cache
from typing import NamedTuple

from hub.tokens.claims import TokenInvalid

MAX_TOKEN_BYTES = 8192
"""Longest token looked at. Identity providers stay below 4 KiB; most header limits of proxies are 8 KiB."""

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")

# RFC 8725 section 3.11. Security event tokens, logout tokens and DPoP proofs are signed with the same keys by the same
# issuers, and must not open a connection.
_ACCEPTED_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})

_Unparsed = (ValueError, RecursionError)


class Header(NamedTuple):
    """The two header parameters that are used; `kid` is "" when absent.

    `jku`, `jwk`, `x5u` and `x5c` offer a key along with the token. They are not read, so they cannot be believed.
    """

    alg: str
    kid: str


class Compact(NamedTuple):
    """A token in parts. Nothing but its form has been checked."""

    header: Header
    payload: bytes
    signing_input: bytes
    signature: bytes


def parse_compact(token: str) -> Compact:
    """Take a token apart.

    Raises:
        TokenInvalid: longer than MAX_TOKEN_BYTES, not three non-empty segments of canonical unpadded base64url, or
            a header that is not understood in full (RFC 7515 section 4.1.11).
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise TokenInvalid("too long")
    segments = _COMPACT.fullmatch(token)
    if segments is None:
        raise TokenInvalid("not in compact form")
    header, payload, signature = segments.groups()
    return Compact(
        header=_parse_header(header),
        payload=_decode_segment(payload),
        signing_input=token[: segments.end(2)].encode("ascii"),
        signature=_decode_segment(signature),
    )


def parse_object(text: bytes) -> dict[str, object]:
    """Parse a JSON object in which no name occurs twice, at any depth (RFC 7519 section 4, RFC 8725 section 2.6).

    Raises:
        TokenInvalid: anything else.
    """
    try:
        value = _DECODER.decode(text.decode())
    except _Unparsed:
        raise TokenInvalid("a segment is not unambiguous JSON") from None
    if not isinstance(value, dict):
        raise TokenInvalid("a segment is not a JSON object")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("duplicate name")
    return names


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)


# A backend's tokens differ in payload and signature, hardly ever in header; parsing it is a fifth of the whole cost.
@lru_cache(maxsize=64)
def _parse_header(segment: str) -> Header:
    parameters = parse_object(_decode_segment(segment))
    if "crit" in parameters or "b64" in parameters:
        raise TokenInvalid("header asks for an extension")
    _require_accepted_type(parameters.get("typ", "JWT"))
    alg, kid = parameters.get("alg"), parameters.get("kid", "")
    if not isinstance(alg, str) or not isinstance(kid, str):
        raise TokenInvalid("header has no usable alg or kid")
    return Header(alg, kid)


def _require_accepted_type(typ: object) -> None:
    if not isinstance(typ, str) or typ.lower() not in _ACCEPTED_TYPES:
        raise TokenInvalid("another type of token")


def _decode_segment(segment: str) -> bytes:
    """Decode base64url; a second spelling of the same bytes (set trailing bits) is refused."""
    try:
        decoded = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except binascii.Error:
        raise TokenInvalid("a segment is not base64url") from None
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != segment.encode("ascii"):
        raise TokenInvalid("a segment is not canonical base64url")
    return decoded
