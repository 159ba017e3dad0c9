from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.tokens.claims import TokenInvalid
from hub.tokens.compact import MAX_TOKEN_BYTES, Header, parse_compact, parse_object
from tests.support.clock import FakeClock
from tests.unit.hub.tokens.issuer import Issuer, encode, hmac_issuer

HEADER = {"alg": "HS256", "typ": "JWT"}


def token_with_header(header: object) -> str:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return f"{encode(text)}.{encode(b'{}')}.{encode(b'signature')}"


def test_a_token_is_taken_apart(issuer: Issuer) -> None:
    token = issuer.sign_bytes(b'{"sub":"42"}', kid="k1")
    compact = parse_compact(token)
    assert compact.header == Header("HS256", "k1")
    assert compact.payload == b'{"sub":"42"}'
    assert compact.signing_input == token.rpartition(".")[0].encode()
    assert encode(compact.signature) == token.rpartition(".")[2]


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ({"alg": "HS256"}, Header("HS256", "")),
        ({"alg": "HS256", "typ": "jwt"}, Header("HS256", "")),
        ({"alg": "HS256", "typ": "at+JWT"}, Header("HS256", "")),
        ({"alg": "HS256", "typ": "application/at+jwt"}, Header("HS256", "")),
        ({"alg": "HS256", "cty": "JSON", "x5t": "thumbprint"}, Header("HS256", "")),
        ({"alg": "HS256", "jku": "https://evil.example/jwks", "jwk": {}, "x5u": "x", "x5c": []}, Header("HS256", "")),
    ],
)
def test_headers_that_are_not_ours_are_passed_over(header: object, accepted: Header) -> None:
    assert parse_compact(token_with_header(header)).header == accepted


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"alg": None},
        {"alg": 256},
        {"alg": ["HS256"]},
        {"alg": "HS256", "kid": 1},
        {"alg": "HS256", "kid": None},
        {"alg": "HS256", "typ": "secevent+jwt"},
        {"alg": "HS256", "typ": "dpop+jwt"},
        {"alg": "HS256", "typ": "logout+jwt"},
        {"alg": "HS256", "typ": None},
        {"alg": "HS256", "typ": 1},
        {"alg": "HS256", "crit": ["exp"], "exp": 1},
        {"alg": "HS256", "crit": []},
        {"alg": "HS256", "b64": False, "crit": ["b64"]},
        {"alg": "HS256", "b64": True},
        ["HS256"],
        "HS256",
        None,
        b'{"alg":"none","alg":"HS256"}',
        b'{"alg":"HS256"',
        b'{"alg":"HS256"} ]',
        b"\xff\xfe",
        b'\xef\xbb\xbf{"alg":"HS256"}',
        '{"alg":"HS256"}'.encode("utf-16"),
        b"[" * 2000,
    ],
)
def test_a_header_that_is_not_understood_in_full_is_refused(header: object) -> None:
    with pytest.raises(TokenInvalid):
        parse_compact(token_with_header(header))


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d",
        "a.b.c.d.e",
        "=.=.=",
        "e30.e30",
        "e30..e30",
        ".e30.e30",
        "e30.e30.",
        "e30.e30.e30\n",
        " e30.e30.e30",
        "e30.e3 0.e30",
        "e30=.e30.e30",
        "e30.e30.e30=",
        "e30.e+/0.e30",
        "e30.é30.e30",
        "e30.\N{FULLWIDTH DIGIT ONE}30.e30",
        "e30.e30.\x00",
    ],
)
def test_what_is_not_in_compact_form_is_refused(token: str) -> None:
    with pytest.raises(TokenInvalid):
        parse_compact(token)


def test_a_second_spelling_of_the_same_bytes_is_refused(issuer: Issuer) -> None:
    """The last character of a 32-byte signature carries two unused bits."""
    token = issuer.sign()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spellings = [token[:-1] + alphabet[alphabet.index(token[-1]) + bits] for bits in (1, 2, 3)]
    for spelling in spellings:
        with pytest.raises(TokenInvalid, match="canonical"):
            parse_compact(spelling)


def test_the_longest_token_is_8_kib() -> None:
    head, signature = encode(json.dumps(HEADER).encode()), "A" * 43
    at_limit = f"{head}.{'A' * (MAX_TOKEN_BYTES - len(head) - len(signature) - 2)}.{signature}"
    assert len(at_limit) == 8192
    assert parse_compact(at_limit).header.alg == "HS256"
    with pytest.raises(TokenInvalid, match="too long"):
        parse_compact(f"{head}.A{'A' * (MAX_TOKEN_BYTES - len(head) - len(signature) - 2)}.{signature}")


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":[{"b":1,"b":2}]}',
        b"[]",
        b'"a"',
        b"1",
        b"",
        b"{",
        b"\xff",
        b"{}x",
    ],
)
def test_only_unambiguous_objects_are_parsed(text: bytes) -> None:
    with pytest.raises(TokenInvalid):
        parse_object(text)


segments = st.one_of(
    st.binary(max_size=40).map(encode),
    st.text(alphabet="ABab01-_=+/. \n", max_size=8),
    st.dictionaries(
        st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk", "x"]),
        st.sampled_from(["HS256", "none", "JWT", "k1", None, 1, False, ["b64"], {}]),
    ).map(lambda header: encode(json.dumps(header).encode())),
)


@given(st.lists(segments, max_size=4).map(".".join) | st.text())
def test_any_text_is_taken_apart_or_refused(token: str) -> None:
    with suppress(TokenInvalid):
        parse_compact(token)


signer = hmac_issuer(FakeClock(), "0123456789abcdef0123456789abcdef")
headers: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from(["typ", "kid", "crit", "b64", "jku", "jwk", "cty", "x"]),
    st.sampled_from(["JWT", "at+jwt", "k1", "", None, 1, False, True, ["b64"], [], {}]),
)


@given(headers, st.binary(max_size=30), st.integers(0, 200), st.sampled_from("AQgw=._-+"))
def test_nothing_is_accepted_that_pyjwt_refuses(header: dict[str, Any], payload: bytes, at: int, patch: str) -> None:
    """PyJWT is the oracle: this reader may be stricter, never laxer, and must agree on what was signed."""
    signed = signer.sign_segments(json.dumps({"alg": "HS256"} | header).encode(), payload)
    for token in (signed, signed[:at] + patch + signed[at + 1 :]):
        try:
            compact = parse_compact(token)
        except TokenInvalid:
            continue
        algorithm = jwt.get_algorithm_by_name("HS256")
        if algorithm.verify(compact.signing_input, algorithm.prepare_key(signer.key), compact.signature):
            theirs = jwt.PyJWS().decode_complete(token, signer.key, algorithms=["HS256"])
            assert theirs["payload"] == compact.payload
            assert theirs["header"].get("kid", "") == compact.header.kid


def test_what_pyjwt_accepts_of_an_ordinary_backend_is_accepted() -> None:
    token = jwt.encode({"sub": "42"}, signer.key, algorithm="HS256", headers={"kid": "k1"})
    assert parse_compact(token).payload == b'{"sub":"42"}'
