"""Every way to forge a token that the literature knows, each alone, against a verifier with keys of every kind.

RFC 8725; CVE-2015-9235 (HS/RS confusion), CVE-2018-0114 (embedded jwk), CVE-2022-21449 (zero ECDSA signature),
CVE-2026-32597 (crit), CVE-2026-48526 (a JWK as an HMAC secret).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.config import TokenConfig
from hub.tokens.claims import TokenInvalid
from hub.tokens.verifier import TokenVerifier
from tests.support.clock import FakeClock
from tests.unit.hub.tokens.at_once import at_once
from tests.unit.hub.tokens.issuer import (
    Issuer,
    decode,
    ecdsa_issuer,
    ecdsa_key,
    ed25519_key,
    eddsa_issuer,
    encode,
    hmac_issuer,
    key_set_document,
    rsa_issuer,
    rsa_key,
)
from tests.unit.hub.tokens.provider import URL, KeyProvider

CLOCK = FakeClock()
SECRET = "0123456789abcdef0123456789abcdef"
HS = hmac_issuer(CLOCK, SECRET)
RS = rsa_issuer(CLOCK)
ES = ecdsa_issuer(CLOCK)
ED = eddsa_issuer(CLOCK)
PUBLISHED = Issuer(CLOCK, "RS256", rsa_key("published"), "pub1")
PUBLISHED_EC = Issuer(CLOCK, "ES384", ecdsa_key("ES384", "published"), "pub2")
MALLORY_RS = Issuer(CLOCK, "RS256", rsa_key("mallory"))
MALLORY_ES = Issuer(CLOCK, "ES256", ecdsa_key("ES256", "mallory"))
MALLORY_ED = Issuer(CLOCK, "EdDSA", ed25519_key("mallory"))
MALLORY_HS = hmac_issuer(CLOCK, "guess")

CONFIG = TokenConfig(
    hmac_secrets=((SECRET, 0), ("retired", CLOCK.now_s() - 1)),
    rsa_public_key=RS.public_pem,
    ecdsa_public_key=ES.public_pem,
    eddsa_public_key=ED.public_pem,
    jwks_public_endpoint=URL,
    audience="hub",
    issuer="https://id.example",
)
CLAIMS = {**HS.valid_claims(), "aud": "hub", "iss": "https://id.example"}
GOOD = HS.sign(CLAIMS)
HEAD, BODY, SIGNATURE = GOOD.split(".")


def with_header(header: dict[str, object], signature: str = SIGNATURE) -> str:
    """The good payload and signature behind another header."""
    return behind(json.dumps(header).encode(), signature)


def behind(header: bytes, signature: str = SIGNATURE) -> str:
    return f"{encode(header)}.{BODY}.{signature}"


def with_claims(**claims: object) -> str:
    """The good header and signature around other claims."""
    return f"{HEAD}.{encode(json.dumps(CLAIMS | claims).encode())}.{SIGNATURE}"


def hmac_under(key: bytes, alg: str = "HS256") -> str:
    """A MAC made with something that is no secret; PyJWT refuses to sign with a public key, a forger does not."""
    head = encode(json.dumps({"alg": alg, "typ": "JWT"}).encode())
    mac = hmac.digest(key, f"{head}.{BODY}".encode(), hashlib.new(f"sha{alg[2:]}").name)
    return f"{head}.{BODY}.{encode(mac)}"


def zero_signature(issuer: Issuer, size: int) -> str:
    return issuer.sign(CLAIMS).rpartition(".")[0] + "." + encode(bytes(size))


def flip(token: str, segment: int, byte: int, bit: int = 0) -> str:
    segments = [bytearray(decode(part)) for part in token.split(".")]
    segments[segment][byte] ^= 1 << bit
    return ".".join(encode(bytes(part)) for part in segments)


def without(name: str) -> dict[str, object]:
    return {key: value for key, value in CLAIMS.items() if key != name}


FORGED: dict[str, Callable[[], str]] = {
    # no signature
    "alg none, signature removed": lambda: with_header({"alg": "none", "typ": "JWT"}, ""),
    "alg none, signature kept": lambda: with_header({"alg": "none", "typ": "JWT"}),
    "alg None": lambda: with_header({"alg": "None"}, "AA"),
    "alg NONE": lambda: with_header({"alg": "NONE"}, "AA"),
    "alg nOnE": lambda: with_header({"alg": "nOnE"}, "AA"),
    "alg empty": lambda: with_header({"alg": ""}),
    "alg missing": lambda: with_header({"typ": "JWT"}),
    "alg null": lambda: with_header({"alg": None}),
    "alg a number": lambda: with_header({"alg": 256}),
    "alg a list": lambda: with_header({"alg": ["HS256", "none"]}),
    "alg none, then HS256": lambda: behind(b'{"alg":"none","alg":"HS256"}'),
    "alg HS256, then none": lambda: behind(b'{"alg":"HS256","alg":"none"}'),
    "signature removed": lambda: f"{HEAD}.{BODY}.",
    "signature and its dot removed": lambda: f"{HEAD}.{BODY}",
    # the wrong algorithm
    "HS256 under HS384": lambda: with_header({"alg": "HS384"}),
    "alg in lower case": lambda: with_header({"alg": "hs256"}),
    "alg with a blank": lambda: with_header({"alg": "HS256 "}),
    "alg unknown": lambda: with_header({"alg": "XX256"}),
    "RS256 signature under HS256": lambda: with_header({"alg": "HS256"}, RS.sign(CLAIMS).rpartition(".")[2]),
    "RS256 under RS512": lambda: RS.sign(CLAIMS, alg="RS512"),
    "RS256 under PS256": lambda: RS.sign(CLAIMS, alg="PS256"),
    "PS256 with the RSA key": lambda: Issuer(CLOCK, "PS256", rsa_key()).sign(CLAIMS),
    "ES256 under ES384": lambda: ES.sign(CLAIMS, alg="ES384"),
    "ES256 under ES256K": lambda: ES.sign(CLAIMS, alg="ES256K"),
    "EdDSA under ES256": lambda: ED.sign(CLAIMS, alg="ES256"),
    # a public key as a secret
    "HS256 with the RSA key's PEM": lambda: hmac_under(RS.public_pem.encode()),
    "HS256 with the RSA key's PEM, stripped": lambda: hmac_under(RS.public_pem.strip().encode()),
    "HS512 with the RSA key's PEM": lambda: hmac_under(RS.public_pem.encode(), "HS512"),
    "HS256 with the EC key's PEM": lambda: hmac_under(ES.public_pem.encode()),
    "HS256 with the Ed25519 key's PEM": lambda: hmac_under(ED.public_pem.encode()),
    "HS256 with the published key's JWK": lambda: hmac_under(json.dumps(PUBLISHED.jwk()).encode()),
    "HS256 with the published key's modulus": lambda: hmac_under(decode(str(PUBLISHED.jwk()["n"]))),
    "HS256 with the oct key of the key set": lambda: hmac_issuer(CLOCK, "published").sign(CLAIMS, kid="oct1"),
    "HS256 with no secret": lambda: hmac_under(b""),
    "HS256 with a blank": lambda: hmac_under(b" "),
    # the wrong key
    "HS256, guessed secret": lambda: MALLORY_HS.sign(CLAIMS),
    "HS256, secret cut by a letter": lambda: hmac_under(SECRET[:-1].encode()),
    "HS256, retired secret": lambda: hmac_issuer(CLOCK, "retired").sign(CLAIMS),
    "RS256, other key": lambda: MALLORY_RS.sign(CLAIMS),
    "ES256, other key": lambda: MALLORY_ES.sign(CLAIMS),
    "EdDSA, other key": lambda: MALLORY_ED.sign(CLAIMS),
    "RS256, other key, published kid": lambda: MALLORY_RS.sign(CLAIMS, kid="pub1"),
    "ES384, other key, published kid": lambda: Issuer(CLOCK, "ES384", ecdsa_key("ES384", "m"), "pub2").sign(CLAIMS),
    "RS512 with a key published for RS256": lambda: Issuer(CLOCK, "RS512", PUBLISHED.key, "pub1").sign(CLAIMS),
    "published for encryption": lambda: Issuer(CLOCK, "RS256", rsa_key("encryption"), "enc1").sign(CLAIMS),
    "published key, other kid": lambda: PUBLISHED.sign(CLAIMS, kid="pub2"),
    "published key, no kid": lambda: PUBLISHED.sign(CLAIMS, kid=None),
    "ES256, signature of zeros": lambda: zero_signature(ES, 64),
    "ES256, DER signature": lambda: f"{HEAD}.{BODY}.{encode(bytes.fromhex('3006020101020101'))}",
    "RS256, signature of zeros": lambda: zero_signature(RS, 256),
    "EdDSA, signature of zeros": lambda: zero_signature(ED, 64),
    # a key that comes with the token
    "jwk header": lambda: MALLORY_RS.sign(CLAIMS, jwk=MALLORY_RS.jwk()),
    "jwk header with a known kid": lambda: MALLORY_RS.sign(CLAIMS, jwk=MALLORY_RS.jwk(kid="pub1"), kid="pub1"),
    "jku header": lambda: MALLORY_RS.sign(CLAIMS, jku="https://evil.example/jwks.json", kid="m"),
    "x5u header": lambda: MALLORY_RS.sign(CLAIMS, x5u="https://evil.example/cert.pem"),
    "x5c header": lambda: MALLORY_RS.sign(CLAIMS, x5c=["MIIB"]),
    # a kid that is meant for something else than a dictionary
    "kid a path": lambda: Issuer(CLOCK, "HS256", "\0").sign(CLAIMS, kid="../../../../dev/null"),
    "kid SQL": lambda: MALLORY_HS.sign(CLAIMS, kid="x' UNION SELECT 'guess'--"),
    "kid a command": lambda: MALLORY_RS.sign(CLAIMS, kid="|cat /etc/passwd"),
    "kid a URL": lambda: MALLORY_RS.sign(CLAIMS, kid="https://evil.example/key"),
    "kid empty": lambda: MALLORY_RS.sign(CLAIMS, kid=""),
    "kid null": lambda: with_header({"alg": "HS256", "kid": None}),
    "kid a number": lambda: HS.sign_segments(b'{"alg":"HS256","kid":1}', json.dumps(CLAIMS).encode()),
    "kid a list": lambda: HS.sign_segments(b'{"alg":"HS256","kid":["pub1"]}', json.dumps(CLAIMS).encode()),
    "kid very long": lambda: MALLORY_RS.sign(CLAIMS, kid="k" * 5000),
    "kid unicode": lambda: MALLORY_RS.sign(CLAIMS, kid="pub1\N{ZERO WIDTH SPACE}"),
    "kid with a NUL": lambda: MALLORY_RS.sign(CLAIMS, kid="pub1\0"),
    # genuine signatures under headers that mean something else
    "crit of the unknown": lambda: HS.sign(CLAIMS, crit=["x"], x=1),
    "crit of the known": lambda: HS.sign(CLAIMS, crit=["exp"]),
    "crit empty": lambda: HS.sign(CLAIMS, crit=[]),
    "crit no list": lambda: HS.sign(CLAIMS, crit="b64"),
    "b64 false": lambda: HS.sign(CLAIMS, b64=False, crit=["b64"]),
    "b64 false without crit": lambda: HS.sign(CLAIMS, b64=False),
    "typ of a security event": lambda: HS.sign(CLAIMS, typ="secevent+jwt"),
    "typ of a DPoP proof": lambda: HS.sign(CLAIMS, typ="dpop+jwt"),
    "typ of a logout token": lambda: HS.sign(CLAIMS, typ="logout+jwt"),
    "typ no text": lambda: HS.sign(CLAIMS, typ=1),
    # other parties
    "other audience": lambda: HS.sign(CLAIMS | {"aud": "other"}),
    "audience as part of a word": lambda: HS.sign(CLAIMS | {"aud": "hubs"}),
    "audience in capitals": lambda: HS.sign(CLAIMS | {"aud": "HUB"}),
    "no audience": lambda: HS.sign(without("aud")),
    "empty audiences": lambda: HS.sign(CLAIMS | {"aud": []}),
    "audience a number": lambda: HS.sign(CLAIMS | {"aud": 1}),
    "audience an object": lambda: HS.sign(CLAIMS | {"aud": {"hub": True}}),
    "other issuer": lambda: HS.sign(CLAIMS | {"iss": "https://evil.example"}),
    "issuer with a slash": lambda: HS.sign(CLAIMS | {"iss": "https://id.example/"}),
    "no issuer": lambda: HS.sign(without("iss")),
    "issuer a list": lambda: HS.sign(CLAIMS | {"iss": ["https://id.example"]}),
    "subscription token": lambda: HS.sign(CLAIMS | {"channel": "news"}),
    # claims of the wrong type
    "exp text": lambda: HS.sign(CLAIMS | {"exp": "9999999999"}),
    "exp true": lambda: HS.sign(CLAIMS | {"exp": True}),
    "exp null": lambda: HS.sign(CLAIMS | {"exp": None}),
    "exp a list": lambda: HS.sign(CLAIMS | {"exp": [9999999999]}),
    "exp infinite": lambda: HS.sign_bytes(json.dumps(CLAIMS | {"exp": float("inf")}).encode()),
    "exp not a number": lambda: HS.sign_bytes(json.dumps(CLAIMS | {"exp": float("nan")}).encode()),
    "exp out of range": lambda: HS.sign_bytes(json.dumps(CLAIMS).replace('"exp": ', '"exp": 1e400, "e": ').encode()),
    "nbf text": lambda: HS.sign(CLAIMS | {"nbf": "0"}),
    "nbf false": lambda: HS.sign(CLAIMS | {"nbf": False}),
    "iat text": lambda: HS.sign(CLAIMS | {"iat": "now"}),
    "iat null": lambda: HS.sign(CLAIMS | {"iat": None}),
    "sub a number": lambda: HS.sign(CLAIMS | {"sub": 42}),
    "sub null": lambda: HS.sign(CLAIMS | {"sub": None}),
    "sub a list": lambda: HS.sign(CLAIMS | {"sub": ["42"]}),
    # ambiguous payloads
    "sub twice": lambda: HS.sign_bytes(json.dumps(CLAIMS)[:-1].encode() + b',"sub":"admin"}'),
    "sub twice, once escaped": lambda: HS.sign_bytes(json.dumps(CLAIMS)[:-1].encode() + b',"s\\u0075b":"admin"}'),
    "exp twice": lambda: HS.sign_bytes(json.dumps(CLAIMS)[:-1].encode() + b',"exp":9999999999}'),
    "payload a list": lambda: HS.sign_bytes(json.dumps([CLAIMS]).encode()),
    "payload text": lambda: HS.sign_bytes(b'"42"'),
    "payload not JSON": lambda: HS.sign_bytes(b"sub=42"),
    "payload with a tail": lambda: HS.sign_bytes(json.dumps(CLAIMS).encode() + b"{}"),
    "payload in UTF-16": lambda: HS.sign_bytes(json.dumps(CLAIMS).encode("utf-16")),
    "payload with a byte order mark": lambda: HS.sign_bytes(b"\xef\xbb\xbf" + json.dumps(CLAIMS).encode()),
    "payload of broken UTF-8": lambda: HS.sign_bytes(b'{"sub":"\xc0\xaf"}'),
    "payload with a lone surrogate": lambda: HS.sign_bytes(b'{"aud":"hub","iss":"https://id.example","sub":"\\ud800"}'),
    "payload nested deep": lambda: HS.sign_bytes(b'{"meta":{"a":' + b"[" * 3000 + b"]" * 3000 + b"}}"),
    # damage
    "other user": lambda: with_claims(sub="admin"),
    "later exp": lambda: with_claims(exp=9999999999),
    "bit of the header": lambda: flip(GOOD, 0, 3),
    "first bit of the payload": lambda: flip(GOOD, 1, 0),
    "bit of the payload": lambda: flip(GOOD, 1, 10),
    "first bit of the signature": lambda: flip(GOOD, 2, 0, 7),
    "last bit of the signature": lambda: flip(GOOD, 2, -1),
    "unused bits of the last letter": lambda: GOOD[:-1] + chr(ord(GOOD[-1]) + 1),
    "last letter cut": lambda: GOOD[:-1],
    "first letter cut": lambda: GOOD[1:],
    "signature cut in half": lambda: GOOD[: -len(SIGNATURE) // 2],
    "signature doubled": lambda: GOOD + SIGNATURE,
    "signature of another good token": lambda: f"{HEAD}.{BODY}.{HS.sign(CLAIMS | {'sub': '43'}).rpartition('.')[2]}",
    "segments swapped": lambda: f"{BODY}.{HEAD}.{SIGNATURE}",
    "padded": lambda: GOOD + "=",
    "newline at the end": lambda: GOOD + "\n",
    "blank in front": lambda: " " + GOOD,
    "Bearer in front": lambda: "Bearer " + GOOD,
    "base64 instead of base64url": lambda: with_header({"alg": "HS256"}, "+/+/"),
    "not base64": lambda: with_header({"alg": "HS256"}, "!!!!"),
    "letters of another script": lambda: GOOD.replace("e", "\N{CYRILLIC SMALL LETTER IE}"),
    "full-width dots": lambda: GOOD.replace(".", "\N{FULLWIDTH FULL STOP}"),
    "four segments": lambda: GOOD + ".AA",
    "encrypted form": lambda: encode(b'{"alg":"dir","enc":"A128GCM"}') + "..AA.AA.AA",
    "JSON form": lambda: json.dumps({"protected": HEAD, "payload": BODY, "signature": SIGNATURE}),
    "empty": lambda: "",
    "dots only": lambda: "..",
    "huge": lambda: HS.sign(CLAIMS | {"info": "x" * 8192}),
    "enormous": lambda: GOOD + "A" * 1_000_000,
}


@pytest.fixture
async def verifier(provider: KeyProvider) -> TokenVerifier:
    oct_key = {"kty": "oct", "kid": "oct1", "alg": "HS256", "k": encode(b"published")}
    encryption_key = Issuer(CLOCK, "RS256", rsa_key("encryption"), "enc1").jwk(use="enc")
    provider.document = key_set_document(PUBLISHED.jwk(), PUBLISHED_EC.jwk(), oct_key, encryption_key)
    verifier = TokenVerifier(CONFIG, CLOCK, provider.fetch)
    await verifier.verify_connect(PUBLISHED.sign(CLAIMS))
    return verifier


@pytest.mark.parametrize(
    "issuer", [HS, RS, ES, ED, PUBLISHED, PUBLISHED_EC], ids=lambda issuer: issuer.alg + issuer.kid
)
def test_what_is_forged_below_was_good(verifier: TokenVerifier, issuer: Issuer) -> None:
    assert at_once(verifier.verify_connect(issuer.sign(CLAIMS))).user == "42"


def test_the_table_of_forgeries_is_complete() -> None:
    assert len(FORGED) >= 60
    tokens = [forge() for forge in FORGED.values()]
    assert GOOD not in tokens
    assert len(set(tokens)) == len(tokens)


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_connection_token_is_invalid(verifier: TokenVerifier, provider: KeyProvider, name: str) -> None:
    """Neither good nor merely expired, without a fetch, and the reason quotes nothing of it."""
    token = FORGED[name]()
    with pytest.raises(TokenInvalid) as refusal:
        at_once(verifier.verify_connect(token))
    with pytest.raises(TokenInvalid):
        at_once(verifier.verify_connect(token, ignore_expiry=True))
    assert provider.fetches == 1
    assert not any(part in str(refusal.value) for part in token.split(".") if len(part) > 3)
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


async def test_a_jku_is_never_fetched(verifier: TokenVerifier, provider: KeyProvider) -> None:
    """Some providers put one into every token: it is passed over. KeyProvider fails on any URL but its own."""
    assert at_once(verifier.verify_connect(HS.sign(CLAIMS, jku="https://evil.example/jwks.json"))).user == "42"
    assert provider.fetches == 1


# --- mutation -------------------------------------------------------------------------------------------------------

WITHOUT_JWKS = TokenVerifier(
    TokenConfig(
        hmac_secrets=((SECRET, 0),),
        rsa_public_key=RS.public_pem,
        ecdsa_public_key=ES.public_pem,
        eddsa_public_key=ED.public_pem,
        cache_size=0,
    ),
    CLOCK,
)
SIGNED = {issuer.alg: issuer.sign(CLAIMS) for issuer in (HS, RS, ES, ED)}
LOOK_ALIKES = "\N{CYRILLIC SMALL LETTER IE}\N{FULLWIDTH FULL STOP}\N{FULLWIDTH DIGIT ONE}\N{ZERO WIDTH SPACE}"
LETTERS = st.characters(codec="ascii") | st.sampled_from(LOOK_ALIKES)


@st.composite
def edited(draw: st.DrawFn) -> tuple[str, str]:
    """A good token and the same after some edits of its text or of its bytes."""
    token = draw(st.sampled_from(list(SIGNED.values())))
    mutated = token
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(mutated)))
        until = draw(st.integers(at, min(at + 3, len(mutated))))
        mutated = mutated[:at] + draw(st.text(LETTERS, max_size=3)) + mutated[until:]
    return token, mutated


@st.composite
def with_flipped_bits(draw: st.DrawFn) -> tuple[str, str]:
    token = draw(st.sampled_from(list(SIGNED.values())))
    segment = draw(st.integers(0, 2))
    size = len(decode(token.split(".")[segment]))
    return token, flip(token, segment, draw(st.integers(0, size - 1)), draw(st.integers(0, 7)))


@settings(max_examples=1000, deadline=None)
@given(edited() | with_flipped_bits())
def test_a_mutated_token_is_never_accepted_unless_it_is_the_same(case: tuple[str, str]) -> None:
    token, mutated = case
    if mutated == token:
        assert at_once(WITHOUT_JWKS.verify_connect(mutated)).user == "42"
        return
    with pytest.raises(TokenInvalid):
        at_once(WITHOUT_JWKS.verify_connect(mutated))


@given(st.permutations(list(SIGNED.values())), st.integers(0, 1), st.integers(0, 1))
def test_a_signature_does_not_fit_another_header(tokens: list[str], header: int, signature: int) -> None:
    mixed = ".".join([tokens[header].split(".")[0], BODY, tokens[signature].split(".")[2]])
    if header == signature:
        assert at_once(WITHOUT_JWKS.verify_connect(mixed)).user == "42"
        return
    with pytest.raises(TokenInvalid):
        at_once(WITHOUT_JWKS.verify_connect(mixed))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=80).map(encode).map(lambda part: f"{HEAD}.{part}.{SIGNATURE}"))
def test_any_text_is_invalid_and_nothing_else(token: str) -> None:
    with pytest.raises(TokenInvalid):
        at_once(WITHOUT_JWKS.verify_connect(token))


def test_pyjwt_agrees_that_the_good_tokens_are_good() -> None:
    """So that what is forged above is what the world calls a token, not what only this issuer makes."""
    keys = {"HS256": SECRET, "RS256": RS.public_pem, "ES256": ES.public_pem, "EdDSA": ED.public_pem}
    for alg, token in SIGNED.items():
        claims = jwt.decode(token, keys[alg], algorithms=[alg], audience="hub", options={"verify_exp": False})
        assert claims == CLAIMS
