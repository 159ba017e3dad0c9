"""`state.*` as a connection calls it: the shapes of docs/sessions.md section 4, on every database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from sessions.principal import Principal
from sessions.refusal import Kind, Refusal
from tests.support.clock import FakeClock
from tests.support.state_node import StateNode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from storage.database import Storage

ANN = Principal("ann", "sid", "laptop", frozenset({"CUSTOMER"}))
BOB = Principal("bob", "sid", "phone", frozenset({"CUSTOMER"}))


@pytest.fixture
async def node(storage: Storage) -> AsyncIterator[StateNode]:
    async with StateNode(storage, FakeClock()) as running:
        yield running


async def call(node: StateNode, method: str, data: Any = None, principal: Principal = ANN) -> Any:
    raw = b"" if data is None else json.dumps(data).encode()
    return json.loads(msgspec.json.encode(await node.methods[f"state.{method}"](principal, raw)))


async def test_the_shapes_are_those_of_the_contract(node: StateNode) -> None:
    epoch = node.documents.epoch
    at_ms = 1_700_000_000_000

    assert await call(node, "get", {"key": "cart"}) == {"key": "cart", "version": 0, "epoch": epoch}
    mutated = await call(node, "replace", {"key": "cart", "value": {"a": 1}, "mutation": "m1", "base_version": 0})
    assert mutated == {"key": "cart", "version": 1, "mutation": "m1", "epoch": epoch}
    await call(node, "merge", {"key": "cart", "patch": {"b": None, "c": 2}, "mutation": "m2"})
    await call(node, "patch", {"key": "cart", "patch": [{"op": "remove", "path": "/a"}], "mutation": "m3"})
    document = {"key": "cart", "version": 3, "value": {"c": 2}, "epoch": epoch}
    assert await call(node, "get", {"key": "cart"}) == document
    assert await call(node, "list") == {
        "epoch": epoch,
        "documents": [{"key": "cart", "version": 3, "bytes": 7, "updated_at": at_ms}],
    }
    assert await call(node, "remove", {"key": "cart", "mutation": "m4", "base_version": 2}) == {"conflict": document}
    assert (await call(node, "remove", {"key": "cart", "mutation": "m4", "base_version": 3}))["version"] == 4
    assert await call(node, "changes", {"key": "cart", "since": 2}) == {
        "key": "cart",
        "version": 4,
        "epoch": epoch,
        "changes": [
            {
                "version": 3,
                "kind": "patch",
                "patch": [{"op": "remove", "path": "/a"}],
                "mutation": "m3",
                "device": "laptop",
                "at": at_ms,
            },
            {"version": 4, "kind": "remove", "mutation": "m4", "device": "laptop", "at": at_ms},
        ],
        "complete": True,
    }
    assert await call(node, "list", {}) == {"epoch": epoch, "documents": []}


async def test_a_null_is_a_value(node: StateNode) -> None:
    await call(node, "replace", {"key": "doc", "value": None, "mutation": "m1"})

    assert (await call(node, "get", {"key": "doc"}))["value"] is None


async def test_everybody_has_documents_of_their_own(node: StateNode) -> None:
    await call(node, "replace", {"key": "doc", "value": "ann's", "mutation": "m1"})
    await call(node, "replace", {"key": "doc", "value": "bob's", "mutation": "m1"}, BOB)

    assert (await call(node, "get", {"key": "doc"}, BOB))["value"] == "bob's"
    assert (await call(node, "get", {"key": "doc"}))["value"] == "ann's"


@pytest.mark.parametrize(
    ("method", "data", "code", "field"),
    [
        ("get", {}, "invalid_field", ""),
        ("get", {"key": 7}, "invalid_field", "key"),
        ("get", {"key": "a/b"}, "invalid_field", "key"),
        ("get", {"key": "a", "user": "bob"}, "invalid_field", ""),
        ("get", [], "invalid_field", ""),
        ("list", {"user": "bob"}, "invalid_field", ""),
        ("changes", {"key": "a", "since": -1}, "invalid_field", "since"),
        ("changes", {"key": "a", "since": 2**70}, "invalid_field", "since"),
        ("replace", {"key": "a", "mutation": "m1"}, "invalid_field", ""),
        ("replace", {"key": "a", "mutation": "m 1", "value": 1}, "invalid_field", "mutation"),
        ("replace", {"key": "a", "mutation": "m1", "value": 1, "base_version": "1"}, "invalid_field", "base_version"),
        ("replace", {"key": "a", "mutation": "m1", "value": 1, "device": "other"}, "invalid_field", ""),
        ("merge", {"key": "a", "mutation": "m1", "value": 1}, "invalid_field", ""),
        ("patch", {"key": "a", "mutation": "m1", "patch": {}}, "invalid_patch", "patch"),
        (
            "patch",
            {"key": "a", "mutation": "m1", "patch": [{"op": "add", "path": "/x", "value": 1}]},
            "patch_failed",
            "patch.0",
        ),
        ("remove", {"key": "a", "mutation": "m1", "patch": {}}, "invalid_field", ""),
    ],
)
async def test_what_is_wrong_is_named(node: StateNode, method: str, data: Any, code: str, field: str) -> None:
    with pytest.raises(Refusal) as refusal:
        await call(node, method, data)

    assert (refusal.value.kind, refusal.value.code, refusal.value.field) == (Kind.INVALID, code, field)


async def test_what_cannot_be_read_is_refused(node: StateNode) -> None:
    with pytest.raises(Refusal) as refusal:
        await node.methods["state.get"](ANN, b"{")

    assert refusal.value.code == "invalid_json"
