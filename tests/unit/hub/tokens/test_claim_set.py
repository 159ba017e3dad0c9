from __future__ import annotations

import base64
import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from hub.payload import MAX_DEPTH
from hub.tokens.claim_set import (
    CONNECT_DECODER,
    SUBSCRIBE_DECODER,
    ConnectClaimSet,
    SubscribeClaimSet,
    connect_claims,
    parse_claim_set,
    subscribe_claims,
)
from hub.tokens.claims import ConnectClaims, Override, SubscribeClaims, TokenInvalid, TokenSubscription


def b64(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def connect(claims: Mapping[str, object] | bytes, user_id_claim: str = "sub") -> ConnectClaims:
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return connect_claims(*parse_claim_set(CONNECT_DECODER, payload, user_id_claim))


def subscribe(claims: Mapping[str, object] | bytes, user_id_claim: str = "sub") -> SubscribeClaims:
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return subscribe_claims(*parse_claim_set(SUBSCRIBE_DECODER, payload, user_id_claim))


def test_an_empty_connection_token_is_anonymous_and_never_expires() -> None:
    assert connect({}) == ConnectClaims(user="", expire_at_s=0, info=UNSET, subs={}, meta=None)


def test_every_claim_of_a_connection_token() -> None:
    claims = connect(
        b'{"sub":"42","exp":2000,"iat":1000,"nbf":1000,"jti":"j","aud":["a","b"],"iss":"me",'
        b'"info":{"name": "Alice", "n": 1.0},"channels":["news"],"meta":{"plan":"pro"},'
        b'"subs":{"chat":{"info":[1],"data":"x","override":{"presence":{"value":true}}}}}'
    )
    assert claims == ConnectClaims(
        user="42",
        expire_at_s=2000,
        info=Raw(b'{"name": "Alice", "n": 1.0}'),
        subs={
            "news": TokenSubscription(),
            "chat": TokenSubscription(Raw(b"[1]"), Raw(b'"x"'), Override(presence=True)),
        },
        meta={"plan": "pro"},
    )


def test_every_claim_of_a_subscription_token() -> None:
    claims = subscribe(
        b'{"sub":"42","channel":"chat:1","client":"c","exp":2000.5,"info":{"a":1},"data":[2],'
        b'"override":{"force_recovery":{"value":false},"join_leave":{}}}'
    )
    assert claims == SubscribeClaims(
        user="42",
        channel="chat:1",
        client="c",
        expire_at_s=2000.5,
        info=Raw(b'{"a":1}'),
        data=Raw(b"[2]"),
        override=Override(force_recovery=False, join_leave=False),
    )


def test_all_overrides() -> None:
    names = ["presence", "join_leave", "force_push_join_leave", "force_positioning", "force_recovery"]
    claims = subscribe({"channel": "c", "override": {name: {"value": True} for name in names}})
    assert claims.override == Override(True, True, True, True, True)


def test_channels_and_subs_are_merged_and_subs_say_more() -> None:
    claims = connect({"channels": ["a", "b", "a"], "subs": {"b": {"data": 1}, "c": None}})
    assert claims.subs == {
        "a": TokenSubscription(),
        "b": TokenSubscription(data=Raw(b"1")),
        "c": TokenSubscription(),
    }


@pytest.mark.parametrize(
    ("claims", "expire_at_s"),
    [
        ({}, 0),
        ({"exp": 2000}, 2000),
        ({"exp": 2000, "expire_at": 3000}, 3000),
        ({"exp": 2000, "expire_at": 1000.5}, 1000.5),
        ({"exp": 2000, "expire_at": 0}, 0),
        ({"expire_at": 3000}, 3000),
        ({"exp": 2000, "expire_at": None}, 2000),
        ({"exp": 10**30}, 1e30),
    ],
)
def test_expire_at_stands_above_exp(claims: dict[str, object], expire_at_s: float) -> None:
    assert connect(claims).expire_at_s == expire_at_s
    assert subscribe(claims | {"channel": "c"}).expire_at_s == expire_at_s


def test_base64_stands_above_plain_json() -> None:
    extras = {"info": 1, "b64info": b64({"a": 1}), "data": 1, "b64data": b64([2])}
    claims = subscribe({"channel": "c"} | extras)
    assert (claims.info, claims.data) == (Raw(b'{"a": 1}'), Raw(b"[2]"))
    subscription = connect({"subs": {"c": extras}}).subs["c"]
    assert (subscription.info, subscription.data) == (Raw(b'{"a": 1}'), Raw(b"[2]"))
    assert connect({"b64info": b64("x")}).info == Raw(b'"x"')


@pytest.mark.parametrize(
    "absent", [{}, {"info": None}, {"b64info": None}, {"b64info": ""}, {"info": None, "b64info": ""}]
)
def test_null_and_empty_extras_are_absent(absent: dict[str, object]) -> None:
    assert connect(absent).info is UNSET


def test_optional_extras_may_be_null() -> None:
    claims = connect({"channels": None, "subs": None, "meta": None})
    assert (claims.subs, claims.meta) == ({}, None)
    subscribed = subscribe({"channel": "c", "data": None, "b64data": None, "override": None})
    assert (subscribed.data, subscribed.override) == (UNSET, None)
    assert subscribe({"channel": "c", "override": {"presence": None}}).override == Override()


def test_payloads_are_safe_to_put_into_a_frame() -> None:
    """A newline separates messages of a frame; see hub.payload."""
    assert connect(b'{"info":{"a":\n 1}}').info == Raw(b'{"a":1}')
    assert connect({"b64info": base64.b64encode(b"[1,\r\n2]").decode()}).info == Raw(b"[1,2]")


def test_claims_that_are_not_ours_are_ignored() -> None:
    assert connect({"sub": "42", "scope": "x", "azp": {"deep": [1]}, "data": 1, "client": 5}).user == "42"


@pytest.mark.parametrize(
    ("claims", "user"),
    [
        ({"uid": "7", "sub": "42"}, "7"),
        ({"uid": 7}, "7"),
        ({"uid": -(10**20)}, "-100000000000000000000"),
        ({"sub": "42"}, ""),
        ({"uid": ""}, ""),
    ],
)
def test_the_user_id_may_have_another_name(claims: dict[str, object], user: str) -> None:
    assert connect(claims, user_id_claim="uid").user == user
    assert subscribe(claims | {"channel": "c"}, user_id_claim="uid").user == user


@pytest.mark.parametrize("value", [None, True, 1.5, [], {}, ["7"]])
def test_a_user_id_under_another_name_is_text_or_a_whole_number(value: object) -> None:
    with pytest.raises(TokenInvalid):
        connect({"uid": value}, user_id_claim="uid")


def test_a_connection_token_has_no_channel() -> None:
    with pytest.raises(TokenInvalid, match="channel"):
        connect({"sub": "42", "channel": "news"})
    assert connect({"sub": "42", "channel": ""}).user == "42"


@pytest.mark.parametrize("claims", [{}, {"channel": ""}, {"sub": "42", "channels": ["news"]}])
def test_a_subscription_token_has_a_channel(claims: dict[str, object]) -> None:
    with pytest.raises(TokenInvalid, match="channel"):
        subscribe(claims)


NOT_A_DATE: list[object] = ["2000", True, None, [2000], {}, "soon"]
NOT_TEXT: list[object] = [42, True, None, ["42"], {}, 1.5]
NOT_AN_AUDIENCE: list[object] = [42, True, None, {}, [1], ["a", None], [["a"]]]
NOT_A_LIFETIME: list[object] = ["2000", True, [], {}, -1, -0.5]
NOT_BASE64: list[object] = [1, [], {}, "%", "e3%0=", "e30", "ZQ==", "/w==", base64.b64encode(b"{").decode()]
WRONG_TYPES = [
    *((name, value) for name in ("exp", "nbf", "iat") for value in NOT_A_DATE),
    *((name, value) for name in ("sub", "iss", "jti", "channel") for value in NOT_TEXT),
    *(("aud", value) for value in NOT_AN_AUDIENCE),
    *(("expire_at", value) for value in NOT_A_LIFETIME),
    *(("b64info", value) for value in NOT_BASE64),
]


@pytest.mark.parametrize(("name", "value"), WRONG_TYPES)
def test_a_claim_of_the_wrong_type_is_refused_in_both_kinds(name: str, value: object) -> None:
    with pytest.raises(TokenInvalid):
        connect({name: value})
    with pytest.raises(TokenInvalid):
        subscribe({"channel": "c"} | {name: value})


@pytest.mark.parametrize(
    "claims",
    [
        {"channels": "news"},
        {"channels": [1]},
        {"channels": [None]},
        {"channels": {"news": {}}},
        {"subs": ["news"]},
        {"subs": {"news": 1}},
        {"subs": {"news": {"override": True}}},
        {"subs": {"news": {"override": {"presence": True}}}},
        {"subs": {"news": {"override": {"presence": {"value": 1}}}}},
        {"subs": {"news": {"b64data": "%"}}},
        {"meta": []},
        {"meta": "x"},
    ],
)
def test_a_wrongly_typed_extra_of_a_connection_token_is_refused(claims: dict[str, object]) -> None:
    with pytest.raises(TokenInvalid):
        connect(claims)


@pytest.mark.parametrize(
    "claims", [{"client": 1}, {"client": None}, {"override": []}, {"override": {"join_leave": 1}}, {"b64data": "%"}]
)
def test_a_wrongly_typed_extra_of_a_subscription_token_is_refused(claims: dict[str, object]) -> None:
    with pytest.raises(TokenInvalid):
        subscribe({"channel": "c"} | claims)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{}{}",
        b'{"sub":"a","sub":"b"}',
        b'{"exp":NaN}',
        b'{"exp":Infinity}',
        b'{"exp":1e400}',
        b'{"sub":"\\ud800"}',
        b'{"sub":"\xff"}',
        b"{\"sub\":'42'}",
        b'{"info":NaN}',
        b'{"info":' + b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1) + b"}",
        b'{"a":' * 3000,
        b'{"a":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"exp":' + b"9" * 5000 + b"}",
        '{"sub":"42"}'.encode("utf-16"),
    ],
)
def test_a_payload_that_is_not_clean_json_is_refused(payload: bytes) -> None:
    with pytest.raises(TokenInvalid):
        connect(payload)


def test_the_reason_does_not_quote_the_claims() -> None:
    for claims in ({"sub": 8154711}, {"subs": {"8154711": 8154711}}, {"b64info": "8154711%"}):
        with pytest.raises(TokenInvalid) as refusal:
            connect(claims)
        assert "8154711" not in str(refusal.value)


NAMES = [*SubscribeClaimSet.__struct_fields__, *ConnectClaimSet.__struct_fields__]
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(NAMES), values, max_size=6))
def test_any_claims_are_read_or_refused(claims: dict[str, object]) -> None:
    for read in (connect, subscribe):
        try:
            result = read(claims)
        except TokenInvalid:
            continue
        assert isinstance(result.user, str)
        assert isinstance(result.expire_at_s, int | float)
        assert result.info is UNSET or bytes(result.info) != b"null"
