"""Access tokens: what is issued is accepted, in its time, and nothing else is."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from hub.tokens.claims import TokenError, TokenExpired, TokenInvalid
from sessions.access_tokens import AccessTokens
from sessions.channels import sessions_channel
from sessions.config import TokenIssueConfig
from sessions.key_pair import base64url
from sessions.login_session import LoginSession
from tests.support.clock import FakeClock
from tests.unit.hub.tokens.issuer import decode
from tests.unit.sessions.static_keys import StaticKeys, key_pair

if TYPE_CHECKING:
    from collections.abc import Callable

    from sessions.key_pair import KeyPair

CONFIG = TokenIssueConfig(issuer="https://syncline.test", audience="syncline.test")
CLOCK = FakeClock()
NOW_S = int(CLOCK.now_s())
ED, RS = key_pair("EdDSA"), key_pair("RS256")
MALLORY_ED, MALLORY_RS = key_pair("EdDSA", "mallory"), key_pair("RS256", "mallory")

SESSION = LoginSession(
    id="01890000-0000-7000-8000-000000000001",
    user_id="01890000-0000-7000-8000-000000000002",
    device_id="phone-0123456789abcdef",
    name="",
    platform="",
    address="192.0.2.7",
    method="password",
    issuer="",
    idp_subject="",
    idp_sid="",
    roles=frozenset({"CUSTOMER", "VENDOR"}),
    created_ms=NOW_S * 1000,
    last_seen_ms=NOW_S * 1000,
    expires_ms=(NOW_S + 86_400) * 1000,
)

CLAIMS: dict[str, Any] = {
    "iss": CONFIG.issuer,
    "aud": CONFIG.audience,
    "sub": SESSION.user_id,
    "sid": SESSION.id,
    "did": SESSION.device_id,
    "roles": ["CUSTOMER"],
    "jti": "jti",
    "iat": NOW_S,
    "nbf": NOW_S,
    "exp": NOW_S + 300,
}


def access_tokens(clock: FakeClock, *keys: KeyPair, **config: Any) -> AccessTokens:
    return AccessTokens(replace(CONFIG, **config), StaticKeys(clock, *(keys or (ED, RS))), clock)


def verify(tokens: AccessTokens, token: str) -> Any:
    return asyncio.run(tokens.verify(token))


def signed(claims: dict[str, Any] | bytes, key: KeyPair = ED, header: str | None = None) -> str:
    """A token that this key has signed, with any payload and header."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    signing_input = f"{key.header if header is None else header}.{base64url(payload)}"
    return f"{signing_input}.{base64url(key.sign(signing_input.encode()))}"


def headed(key: KeyPair = ED, **changes: object) -> str:
    """A token of a genuine key whose header is not the one that we write."""
    header = {"alg": key.algorithm, "kid": key.kid, "typ": "at+jwt"} | changes
    kept = {name: value for name, value in header.items() if value is not None}
    return signed(CLAIMS, key, base64url(json.dumps(kept).encode()))


# --- what is issued -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [ED, RS])
def test_what_is_issued_says_what_the_session_is(key: KeyPair) -> None:
    tokens = access_tokens(CLOCK, key)
    token, expires_in_s = tokens.issue(SESSION, NOW_S * 1000)
    assert expires_in_s == 300
    assert tokens.is_ours(token)
    claims = verify(tokens, token)
    principal, connect = claims.principal, claims.connect
    assert (principal.user, principal.sid, principal.did) == (SESSION.user_id, SESSION.id, SESSION.device_id)
    assert principal.roles == SESSION.roles
    assert (connect.user, connect.expire_at_s) == (SESSION.user_id, NOW_S + 300)
    assert (connect.session.sid, connect.session.did, connect.session.roles) == (
        SESSION.id,
        SESSION.device_id,
        SESSION.roles,
    )
    assert list(connect.subs) == [sessions_channel(SESSION.user_id)]


@pytest.mark.parametrize("key", [ED, RS])
def test_others_can_verify_it_with_the_published_key(key: KeyPair) -> None:
    """With PyJWT, as a backend would, from nothing but the JWKS."""
    tokens = access_tokens(CLOCK, key)
    token, _ = tokens.issue(SESSION, NOW_S * 1000)
    (published,) = jwt.PyJWKSet.from_json(StaticKeys(CLOCK, key).jwks().decode()).keys
    assert jwt.get_unverified_header(token) == {"alg": key.algorithm, "kid": key.kid, "typ": "at+jwt"}
    options: Any = {"verify_exp": False, "require": list(CLAIMS)}
    read = jwt.decode(
        token, published, algorithms=[key.algorithm], audience=CONFIG.audience, issuer=CONFIG.issuer, options=options
    )
    assert set(read) == set(CLAIMS)
    assert published.key_id == key.kid


def test_no_private_part_is_published() -> None:
    assert {name for key in (ED, RS) for name in key.public_jwk} == {"kty", "crv", "x", "n", "e", "kid", "alg", "use"}
    assert str(ED.private) not in repr(ED)


def test_no_two_tokens_are_alike() -> None:
    tokens = access_tokens(CLOCK)
    assert len({tokens.issue(SESSION, NOW_S * 1000)[0] for _ in range(100)}) == 100


def test_no_token_outlives_its_session() -> None:
    tokens = access_tokens(CLOCK)
    token, expires_in_s = tokens.issue(replace(SESSION, expires_ms=(NOW_S + 7) * 1000), NOW_S * 1000)
    assert expires_in_s == 7
    assert verify(tokens, token).connect.expire_at_s == NOW_S + 7


# --- time -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [-5, 0, 304.9])
def test_it_is_accepted_in_its_time_and_a_leeway(seconds: float) -> None:
    clock = FakeClock()
    token, _ = access_tokens(clock).issue(SESSION, NOW_S * 1000)
    clock.advance(seconds)
    assert verify(access_tokens(clock), token)


@pytest.mark.parametrize("seconds", [-6, 305, 1e6])
def test_it_is_expired_outside_of_that(seconds: float) -> None:
    clock = FakeClock()
    token, _ = access_tokens(clock).issue(SESSION, NOW_S * 1000)
    clock.advance(seconds)
    with pytest.raises(TokenExpired):
        verify(access_tokens(clock), token)


def test_one_that_was_seen_expires_too() -> None:
    clock = FakeClock()
    tokens = access_tokens(clock)
    token, _ = tokens.issue(SESSION, NOW_S * 1000)
    assert verify(tokens, token) is verify(tokens, token), "the second time it is known"
    clock.advance(305)
    with pytest.raises(TokenExpired):
        verify(tokens, token)


def test_one_that_was_seen_ends_with_its_key() -> None:
    clock = FakeClock()
    until_ms = int((clock.now_s() + 20) * 1000)
    tokens = access_tokens(clock, key_pair(verifies_until_ms=until_ms))
    token, _ = tokens.issue(SESSION, NOW_S * 1000)
    verify(tokens, token)
    clock.advance(20)
    with pytest.raises(TokenInvalid):
        verify(tokens, token)


def test_one_that_was_seen_is_forgotten_when_its_key_is_withdrawn() -> None:
    keys = StaticKeys(CLOCK, ED, RS)
    tokens = AccessTokens(CONFIG, keys, CLOCK)
    token, _ = tokens.issue(SESSION, NOW_S * 1000)
    verify(tokens, token)
    keys.withdraw(ED)
    with pytest.raises(TokenInvalid):
        verify(tokens, token)
    assert keys.num_asked == 1


def test_the_memory_of_tokens_is_bounded() -> None:
    tokens = access_tokens(CLOCK, cache_size=3)
    for _ in range(10):
        verify(tokens, tokens.issue(SESSION, NOW_S * 1000)[0])
    assert len(tokens._cache) == 3


def test_a_stranger_s_token_is_not_looked_up_in_the_database() -> None:
    keys = StaticKeys(CLOCK, ED)
    tokens = AccessTokens(CONFIG, keys, CLOCK)
    foreign = jwt.encode({"sub": "42"}, "a-secret-of-some-application-0123456789", headers={"kid": "theirs"})
    assert not tokens.is_ours(foreign)
    with pytest.raises(TokenInvalid):
        verify(tokens, foreign)
    assert keys.num_asked == 0


# --- forgeries ------------------------------------------------------------------------------------------------------


def genuine() -> str:
    return signed(CLAIMS)


def public_pem(key: KeyPair) -> bytes:
    pem: bytes = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def with_hmac(secret: bytes, header: str) -> str:
    signing_input = f"{header}.{base64url(json.dumps(CLAIMS).encode())}"
    return f"{signing_input}.{base64url(hmac.digest(secret, signing_input.encode(), hashlib.sha256))}"


def hmac_header(kid: str) -> str:
    return base64url(json.dumps({"alg": "HS256", "kid": kid, "typ": "at+jwt"}).encode())


def without(name: str) -> str:
    return signed({key: value for key, value in CLAIMS.items() if key != name})


def with_claim(name: str, value: object) -> str:
    return signed(CLAIMS | {name: value})


def segments(token: str) -> list[str]:
    return token.split(".")


def joined(*parts: str) -> str:
    return ".".join(parts)


FORGERIES: dict[str, Callable[[], str]] = {
    "nothing": lambda: "",
    "no token": lambda: "not a token",
    "two segments": lambda: joined(*segments(genuine())[:2]),
    "four segments": lambda: genuine() + ".x",
    "five segments, as of a JWE": lambda: genuine() + ".x.y",
    "no signature": lambda: joined(*segments(genuine())[:2], ""),
    "no payload": lambda: joined(segments(genuine())[0], "", segments(genuine())[2]),
    "no header": lambda: joined("", *segments(genuine())[1:]),
    "a space behind": lambda: genuine() + " ",
    "a space before": lambda: " " + genuine(),
    "a line feed": lambda: genuine() + "\n",
    "padding": lambda: genuine() + "==",
    "not ASCII": lambda: genuine()[:-1] + "ü",
    "the other base64 alphabet": lambda: joined(*segments(genuine())[:2], "+/" + segments(genuine())[2][2:]),
    "a Bearer before": lambda: "Bearer " + genuine(),
    "longer than 4 KiB": lambda: signed(CLAIMS | {"more": "x" * 4096}),
    "alg none": lambda: joined(base64url(b'{"alg":"none","typ":"at+jwt"}'), segments(genuine())[1], "x"),
    "alg none of our kid": lambda: headed(alg="none"),
    "alg NoNe": lambda: headed(alg="NoNe"),
    "alg HS256 signed with EdDSA": lambda: headed(alg="HS256"),
    "alg ES256 signed with EdDSA": lambda: headed(alg="ES256"),
    "alg RS256 signed with EdDSA": lambda: headed(alg="RS256"),
    "RS256's kid, EdDSA's signature": lambda: signed(CLAIMS, ED, RS.header),
    "EdDSA's kid, RS256's signature": lambda: signed(CLAIMS, RS, ED.header),
    "the public key as an HMAC secret": lambda: with_hmac(public_pem(RS), hmac_header(RS.kid)),
    "the public key as a secret, our header": lambda: with_hmac(public_pem(RS), RS.header),
    "the EdDSA public key as a secret": lambda: with_hmac(public_pem(ED), ED.header),
    "the JWK as an HMAC secret": lambda: with_hmac(json.dumps(ED.public_jwk).encode(), ED.header),
    "an empty HMAC secret": lambda: with_hmac(b"", ED.header),
    "another key, our header": lambda: signed(CLAIMS, MALLORY_ED, ED.header),
    "another RSA key, our header": lambda: signed(CLAIMS, MALLORY_RS, RS.header),
    "another key of the same form": lambda: signed(CLAIMS, MALLORY_ED),
    "an embedded jwk": lambda: signed(
        CLAIMS,
        MALLORY_ED,
        base64url(json.dumps({"alg": "EdDSA", "kid": ED.kid, "typ": "at+jwt", "jwk": MALLORY_ED.public_jwk}).encode()),
    ),
    "a jku": lambda: headed(jku="https://evil.example/jwks.json"),
    "an x5u": lambda: headed(x5u="https://evil.example/cert.pem"),
    "an x5c": lambda: headed(x5c=["MIIB"]),
    "crit": lambda: headed(crit=["exp"]),
    "b64 false": lambda: headed(b64=False),
    "zip": lambda: headed(zip="DEF"),
    "typ JWT": lambda: headed(typ="JWT"),
    "typ missing": lambda: headed(typ=None),
    "typ of a logout token": lambda: headed(typ="logout+jwt"),
    "typ of a security event": lambda: headed(typ="secevent+jwt"),
    "typ in capitals": lambda: headed(typ="AT+JWT"),
    "kid missing": lambda: headed(kid=None),
    "kid empty": lambda: headed(kid=""),
    "kid a number": lambda: headed(kid=1),
    "kid a path": lambda: headed(kid="../../../../dev/null"),
    "kid SQL": lambda: headed(kid="syncline-' OR 1=1 --"),
    "kid of nobody": lambda: headed(kid="syncline-0000000000000000000000"),
    "the header in another order": lambda: (
        headed(alg=None)
        and signed(CLAIMS, ED, base64url(json.dumps({"typ": "at+jwt", "kid": ED.kid, "alg": "EdDSA"}).encode()))
    ),
    "alg twice in the header": lambda: signed(
        CLAIMS, ED, base64url(b'{"alg":"EdDSA","alg":"none","kid":"%s","typ":"at+jwt"}' % ED.kid.encode())
    ),
    "a signature of zeros": lambda: joined(*segments(genuine())[:2], base64url(bytes(64))),
    "a signature cut short": lambda: joined(*segments(genuine())[:2], base64url(decode(segments(genuine())[2])[:-1])),
    "a signature with more behind": lambda: joined(
        *segments(genuine())[:2], base64url(decode(segments(genuine())[2]) + b"\0")
    ),
    "the signature of another token": lambda: joined(
        *segments(genuine())[:2], segments(signed(CLAIMS | {"jti": "other"}))[2]
    ),
    "other claims under this signature": lambda: joined(
        segments(genuine())[0], base64url(json.dumps(CLAIMS | {"roles": ["ADMIN"]}).encode()), segments(genuine())[2]
    ),
    "another issuer": lambda: with_claim("iss", "https://evil.example"),
    "an issuer that begins alike": lambda: with_claim("iss", CONFIG.issuer + ".evil.example"),
    "another audience": lambda: with_claim("aud", "other"),
    "a list of audiences": lambda: with_claim("aud", [CONFIG.audience, "other"]),
    "an empty subject": lambda: with_claim("sub", ""),
    "a subject that is a number": lambda: with_claim("sub", 42),
    "an empty session": lambda: with_claim("sid", ""),
    "roles as text": lambda: with_claim("roles", "ADMIN"),
    "roles as numbers": lambda: with_claim("roles", [1]),
    "exp as text": lambda: with_claim("exp", str(NOW_S + 300)),
    "exp null": lambda: with_claim("exp", None),
    "exp true": lambda: with_claim("exp", True),
    "expired": lambda: with_claim("exp", NOW_S - 6),
    "not yet": lambda: with_claim("nbf", NOW_S + 6),
    "issued in the future": lambda: with_claim("iat", NOW_S + 6),
    "the subject twice": lambda: signed(json.dumps(CLAIMS).encode()[:-1] + b', "sub": "admin"}'),
    "claims that are a list": lambda: signed(b"[]"),
    "claims that are no JSON": lambda: signed(b"{"),
    "claims that are not UTF-8": lambda: signed(b'{"sub": "\xff"}'),
    "claims nested a thousand deep": lambda: signed(b"[" * 1000 + b"]" * 1000),
    **{f"without {name}": lambda name=name: without(name) for name in CLAIMS},  # type: ignore[misc]  # name is text
}


def test_the_table_is_about_something() -> None:
    assert verify(access_tokens(CLOCK), genuine())
    assert verify(access_tokens(CLOCK), signed(CLAIMS, RS))
    assert len(FORGERIES) > 80


@pytest.mark.parametrize("forgery", FORGERIES)
def test_no_forgery_is_accepted(forgery: str) -> None:
    with pytest.raises(TokenError):
        verify(access_tokens(CLOCK), FORGERIES[forgery]())


@pytest.mark.parametrize("forgery", FORGERIES)
def test_no_forgery_is_accepted_where_the_genuine_one_is_remembered(forgery: str) -> None:
    tokens = access_tokens(CLOCK)
    verify(tokens, genuine())
    with pytest.raises(TokenError):
        verify(tokens, FORGERIES[forgery]())


_ISSUED = access_tokens(CLOCK).issue(SESSION, NOW_S * 1000)[0]


@given(st.data())
def test_no_mutation_is_accepted(data: st.DataObject) -> None:
    text = list(_ISSUED)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(text) - 1))
        kind = data.draw(st.sampled_from(["replace", "delete", "insert", "swap"]))
        character = data.draw(st.sampled_from("ABCabc019-_.=+/ \0é"))
        if kind == "replace":
            text[position] = character
        elif kind == "delete" and len(text) > 1:
            del text[position]
        elif kind == "insert":
            text.insert(position, character)
        else:
            other = data.draw(st.integers(0, len(text) - 1))
            text[position], text[other] = text[other], text[position]
    mutated = "".join(text)
    if mutated != _ISSUED:
        with pytest.raises(TokenError):
            verify(access_tokens(CLOCK), mutated)


@given(st.text(max_size=300))
def test_no_text_is_accepted_or_breaks_anything(token: str) -> None:
    with pytest.raises(TokenError):
        verify(access_tokens(CLOCK), token)
