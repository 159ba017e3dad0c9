"""A JSON Web Key Set as published by an identity provider: document in, verifying keys out. No I/O.

RFC 7517. A set usually also holds keys that are not for us (encryption, other algorithms); those are passed over, as
its section 5 asks. Secret (`oct`) and private keys are passed over too: a verifier has no use for them, and an HMAC
secret that was published is none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hub.tokens.keys import ECDSA_ALGORITHMS, EDDSA_ALGORITHMS, RSA_ALGORITHMS, VerifyingKey, bind

MAX_DOCUMENT_BYTES: Final = 256 * 1024
MAX_KEYS: Final = 100
"""More keys of a set are not read; providers publish two or three per purpose."""

_ALGORITHMS_BY_KTY: Final[Mapping[str, tuple[str, ...]]] = {
    "RSA": RSA_ALGORITHMS,
    "EC": ECDSA_ALGORITHMS,
    "OKP": EDDSA_ALGORITHMS,
}
REMOTE_ALGORITHMS: Final = frozenset(alg for algorithms in _ALGORITHMS_BY_KTY.values() for alg in algorithms)


class KeySetUnusable(ValueError):
    """The document is no JWK set, too large, or holds no key that verifies a token."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of one document by (kid, algorithm); a key without a `kid` stands under "".

    Two sets are equal when they were read from the same bytes.
    """

    document: bytes
    keys: Mapping[tuple[str, str], VerifyingKey] = field(compare=False)
    kids: frozenset[str] = field(compare=False)


EMPTY: Final = KeySet(b"", {}, frozenset())


def parse_key_set(document: bytes) -> KeySet:
    """Read a key set.

    Raises:
        KeySetUnusable: nothing else, whatever the input.
    """
    keys: dict[tuple[str, str], VerifyingKey] = {}
    for jwk in _members(document)[:MAX_KEYS]:
        for alg, key in _bind_jwk(jwk).items():
            keys.setdefault((jwk.get("kid", ""), alg), key)
    if not keys:
        raise KeySetUnusable("no key that verifies a token")
    return KeySet(document, keys, frozenset(kid for kid, _ in keys))


def _members(document: bytes) -> list[dict[str, Any]]:
    if len(document) > MAX_DOCUMENT_BYTES:
        raise KeySetUnusable("document too large")
    try:
        value = json.loads(document)
    except (ValueError, RecursionError):
        raise KeySetUnusable("document is not JSON") from None
    members = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(members, list):
        raise KeySetUnusable("document has no keys")
    return [member for member in members if isinstance(member, dict)]


def _bind_jwk(jwk: dict[str, Any]) -> dict[str, VerifyingKey]:
    """The key once for each algorithm it may be used with: none, one (its `alg`, or its curve's), or its family's."""
    if not _is_for_verifying(jwk):
        return {}
    kty = jwk.get("kty")
    family = _ALGORITHMS_BY_KTY.get(kty, ()) if isinstance(kty, str) else ()
    named = jwk.get("alg")
    return {
        alg: key
        for alg in family
        if named in (None, alg) and (key := bind(alg, lambda algorithm: algorithm.from_jwk(jwk))) is not None
    }


def _is_for_verifying(jwk: dict[str, Any]) -> bool:
    operations = jwk.get("key_ops", ["verify"])
    return (
        jwk.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and isinstance(jwk.get("kid", ""), str)
    )
