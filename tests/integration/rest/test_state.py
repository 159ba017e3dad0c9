"""Shared state over HTTP: bytes in and out, entity tags, mutation ids."""

from __future__ import annotations

from typing import Any

import pytest

from services.accounts.user import Role
from sessions.config import SessionsConfig, StateConfig
from storage.config import StorageConfig
from tests.support.api_client import Answer
from tests.support.rest_node import Person, RestNode, rest_node

CART = "/v1/state/cart"
MERGE = {"Content-Type": "application/merge-patch+json"}
PATCH = {"Content-Type": "application/json-patch+json"}


@pytest.fixture
async def ann(node: RestNode) -> Person:
    return await node.person()


async def put(node: RestNode, person: Person, value: bytes = b'{"n":1}', path: str = CART, **headers: str) -> Answer:
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    return await node.call("PUT", path, value, by=person, headers=sent)


async def test_a_document_from_its_first_to_its_last_version(node: RestNode, ann: Person) -> None:
    answer = await put(node, ann, Idempotency_Key="first")
    assert answer.status == 200
    assert answer.headers["etag"] == '"1"'
    epoch = answer.headers["syncline-epoch"]
    assert answer.json == {"key": "cart", "version": 1, "mutation": "first", "epoch": epoch}
    answer = await node.call("PATCH", CART, {"m": [1]}, by=ann, headers=MERGE)
    assert (answer.status, answer.json["version"], answer.headers["etag"]) == (200, 2, '"2"')
    operations = [{"op": "add", "path": "/m/-", "value": 2}]
    answer = await node.call("PATCH", CART, operations, by=ann, headers=PATCH)
    assert (answer.status, answer.json["version"]) == (200, 3)
    answer = await node.call("GET", CART, by=ann)
    assert (answer.status, answer.json, answer.headers["etag"]) == (200, {"n": 1, "m": [1, 2]}, '"3"')
    assert (answer.headers["syncline-epoch"], answer.headers["content-type"]) == (epoch, "application/json")
    answer = await node.call("DELETE", CART, by=ann)
    assert (answer.status, answer.json["version"]) == (200, 4)
    assert (await node.call("GET", CART, by=ann)).status == 404
    assert (await node.call("DELETE", CART, by=ann)).json["code"] == "not_found"
    changes = (await node.call("GET", f"{CART}/changes?since=0", by=ann)).json
    assert (changes["key"], changes["version"], changes["epoch"], changes["complete"]) == ("cart", 4, epoch, True)
    assert [(change["version"], change["kind"]) for change in changes["changes"]] == [
        (1, "replace"),
        (2, "merge"),
        (3, "patch"),
        (4, "remove"),
    ]
    assert {change["device"] for change in changes["changes"]} == {ann.device["id"]}


async def test_numbers_come_back_as_they_were_written(node: RestNode, ann: Person) -> None:
    """A value is never decoded and encoded again."""
    value = b'{"big":12345678901234567890123,"exact":1.10,"e":1E300,"unicode":"\\u00e9"}'
    assert (await put(node, ann, value)).status == 200
    body = (await node.call("GET", CART, by=ann)).body
    for part in (b"12345678901234567890123", b"1.10", b"1E300"):
        assert part in body


async def test_the_list(node: RestNode, ann: Person) -> None:
    await put(node, ann, path="/v1/state/b")
    await put(node, ann, path="/v1/state/a")
    answer = await node.call("GET", "/v1/state", by=ann)
    assert answer.status == 200
    assert [document["key"] for document in answer.json["documents"]] == ["a", "b"]
    assert answer.json["documents"][0].keys() == {"key", "version", "bytes", "updated_at"}
    assert answer.json["epoch"]


async def test_a_reader_that_has_it_already(node: RestNode, ann: Person) -> None:
    await put(node, ann)
    for header in ('"1"', 'W/"1"', '"0", "1"', "*"):
        answer = await node.call("GET", CART, by=ann, headers={"If-None-Match": header})
        assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", '"1"'), header
    for header in ('"2"', "1", ""):
        assert (await node.call("GET", CART, by=ann, headers={"If-None-Match": header})).status == 200, header


async def test_a_condition_that_does_not_hold(node: RestNode, ann: Person) -> None:
    await put(node, ann)
    await put(node, ann, b'{"n":2}')
    current = {"key": "cart", "version": 2, "value": {"n": 2}}
    by_header = await put(node, ann, If_Match='"1"')
    assert (by_header.status, by_header.json["code"], by_header.json["status"]) == (412, "version_conflict", 412)
    by_query = await put(node, ann, path=f"{CART}?base_version=1")
    assert (by_query.status, by_query.json["code"], by_query.json["field"]) == (409, "version_conflict", "base_version")
    for answer in (by_header, by_query):
        assert answer.headers["content-type"] == "application/problem+json"
        assert {name: answer.json["current"][name] for name in current} == current
    assert (await put(node, ann, If_None_Match="*")).status == 412
    assert (await put(node, ann, path=f"{CART}?base_version=0")).status == 409


async def test_a_condition_that_holds(node: RestNode, ann: Person) -> None:
    assert (await put(node, ann, If_None_Match="*")).status == 200
    assert (await put(node, ann, If_Match='"1"')).json["version"] == 2
    assert (await put(node, ann, path=f"{CART}?base_version=2")).json["version"] == 3
    assert (await node.call("DELETE", CART, by=ann, headers={"If-Match": '"3"'})).json["version"] == 4


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"If-Match": "*"}, ""),
        ({"If-Match": "1"}, ""),
        ({"If-Match": 'W/"1"'}, ""),
        ({"If-Match": '"1", "2"'}, ""),
        ({"If-Match": '"-1"'}, ""),
        ({"If-Match": '"99999999999999999999"'}, ""),
        ({"If-Match": '"1"', "If-None-Match": "*"}, ""),
        ({"If-None-Match": '"1"'}, ""),
        ({"If-Match": '"1"'}, "?base_version=1"),
        ({}, "?base_version=x"),
        ({}, "?base_version=-1"),
        ({}, "?base_version="),
        ({}, "?base_version=1&base_version=1"),
        ({}, "?base=1"),
        ({"Idempotency-Key": ""}, ""),
        ({"Idempotency-Key": "a b"}, ""),
        ({"Idempotency-Key": "x" * 65}, ""),
    ],
)
async def test_a_condition_is_never_ignored(node: RestNode, ann: Person, headers: dict[str, str], query: str) -> None:
    await put(node, ann)
    answer = await node.call("PUT", CART + query, {"n": 2}, by=ann, headers=headers)
    assert (answer.status, answer.json["code"]) == (400, "invalid_field")
    assert (await node.call("GET", CART, by=ann)).headers["etag"] == '"1"'


async def test_a_repeated_mutation_counts_once(node: RestNode, ann: Person) -> None:
    first = await put(node, ann, Idempotency_Key="m-1")
    await put(node, ann, b"2")
    again = await put(node, ann, Idempotency_Key="m-1")
    assert (again.status, again.json) == (200, first.json)
    other = await put(node, ann, b'{"n":3}', Idempotency_Key="m-1")
    assert (other.status, other.json["code"]) == (422, "mutation_reused")


@pytest.mark.parametrize(
    ("method", "body", "headers", "status", "code"),
    [
        ("PUT", b"{", {}, 400, "invalid_json"),
        ("PUT", b"", {}, 400, "invalid_json"),
        ("PUT", b"NaN", {}, 400, "invalid_json"),
        ("PUT", b"[" * 40 + b"]" * 40, {}, 400, "invalid_json"),
        ("PUT", b"\xff", {}, 400, "invalid_json"),
        ("PUT", b"1", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        ("PUT", b"1", {"Content-Type": "application/json; charset=latin-1"}, 415, "unsupported_media_type"),
        ("PATCH", b"{}", {}, 415, "unsupported_media_type"),
        ("PATCH", b"{}", PATCH, 400, "invalid_patch"),
        ("PATCH", b'[{"op":"move"}]', PATCH, 400, "invalid_patch"),
        ("PATCH", b'[{"op":"test","path":"/x","value":1}]', PATCH, 400, "patch_failed"),
        ("PUT", b'"' + b"x" * 70_000 + b'"', {}, 413, "too_large"),
    ],
)
async def test_bodies_that_are_refused(
    node: RestNode, ann: Person, method: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    if method == "PATCH":
        await put(node, ann)
    answer = await node.call(method, CART, body, by=ann, headers=headers)
    assert (answer.status, answer.json["code"]) == (status, code)


async def test_half_a_surrogate_pair_is_mended_as_in_publications(node: RestNode, ann: Person) -> None:
    """Other clients' parsers would choke on it."""
    assert (await put(node, ann, b'"a\\ud800b"')).status == 200
    assert (await node.call("GET", CART, by=ann)).json == "a\ufffdb"


async def test_what_a_patch_may_be_is_said(node: RestNode, ann: Person) -> None:
    answer = await node.call("PATCH", CART, b"{}", by=ann)
    assert answer.headers["accept-patch"] == "application/merge-patch+json, application/json-patch+json"


@pytest.mark.parametrize("key", ["a%20b", "a%2Fb", "%00", "ü", "x" * 65, "a%23b", "a,b"])
async def test_keys_that_cannot_be(node: RestNode, ann: Person, key: str) -> None:
    for method, body in (("GET", None), ("PUT", 1), ("DELETE", None)):
        answer = await node.call(method, f"/v1/state/{key}", body, by=ann)
        assert (answer.status, answer.json["code"]) == (400, "invalid_field")
        assert answer.json["field"] == "key"


async def test_a_quota(embedded: StorageConfig) -> None:
    config = SessionsConfig(secret=b"s" * 32, state=StateConfig(max_documents=1))
    async with rest_node(embedded, sessions=config) as node:
        ann = await node.person()
        assert (await put(node, ann)).status == 200
        answer = await put(node, ann, path="/v1/state/second")
        assert (answer.status, answer.json["code"]) == (413, "quota_exceeded")


async def test_one_user_may_write_only_so_fast_through_both_doors(embedded: StorageConfig) -> None:
    config = SessionsConfig(secret=b"s" * 32, state=StateConfig(mutation_rate_per_s=1, mutation_burst=2))
    async with rest_node(embedded, sessions=config) as node:
        ann = await node.person()
        async with await node.connected(ann) as client:
            data = {"key": "cart", "value": 1, "mutation": "first"}
            await client.call("rpc", method="state.replace", data=data)
            assert (await put(node, ann)).status == 200

            refused = await put(node, ann)

        assert (refused.status, refused.json["code"]) == (429, "too_many_requests")
        assert int(refused.headers["retry-after"]) == 1
        assert (await put(node, await node.person())).status == 200


async def test_changes_in_pieces(node: RestNode, ann: Person) -> None:
    for n in range(5):
        await put(node, ann, str(n).encode())
    changes: list[Any] = []
    while len(changes) < 5:
        page = (await node.call("GET", f"{CART}/changes?since={len(changes)}&limit=2", by=ann)).json
        assert page["complete"]
        assert page["version"] == 5
        changes += page["changes"]
    assert [change["patch"] for change in changes] == [0, 1, 2, 3, 4]
    for query in ("since=-1", "limit=0", "limit=1001", "since=x", "until=1"):
        assert (await node.call("GET", f"{CART}/changes?{query}", by=ann)).status == 400, query


async def test_nobody_reads_anothers_documents(node: RestNode, ann: Person) -> None:
    await put(node, ann)
    for person in (await node.person(), await node.person(role=Role.ADMIN)):
        assert (await node.call("GET", CART, by=person)).status == 404
        assert (await node.call("GET", "/v1/state", by=person)).json["documents"] == []
        assert (await node.call("GET", f"{CART}/changes", by=person)).json["changes"] == []


async def test_a_write_reaches_the_other_device(node: RestNode) -> None:
    ann = await node.person("ann@example.com")
    other = await node.logged_in("ann@example.com")
    async with await node.connected(other) as client:
        await client.call("subscribe", channel=f"state:cart#{ann.id}")
        epoch = (await put(node, ann, Idempotency_Key="m-1")).json["epoch"]
        [data] = await client.data(f"state:cart#{ann.id}", 1)
        assert data == {
            "version": 1,
            "kind": "replace",
            "patch": {"n": 1},
            "mutation": "m-1",
            "device": ann.device["id"],
            "epoch": epoch,
        }
