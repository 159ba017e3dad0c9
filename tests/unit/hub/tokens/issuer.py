"""Somebody who signs tokens: with keys of every kind, and with anything in them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from hub.clock import Clock

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey

CURVES: Mapping[str, Callable[[], ec.EllipticCurve]] = {
    "ES256": ec.SECP256R1,
    "ES384": ec.SECP384R1,
    "ES512": ec.SECP521R1,
}


@dataclass(frozen=True)
class Issuer:
    """Signs with one key and one algorithm."""

    clock: Clock
    alg: str
    key: Any
    kid: str = ""

    def valid_claims(self) -> dict[str, object]:
        return {"sub": "42", "exp": int(self.clock.now_s()) + 3600, "iat": int(self.clock.now_s())}

    def sign(self, claims: Mapping[str, object] | None = None, **headers: object) -> str:
        """A token with these claims (valid ones if None); `headers` are added, None removes one."""
        return self.sign_bytes(json.dumps(self.valid_claims() if claims is None else claims).encode(), **headers)

    def sign_with(self, **claims: object) -> str:
        """A token with the valid claims, except for these."""
        return self.sign(self.valid_claims() | claims)

    def sign_bytes(self, payload: bytes, **headers: object) -> str:
        header = {"typ": "JWT", "alg": self.alg} | ({"kid": self.kid} if self.kid else {}) | headers
        kept = {name: value for name, value in header.items() if value is not None}
        return self.sign_segments(json.dumps(kept).encode(), payload)

    def sign_segments(self, header: bytes, payload: bytes) -> str:
        """Sign any bytes as a header and a payload."""
        signing_input = f"{encode(header)}.{encode(payload)}"
        algorithm = jwt.get_algorithm_by_name(self.alg)
        signature = algorithm.sign(signing_input.encode(), algorithm.prepare_key(self.key))
        return f"{signing_input}.{encode(signature)}"

    @property
    def public_pem(self) -> str:
        pem: bytes = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return pem.decode()

    @property
    def private_pem(self) -> str:
        pem: bytes = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return pem.decode()

    def private_jwk(self) -> dict[str, object]:
        """The private key, as it must never be published."""
        jwk: dict[str, object] = jwt.get_algorithm_by_name(self.alg).to_jwk(self.key, as_dict=True)
        return jwk | {"kid": self.kid, "key_ops": ["sign", "verify"]}

    def jwk(self, **members: object) -> dict[str, object]:
        """The public key as published; `members` are added, None removes one."""
        algorithm = jwt.get_algorithm_by_name(self.alg)
        jwk = algorithm.to_jwk(self.key.public_key(), as_dict=True) | {"use": "sig", "alg": self.alg, "kid": self.kid}
        return {name: value for name, value in (jwk | members).items() if value is not None}


def hmac_issuer(clock: Clock, secret: str, alg: str = "HS256") -> Issuer:
    return Issuer(clock, alg, secret)


def rsa_issuer(clock: Clock, alg: str = "RS256", kid: str = "") -> Issuer:
    return Issuer(clock, alg, rsa_key(), kid)


def ecdsa_issuer(clock: Clock, alg: str = "ES256", kid: str = "") -> Issuer:
    return Issuer(clock, alg, ecdsa_key(alg), kid)


def eddsa_issuer(clock: Clock, kid: str = "", key: PrivateKey | None = None) -> Issuer:
    return Issuer(clock, "EdDSA", key or ed25519_key(), kid)


# Making an RSA key takes a tenth of a second; one per process is enough, and `name` tells several apart.


@cache
def rsa_key(name: str = "", bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def ecdsa_key(alg: str = "ES256", name: str = "") -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(CURVES[alg]())


@cache
def ed25519_key(name: str = "") -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def encode(data: bytes) -> str:
    """Unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def key_set_document(*jwks: Mapping[str, object]) -> bytes:
    return json.dumps({"keys": jwks}).encode()
