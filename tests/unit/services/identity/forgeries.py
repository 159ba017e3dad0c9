"""Every way to forge a provider's token that needs no key of it, for any of the three kinds.

Each makes a token from claims that are good and the header that the kind has beside `alg` and `kid`.
RFC 8725; CVE-2015-9235 (HS/RS confusion), CVE-2018-0114 (embedded jwk), CVE-2022-21449 (zero ECDSA signature).
"""

from __future__ import annotations

import base64
import hmac
import json
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.identity_provider import ProviderKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.identity_provider import IdentityProvider


@cache
def rsa_key(kid: str) -> ProviderKey:
    return ProviderKey(kid, "RS256", rsa.generate_private_key(public_exponent=65537, key_size=2048))


@cache
def ec_key(kid: str) -> ProviderKey:
    return ProviderKey(kid, "ES256", ec.generate_private_key(ec.SECP256R1()))


MALLORY = ProviderKey("mallory")


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(header: Mapping[str, Any], claims: Mapping[str, Any], signature: bytes = b"") -> str:
    return f"{encode(json.dumps(header).encode())}.{encode(json.dumps(claims).encode())}.{encode(signature)}"


def hmac_under(secret: bytes, claims: Mapping[str, Any], header: Mapping[str, Any]) -> str:
    signing_input = unsigned({"alg": "HS256", **header}, claims).rpartition(".")[0]
    return f"{signing_input}.{encode(hmac.digest(secret, signing_input.encode(), 'sha256'))}"


def public_pem(key: ProviderKey) -> bytes:
    return key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def signed_raw(provider: IdentityProvider, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """Really signed, with any header."""
    return sign_text(provider, json.dumps({"alg": "EdDSA", "kid": provider.key.kid, **header}), json.dumps(claims))


def sign_text(provider: IdentityProvider, header: str, payload: str) -> str:
    """Really signed, whatever it is."""
    assert isinstance(provider.key.private, ed25519.Ed25519PrivateKey)
    signing_input = f"{encode(header.encode())}.{encode(payload.encode())}"
    return f"{signing_input}.{encode(provider.key.private.sign(signing_input.encode()))}"


def with_signature_of(token: str, other: str) -> str:
    return f"{token.rpartition('.')[0]}.{other.rpartition('.')[2]}"


FORGERIES: dict[str, Callable[[IdentityProvider, Mapping[str, Any], Mapping[str, Any]], str]] = {
    "alg none": lambda _, claims, header: unsigned({"alg": "none", **header}, claims),
    "alg none with a signature": lambda _, claims, header: unsigned({"alg": "none", **header}, claims, b"x" * 64),
    "alg None": lambda _, claims, header: unsigned({"alg": "None", **header}, claims, b"x"),
    "alg empty": lambda _, claims, header: unsigned({"alg": "", **header}, claims, b"x"),
    "alg missing": lambda _, claims, header: unsigned({"kid": "key-1", **header}, claims, b"x"),
    "alg null": lambda _, claims, header: unsigned({"alg": None, **header}, claims, b"x"),
    "alg a list": lambda _, claims, header: unsigned({"alg": ["EdDSA"], **header}, claims, b"x"),
    "alg unknown": lambda _, claims, header: unsigned({"alg": "XX1", "kid": "key-1", **header}, claims, b"x"),
    "alg of another key": lambda p, claims, header: p.sign(claims, key=rsa_key("key-1"), **header),
    "alg not allowed": lambda p, claims, header: p.sign(claims, key=ec_key("ec-1"), **header),
    "HS256 with the key's PEM": lambda p, claims, header: hmac_under(public_pem(p.key), claims, header),
    "HS256 with the key's PEM and kid": lambda p, claims, header: hmac_under(
        public_pem(p.key), claims, {"kid": p.key.kid, **header}
    ),
    "HS256 with the RSA key's PEM": lambda _, claims, header: hmac_under(
        public_pem(rsa_key("rsa-1")), claims, {"kid": "rsa-1", **header}
    ),
    "HS256 with the key's JWK": lambda p, claims, header: hmac_under(
        json.dumps(p.key.jwk()).encode(), claims, {"kid": p.key.kid, **header}
    ),
    "HS256 with the client id": lambda p, claims, header: hmac_under(p.client_id.encode(), claims, header),
    "HS256 with nothing": lambda _, claims, header: hmac_under(b"", claims, header),
    "another key": lambda p, claims, header: p.sign(claims, key=MALLORY, **header),
    "another key, known kid": lambda p, claims, header: p.sign(claims, key=MALLORY, **{"kid": "key-1", **header}),
    "no kid": lambda p, claims, header: p.sign(claims, key=MALLORY, **{"kid": "", **header}),
    "kid of another key": lambda p, claims, header: p.sign(claims, **{"kid": "rsa-1", **header}),
    "kid a path": lambda p, claims, header: p.sign(claims, key=MALLORY, **{"kid": "../../dev/null", **header}),
    "kid SQL": lambda p, claims, header: p.sign(claims, key=MALLORY, **{"kid": "x' UNION SELECT 'k'--", **header}),
    "kid a URL": lambda p, claims, header: p.sign(claims, key=MALLORY, **{"kid": "https://evil.example", **header}),
    "kid a number": lambda _, claims, header: unsigned({"alg": "EdDSA", "kid": 1, **header}, claims, b"x" * 64),
    "jku": lambda p, claims, header: p.sign(claims, key=MALLORY, jku="https://evil.example/jwks.json", **header),
    "jwk": lambda p, claims, header: p.sign(claims, key=MALLORY, jwk=MALLORY.jwk(), **header),
    "jwk, known kid": lambda p, claims, header: p.sign(
        claims, key=MALLORY, **{"kid": "key-1", "jwk": {**MALLORY.jwk(), "kid": "key-1"}, **header}
    ),
    "x5u": lambda p, claims, header: p.sign(claims, key=MALLORY, x5u="https://evil.example/cert.pem", **header),
    "x5c": lambda p, claims, header: p.sign(claims, key=MALLORY, x5c=["MIIB"], **header),
    "signature of zeros": lambda _, claims, header: unsigned(
        {"alg": "EdDSA", "kid": "key-1", **header}, claims, bytes(64)
    ),
    "signature removed": lambda p, claims, header: p.sign(claims, **header).rpartition(".")[0] + ".",
    "signature of other claims": lambda p, claims, header: with_signature_of(
        p.sign(claims, **header), p.sign({**claims, "x": 1}, **header)
    ),
    "two segments": lambda p, claims, header: p.sign(claims, **header).rpartition(".")[0],
    "four segments": lambda p, claims, header: p.sign(claims, **header) + ".AA",
    "five segments": lambda p, claims, header: p.sign(claims, **header) + ".AA.AA",
    "a blank behind": lambda p, claims, header: p.sign(claims, **header) + " ",
    "too long": lambda p, claims, header: p.sign({**claims, "x": "x" * 8192}, **header),
    "crit": lambda p, claims, header: signed_raw(p, {"crit": ["exp"], "exp": 1, **header}, claims),
    "b64": lambda p, claims, header: signed_raw(p, {"crit": ["b64"], "b64": True, **header}, claims),
    "nothing": lambda *_: "",
}
