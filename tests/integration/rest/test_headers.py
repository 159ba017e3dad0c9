"""What every answer carries, whatever it is (threats T22, T24, T27)."""

from __future__ import annotations

import asyncio

import pytest

from storage.config import StorageConfig
from tests.support.api_client import Answer
from tests.support.rest_node import PAGE, RestNode, limited, rest_node

ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "server": "syncline",
}


def assert_guarded(answer: Answer) -> None:
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
    assert "strict-transport-security" not in answer.headers, "over plain HTTP it means nothing"


async def test_every_answer_is_guarded_and_kept_by_nobody(node: RestNode) -> None:
    ann = await node.person()
    answers = [
        await node.call("GET", "/v1/me", by=ann),
        await node.call("GET", "/v1/me"),
        await node.call("GET", "/v1/users", by=ann),
        await node.call("GET", "/v1/nothing"),
        await node.call("DELETE", "/v1/me"),
        await node.call("POST", "/v1/login", b"{"),
        await node.call("POST", "/v1/login", b" " * 100_000),
        await node.request("POST", "/v1/login", b"x", {"Content-Type": "text/plain"}),
        await node.request("OPTIONS", "/v1/me", None, {"Origin": PAGE, "Access-Control-Request-Method": "GET"}),
        await node.call("POST", "/v1/logout", by=ann),
        await node.call("POST", "/v1/backchannel-logout", b"x", headers={"Content-Type": "text/plain"}),
    ]
    assert [answer.status for answer in answers] == [200, 401, 403, 404, 405, 400, 413, 415, 204, 204, 415]
    for answer in answers:
        assert_guarded(answer)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


async def test_the_keys_may_be_kept(node: RestNode) -> None:
    answer = await node.call("GET", "/.well-known/jwks.json")
    assert_guarded(answer)
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    [key] = answer.json["keys"]
    assert key.keys() == {"kty", "crv", "x", "kid", "alg", "use"}, "no private member"


# --- rate limits ------------------------------------------------------------------------------------------------------


async def test_an_address_that_asks_too_much(embedded: StorageConfig) -> None:
    async with rest_node(embedded, rest=limited(rate_per_address_per_s=0.001, burst_per_address=3)) as node:
        answers = [await node.call("GET", "/v1/nothing") for _ in range(5)]
        assert [answer.status for answer in answers] == [404, 404, 404, 429, 429]
        assert [answer.headers["ratelimit"].partition(";")[2].partition(";")[0] for answer in answers[:3]] == [
            "r=2",
            "r=1",
            "r=0",
        ]
        assert answers[0].headers["ratelimit-policy"] == '"address";q=3;w=3000'
        assert answers[3].json["code"] == "too_many_requests"
        assert 0 < int(answers[3].headers["retry-after"]) <= 1000
        assert answers[3].headers["ratelimit"].startswith('"address";r=0;t=')


async def test_a_user_that_asks_too_much_from_anywhere(embedded: StorageConfig) -> None:
    async with rest_node(embedded, rest=limited(rate_per_user_per_s=0.001, burst_per_user=2)) as node:
        ann, bob = await node.person("ann@example.com"), await node.person("bob@example.com")
        again = await node.logged_in("ann@example.com")
        answers = [await node.call("GET", "/v1/me", by=person) for person in (ann, again, ann, bob)]
        assert [answer.status for answer in answers] == [200, 200, 429, 200]
        assert answers[0].headers["ratelimit"].startswith('"user";r=1;')


async def test_a_burst_at_once_is_counted_whole(embedded: StorageConfig) -> None:
    async with rest_node(embedded, rest=limited(rate_per_address_per_s=0.001, burst_per_address=10)) as node:
        answers = await asyncio.gather(*(node.call("GET", "/v1/nothing") for _ in range(30)))
        assert [answer.status for answer in answers].count(404) == 10


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address"),
    [
        ((), "203.0.113.9", "127.0.0.1"),
        (("10.0.0.0/8",), "203.0.113.9", "127.0.0.1"),
        (("127.0.0.1",), "203.0.113.9", "203.0.113.9"),
        (("127.0.0.1",), "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (("127.0.0.1", "203.0.113.0/24"), "6.6.6.6, 198.51.100.7, 203.0.113.9", "198.51.100.7"),
        (("127.0.0.1",), "", "127.0.0.1"),
        (("127.0.0.1",), "nonsense", "127.0.0.1"),
    ],
)
async def test_the_address_of_a_session(
    embedded: StorageConfig, trusted: tuple[str, ...], forwarded: str, address: str
) -> None:
    async with rest_node(embedded, rest=limited(trusted_proxies=trusted)) as node:
        await node.person("ann@example.com")
        answer = await node.cookie_log_in("ann@example.com", {"X-Syncline": "1", "X-Forwarded-For": forwarded})
        assert answer.json["session"]["address"] == address


@pytest.mark.parametrize(
    ("trusted", "proto", "is_told"),
    [((), "https", False), (("127.0.0.1",), "https", True), (("127.0.0.1",), "https, http", False)],
)
async def test_https_is_demanded_where_it_is_used(
    embedded: StorageConfig, trusted: tuple[str, ...], proto: str, is_told: bool
) -> None:
    async with rest_node(embedded, rest=limited(trusted_proxies=trusted)) as node:
        answer = await node.call("GET", "/v1/nothing", headers={"X-Forwarded-Proto": proto})
        expected = "max-age=31536000; includeSubDomains" if is_told else None
        assert answer.headers.get("strict-transport-security") == expected
