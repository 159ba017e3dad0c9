from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.tokens.compact import parse_compact
from hub.tokens.key_set import MAX_DOCUMENT_BYTES, MAX_KEYS, KeySetUnusable, parse_key_set
from tests.support.clock import FakeClock
from tests.unit.hub.tokens.issuer import (
    Issuer,
    ecdsa_issuer,
    eddsa_issuer,
    hmac_issuer,
    key_set_document,
    rsa_issuer,
    rsa_key,
)

CLOCK = FakeClock()
RSA = rsa_issuer(CLOCK, kid="r")
EC = ecdsa_issuer(CLOCK, kid="e")
ED = eddsa_issuer(CLOCK, kid="d")


@pytest.mark.parametrize("issuer", [RSA, EC, ED, ecdsa_issuer(CLOCK, "ES384"), ecdsa_issuer(CLOCK, "ES512")])
def test_a_published_key_verifies_what_its_owner_signed(issuer: Issuer) -> None:
    key = parse_key_set(key_set_document(issuer.jwk())).keys[issuer.kid, issuer.alg]
    compact = parse_compact(issuer.sign())
    assert key.has_signed(compact.signing_input, compact.signature)
    assert not key.has_signed(compact.signing_input + b"x", compact.signature)


@pytest.mark.parametrize(
    ("jwk", "algorithms"),
    [
        (RSA.jwk(), {"RS256"}),
        (RSA.jwk(alg="RS512"), {"RS512"}),
        (RSA.jwk(alg=None), {"RS256", "RS384", "RS512"}),
        (RSA.jwk(use=None), {"RS256"}),
        (RSA.jwk(key_ops=["verify"]), {"RS256"}),
        (EC.jwk(alg=None), {"ES256"}),
        (ecdsa_issuer(CLOCK, "ES384", "e").jwk(alg=None), {"ES384"}),
        (ED.jwk(alg=None), {"EdDSA"}),
    ],
)
def test_a_key_is_bound_to_its_algorithm_or_its_kind(jwk: dict[str, object], algorithms: set[str]) -> None:
    assert {alg for _, alg in parse_key_set(key_set_document(jwk)).keys} == algorithms


NOT_FOR_VERIFYING = [
    RSA.jwk(use="enc"),
    RSA.jwk(use="other"),
    RSA.jwk(use=["sig"]),
    RSA.jwk(key_ops=["encrypt"]),
    RSA.jwk(key_ops="verify"),
    RSA.jwk(kid=5),
    RSA.jwk(kty=None),
    RSA.jwk(kty="EC"),
    RSA.jwk(kty=["RSA"]),
    RSA.jwk(alg="HS256"),
    RSA.jwk(alg="PS256"),
    RSA.jwk(alg="ES256"),
    RSA.jwk(alg="none"),
    RSA.jwk(alg=5),
    RSA.jwk(alg=["RS256"]),
    RSA.jwk(n=None),
    RSA.jwk(n=5),
    RSA.jwk(n=""),
    RSA.jwk(n="é"),
    RSA.jwk(e="AA"),
    RSA.jwk(e="A" * 300),
    RSA.private_jwk(),
    EC.private_jwk(),
    ED.private_jwk(),
    Issuer(CLOCK, "RS256", rsa_key("weak", bits=1024), "w").jwk(),
    EC.jwk(alg="ES384"),
    EC.jwk(crv="P-384"),
    EC.jwk(crv="secp256k1"),
    EC.jwk(x=EC.jwk()["y"]),
    EC.jwk(x=[]),
    ED.jwk(crv="X25519"),
    ED.jwk(crv="Ed448"),
    ED.jwk(x="AAAA"),
    {"kty": "oct", "k": "c2VjcmV0", "kid": "h", "alg": "HS256"},
    {"kty": "oct", "k": "c2VjcmV0", "kid": "h", "alg": "RS256"},
    {"kty": "RSA", "k": "c2VjcmV0", "kid": "h"},
    {},
]


@pytest.mark.parametrize("jwk", NOT_FOR_VERIFYING)
def test_a_key_that_is_not_for_verifying_is_passed_over(jwk: dict[str, object]) -> None:
    with pytest.raises(KeySetUnusable):
        parse_key_set(key_set_document(jwk))
    assert parse_key_set(key_set_document(jwk, EC.jwk())).keys.keys() == {("e", "ES256")}


def test_keys_of_different_kinds_may_share_a_kid() -> None:
    key_set = parse_key_set(key_set_document(RSA.jwk(kid="k"), EC.jwk(kid="k")))
    assert key_set.keys.keys() == {("k", "RS256"), ("k", "ES256")}
    assert key_set.kids == {"k"}


def test_the_first_of_two_keys_with_one_name_counts() -> None:
    first, second = RSA, Issuer(CLOCK, "RS256", rsa_key("second"), "r")
    key = parse_key_set(key_set_document(first.jwk(), second.jwk())).keys["r", "RS256"]
    compact = parse_compact(first.sign())
    assert key.has_signed(compact.signing_input, compact.signature)


def test_a_key_without_a_kid_is_found_without_one() -> None:
    assert parse_key_set(key_set_document(RSA.jwk(kid=None))).keys.keys() == {("", "RS256")}


def test_at_most_100_keys_are_read() -> None:
    many = [ED.jwk(kid=str(number)) for number in range(MAX_KEYS + 5)]
    assert len(parse_key_set(key_set_document(*many)).keys) == MAX_KEYS == 100


def test_at_most_256_kib_are_read() -> None:
    document = key_set_document(RSA.jwk())
    assert MAX_DOCUMENT_BYTES == 256 * 1024
    parse_key_set(document + b" " * (MAX_DOCUMENT_BYTES - len(document)))
    with pytest.raises(KeySetUnusable, match="too large"):
        parse_key_set(document + b" " * (MAX_DOCUMENT_BYTES - len(document) + 1))


@pytest.mark.parametrize(
    "document",
    [b"", b"null", b"[]", b"{}", b'{"keys":null}', b'{"keys":{}}', b'{"keys":[]}', b'{"keys":[1,null,"k"]}', b"<html>",
     b"\xff", b"[" * 100_000, b'{"keys":[' + b"[" * 900 + b"]" * 900 + b"]}"],
)  # fmt: skip
def test_what_is_no_key_set_is_refused(document: bytes) -> None:
    with pytest.raises(KeySetUnusable):
        parse_key_set(document)


def test_sets_are_equal_when_they_were_read_from_the_same_bytes() -> None:
    one, same, other = (parse_key_set(key_set_document(ED.jwk(kid=kid))) for kid in "aab")
    assert one == same
    assert one != other


VALUES: list[object] = [
    None,
    1,
    True,
    [],
    {},
    "",
    "AQAB",
    "RSA",
    "EC",
    "OKP",
    "oct",
    "P-256",
    "Ed25519",
    "RS256",
    "sig",
    "é",
    "A" * 90,
]
MEMBERS = ["kty", "alg", "use", "key_ops", "kid", "crv", "n", "e", "x", "y", "d", "k", "p", "oth"]


@given(
    st.sampled_from([RSA, EC, ED]).map(Issuer.jwk),
    st.dictionaries(st.sampled_from(MEMBERS), st.sampled_from(VALUES) | st.text(max_size=60), max_size=5),
)
def test_any_member_may_be_anything(jwk: dict[str, object], changes: dict[str, object]) -> None:
    document = json.dumps({"keys": [jwk | changes, hmac_jwk()]}).encode()
    try:
        key_set = parse_key_set(document)
    except KeySetUnusable:
        return
    assert not any(alg.startswith("HS") for _, alg in key_set.keys)


@given(st.binary(max_size=60))
def test_any_bytes_are_no_key_set(document: bytes) -> None:
    with pytest.raises(KeySetUnusable):
        parse_key_set(document)


def hmac_jwk() -> dict[str, object]:
    return {"kty": "oct", "k": "c2VjcmV0", "kid": hmac_issuer(CLOCK, "secret").kid}
