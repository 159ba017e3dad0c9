from __future__ import annotations

from math import inf

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from hypothesis import given
from hypothesis import strategies as st

from hub.config import TokenConfig
from hub.tokens.compact import parse_compact
from hub.tokens.keys import ConfiguredKeys, KeyUnusable, VerifyingKey
from tests.support.clock import FakeClock
from tests.unit.hub.tokens.issuer import (
    Issuer,
    ecdsa_issuer,
    ecdsa_key,
    eddsa_issuer,
    hmac_issuer,
    rsa_issuer,
    rsa_key,
)

CLOCK = FakeClock()
NOW_S = CLOCK.now_s()


def signer_of(keys: ConfiguredKeys, token: str, alg: str | None = None, now_s: float = NOW_S) -> VerifyingKey | None:
    compact = parse_compact(token)
    named = compact.header.alg if alg is None else alg
    return keys.find_signer(named, compact.signing_input, compact.signature, now_s=now_s)


def config_for(issuer: Issuer) -> TokenConfig:
    if isinstance(issuer.key, str):
        return TokenConfig(hmac_secrets=((issuer.key, 0),))
    if isinstance(issuer.key, rsa.RSAPrivateKey):
        return TokenConfig(rsa_public_key=issuer.public_pem)
    if isinstance(issuer.key, ec.EllipticCurvePrivateKey):
        return TokenConfig(ecdsa_public_key=issuer.public_pem)
    return TokenConfig(eddsa_public_key=issuer.public_pem)


ISSUERS = [
    *(hmac_issuer(CLOCK, "secret", alg) for alg in ("HS256", "HS384", "HS512")),
    *(rsa_issuer(CLOCK, alg) for alg in ("RS256", "RS384", "RS512")),
    *(ecdsa_issuer(CLOCK, alg) for alg in ("ES256", "ES384", "ES512")),
    eddsa_issuer(CLOCK),
    eddsa_issuer(CLOCK, key=ed448.Ed448PrivateKey.generate()),
]
ALGORITHMS = ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"]
NEVER = [
    "none",
    "None",
    "NONE",
    "",
    "hs256",
    "HS256 ",
    "PS256",
    "PS384",
    "PS512",
    "ES256K",
    "ES521",
    "HS1",
    "RS1",
    "dir",
]


def by_algorithm(issuer: Issuer) -> str:
    return f"{issuer.alg}-{type(issuer.key).__name__}"


@pytest.mark.parametrize("issuer", ISSUERS, ids=by_algorithm)
def test_a_signature_is_known_by_the_key_that_made_it(issuer: Issuer) -> None:
    key = signer_of(ConfiguredKeys(config_for(issuer)), issuer.sign())
    assert key is not None
    assert key.trusted_until_s == inf


@pytest.mark.parametrize("issuer", ISSUERS, ids=by_algorithm)
def test_a_changed_text_has_no_signer(issuer: Issuer) -> None:
    compact = parse_compact(issuer.sign())
    keys = ConfiguredKeys(config_for(issuer))
    assert keys.find_signer(issuer.alg, compact.signing_input + b"x", compact.signature, now_s=NOW_S) is None


@pytest.mark.parametrize("issuer", ISSUERS, ids=by_algorithm)
def test_only_algorithms_of_the_configured_key_are_accepted(issuer: Issuer) -> None:
    keys = ConfiguredKeys(config_for(issuer))
    token = issuer.sign()
    family = issuer.alg[:2]
    accepted = {alg for alg in ALGORITHMS if alg.startswith(family)} if family in {"HS", "RS"} else {issuer.alg}
    assert {alg for alg in ALGORITHMS + NEVER if keys.accepts(alg)} == accepted
    for alg in set(ALGORITHMS + NEVER) - {issuer.alg}:
        assert signer_of(keys, token, alg) is None


@given(st.sampled_from(ISSUERS), st.binary(max_size=140), st.binary(max_size=20))
def test_any_bytes_as_a_signature_are_simply_wrong(issuer: Issuer, signature: bytes, text: bytes) -> None:
    keys = ConfiguredKeys(config_for(issuer))
    assert keys.find_signer(issuer.alg, text, signature, now_s=NOW_S) is None


def test_without_keys_nothing_is_accepted() -> None:
    keys = ConfiguredKeys(TokenConfig())
    assert not any(map(keys.accepts, ALGORITHMS + NEVER))


def test_several_secrets_are_active_until_their_time() -> None:
    keys = ConfiguredKeys(TokenConfig(hmac_secrets=(("new", 0), ("old", NOW_S + 10))))
    new, old = hmac_issuer(CLOCK, "new").sign(), hmac_issuer(CLOCK, "old").sign()
    for now_s in (NOW_S, NOW_S + 9.9):
        assert getattr(signer_of(keys, new, now_s=now_s), "trusted_until_s", None) == inf
        assert getattr(signer_of(keys, old, now_s=now_s), "trusted_until_s", None) == NOW_S + 10
    assert signer_of(keys, new, now_s=NOW_S + 10) is not None
    assert signer_of(keys, old, now_s=NOW_S + 10) is None


def test_a_short_secret_is_accepted_without_a_warning() -> None:
    """Warnings are errors in this suite."""
    keys = ConfiguredKeys(TokenConfig(hmac_secrets=(("s", 0),)))
    assert signer_of(keys, hmac_issuer(CLOCK, "s").sign()) is not None


RSA_PEM = rsa_issuer(CLOCK).public_pem
ES_PEM = ecdsa_issuer(CLOCK).public_pem
ED_PEM = eddsa_issuer(CLOCK).public_pem
GARBAGE = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("rsa_public_key", "no key"),
        ("rsa_public_key", GARBAGE),
        ("rsa_public_key", ES_PEM),
        ("rsa_public_key", ED_PEM),
        ("rsa_public_key", rsa_issuer(CLOCK).private_pem),
        ("ecdsa_public_key", "no key"),
        ("ecdsa_public_key", GARBAGE),
        ("ecdsa_public_key", RSA_PEM),
        ("ecdsa_public_key", ecdsa_issuer(CLOCK).private_pem),
        ("ecdsa_public_key", Issuer(CLOCK, "ES256K", ec.generate_private_key(ec.SECP256K1())).public_pem),
        ("eddsa_public_key", "no key"),
        ("eddsa_public_key", GARBAGE),
        ("eddsa_public_key", RSA_PEM),
        ("eddsa_public_key", eddsa_issuer(CLOCK).private_pem),
        ("hmac_secrets", (("", 0),)),
        ("hmac_secrets", ((RSA_PEM, 0),)),
        ("hmac_secrets", (("fine", 0), (ED_PEM, 0))),
    ],
)
def test_a_key_that_is_not_what_its_option_says_is_named(option: str, value: object) -> None:
    with pytest.raises(KeyUnusable) as refusal:
        ConfiguredKeys(TokenConfig(**{option: value}))  # type: ignore[arg-type]  # the option is chosen at run time
    assert option.removesuffix("s") in str(refusal.value).replace("hmac_secret_key", "hmac_secret")
    assert "BEGIN" not in str(refusal.value)


def test_an_rsa_key_below_2048_bits_is_refused() -> None:
    weak = Issuer(CLOCK, "RS256", rsa_key("weak", bits=1024))
    with pytest.raises(KeyUnusable, match="rsa_public_key"):
        ConfiguredKeys(TokenConfig(rsa_public_key=weak.public_pem))


def test_keys_of_the_same_kind_are_told_apart() -> None:
    keys = ConfiguredKeys(TokenConfig(ecdsa_public_key=ES_PEM))
    assert signer_of(keys, Issuer(CLOCK, "ES256", ecdsa_key("ES256", "other")).sign()) is None
