"""One signing key: made, sealed for the database, read again, used."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from hub.tokens.keys import VerifyingKey, bind
from sessions.sealing import Seal, SealBroken

if TYPE_CHECKING:
    from collections.abc import Callable

PURPOSE: Final = "signing keys"
"""What the seal of private keys is derived for."""

KID_PREFIX: Final = "syncline-"
"""How our own tokens are told from those of others before any key is looked up."""

RSA_BITS: Final = 2048

_MAKE: Final[dict[str, Callable[[], Any]]] = {
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
    "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS),
}

_TO_JWK: Final[dict[str, Callable[[Any], Any]]] = {
    "EdDSA": lambda key: OKPAlgorithm.to_jwk(key, as_dict=True),
    "RS256": lambda key: RSAAlgorithm.to_jwk(key, as_dict=True),
}

# RFC 7638 section 3.2: the members that make the key.
_KEY_MEMBERS: Final = {"EdDSA": ("crv", "kty", "x"), "RS256": ("e", "kty", "n")}


class KeyUnreadable(Exception):
    """A public key in the database that is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A key of ours and when it is used.

    Attributes:
        signs_from_ms: from then it signs, if it is the newest that does.
        verifies_until_ms: from then nothing it signed is accepted; None while no end is set.
        private: None when it was sealed under another secret: the key can verify and not sign.
        header: the first segment of every token it signs. A token is ours when it begins with one of these to the
            byte, so no header of anyone else's making is ever looked at.
    """

    kid: str
    algorithm: str
    public_jwk: dict[str, str]
    created_ms: int
    signs_from_ms: int
    verifies_until_ms: int | None
    private: Any = field(repr=False)
    verifying: VerifyingKey
    header: str

    def sign(self, signing_input: bytes) -> bytes:
        return jwt.get_algorithm_by_name(self.algorithm).sign(signing_input, self.private)

    def can_sign(self, now_ms: int) -> bool:
        """Whether we can open it and what it signs would be accepted; not whether its time has come."""
        return self.private is not None and self.is_trusted(now_ms)

    def is_trusted(self, now_ms: int) -> bool:
        """Whether what it has signed is accepted."""
        return self.verifies_until_ms is None or now_ms < self.verifies_until_ms


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A key pair in the form that the database keeps."""

    kid: str
    algorithm: str
    public_jwk: str
    sealed_private_key: str


def make_key(algorithm: str, seal: Seal) -> SealedKey:
    """A new key. RSA takes a tenth of a second and more: not on the loop's thread."""
    private = _MAKE[algorithm]()
    jwk = _public_jwk(algorithm, private.public_key())
    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return SealedKey(jwk["kid"], algorithm, msgspec.json.encode(jwk).decode(), seal.close(der, jwk["kid"]))


def read_key(
    key: SealedKey, *, seal: Seal, created_ms: int, signs_from_ms: int, verifies_until_ms: int | None
) -> KeyPair:
    """Raises KeyUnreadable for a public key that cannot be used; a private one that cannot is None."""
    jwk = msgspec.json.decode(key.public_jwk, type=dict[str, str])
    verifying = bind(key.algorithm, lambda algorithm: algorithm.from_jwk(jwk))
    if verifying is None:
        raise KeyUnreadable(key.kid)
    return KeyPair(
        kid=key.kid,
        algorithm=key.algorithm,
        public_jwk=jwk,
        created_ms=created_ms,
        signs_from_ms=signs_from_ms,
        verifies_until_ms=verifies_until_ms,
        private=_open_private(key, seal),
        verifying=verifying,
        header=_header(key.algorithm, key.kid),
    )


def _open_private(key: SealedKey, seal: Seal) -> Any:
    try:
        return load_der_private_key(seal.open(key.sealed_private_key, key.kid), password=None)
    except (SealBroken, ValueError):
        return None


def _public_jwk(algorithm: str, public: Any) -> dict[str, str]:
    made = _TO_JWK[algorithm](public)
    members = {name: made[name] for name in _KEY_MEMBERS[algorithm]}
    thumbprint = hashlib.sha256(msgspec.json.encode(members, order="sorted")).digest()
    kid = KID_PREFIX + base64url(thumbprint)[:22]
    return {**members, "kid": kid, "alg": algorithm, "use": "sig"}


def _header(algorithm: str, kid: str) -> str:
    return base64url(msgspec.json.encode({"alg": algorithm, "kid": kid, "typ": "at+jwt"}))


def base64url(data: bytes) -> str:
    """Unpadded, as JOSE has it (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
