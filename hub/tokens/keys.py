"""Keys that verify tokens, each prepared once for one algorithm.

RFC 8725 section 3.1: a key is bound to its algorithm before any token is seen. An RSA key taken as an HMAC secret, or
an algorithm of the sender's choice, is therefore not refused but impossible to express.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Final

import jwt

from hub.config import TokenConfig

HMAC_ALGORITHMS: Final = ("HS256", "HS384", "HS512")
RSA_ALGORITHMS: Final = ("RS256", "RS384", "RS512")
ECDSA_ALGORITHMS: Final = ("ES256", "ES384", "ES512")
EDDSA_ALGORITHMS: Final = ("EdDSA",)

# What PyJWT raises for key material it cannot use, depending on how it is broken.
_UNUSABLE: Final = (jwt.PyJWTError, ValueError, TypeError, KeyError)


class KeyUnusable(ValueError):
    """A configured key verifies nothing. The text names the option and never quotes the key."""


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A key, the only algorithm it is used with, and the wall-clock second until which it is trusted."""

    algorithm: jwt.algorithms.Algorithm
    material: Any
    trusted_until_s: float = inf

    def has_signed(self, signing_input: bytes, signature: bytes) -> bool:
        return self.algorithm.verify(signing_input, self.material, signature)


class ConfiguredKeys:
    """The keys that the configuration holds, by algorithm.

    Raises:
        KeyUnusable: at construction, for the first option that is not what its name says.
    """

    def __init__(self, config: TokenConfig) -> None:
        self._keys: dict[str, tuple[VerifyingKey, ...]] = {
            alg: tuple(_hmac_keys(config, alg)) for alg in HMAC_ALGORITHMS
        }
        for option, algorithms in _PUBLIC_KEY_OPTIONS.items():
            pem: str = getattr(config, option)
            if pem:
                self._keys |= _public_keys(option, pem, algorithms)

    def accepts(self, alg: str) -> bool:
        """Whether any key is bound to this algorithm."""
        return bool(self._keys.get(alg))

    def find_signer(self, alg: str, signing_input: bytes, signature: bytes, *, now_s: float) -> VerifyingKey | None:
        """The key that made this signature, None if it is none of ours or no longer trusted."""
        for key in self._keys.get(alg, ()):
            if now_s < key.trusted_until_s and key.has_signed(signing_input, signature):
                return key
        return None


def bind(alg: str, load: Callable[[jwt.algorithms.Algorithm], Any]) -> VerifyingKey | None:
    """Prepare key material for one algorithm; None if it does not fit, or is too short an RSA key (RFC 7518 3.3)."""
    algorithm = jwt.get_algorithm_by_name(alg)
    try:
        material = algorithm.prepare_key(load(algorithm))
        # A private key has no business in a verifier; in PyJWT it is what offers `sign`.
        is_usable = not hasattr(material, "sign") and algorithm.check_key_length(material) is None
    except _UNUSABLE:
        return None
    return VerifyingKey(algorithm, material) if is_usable else None


_PUBLIC_KEY_OPTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "rsa_public_key": RSA_ALGORITHMS,
    "ecdsa_public_key": ECDSA_ALGORITHMS,
    "eddsa_public_key": EDDSA_ALGORITHMS,
}


def _hmac_keys(config: TokenConfig, alg: str) -> Iterator[VerifyingKey]:
    """The length of a secret is not checked: Centrifugo's own examples sign with "secret"."""
    algorithm = jwt.get_algorithm_by_name(alg)
    for secret, valid_until_s in config.hmac_secrets:
        try:
            material = algorithm.prepare_key(secret)
        except jwt.InvalidKeyError:
            raise KeyUnusable("hmac_secret_key: empty, or a public key where a secret belongs") from None
        yield VerifyingKey(algorithm, material, valid_until_s or inf)


def _public_keys(option: str, pem: str, algorithms: tuple[str, ...]) -> dict[str, tuple[VerifyingKey, ...]]:
    """An elliptic curve key fits exactly one algorithm (RFC 7518 section 3.4), an RSA key all of its family."""
    bound: dict[str, tuple[VerifyingKey, ...]] = {
        alg: (key,) for alg in algorithms if (key := bind(alg, lambda _algorithm: pem)) is not None
    }
    if not bound:
        raise KeyUnusable(f"{option}: not a public key in PEM form for {', '.join(algorithms)}")
    return bound
