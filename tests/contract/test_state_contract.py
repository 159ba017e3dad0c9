"""Shared state on every database: order, repeats, conflicts, the log, forgetting, and what a crash leaves."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from sessions.config import StateConfig
from sessions.refusal import Kind, Refusal
from sessions.state.document import Changes, Document, Mutated, MutationKind
from sessions.state.mutation import Mutation, applied
from storage.database import Query, StorageUnavailable
from storage.opening import open_storage
from tests.support.clock import FakeClock
from tests.support.patience import eventually
from tests.support.replica import Replica
from tests.support.state_node import StateNode
from tests.support.unreliable_database import UnreliableDatabase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from storage.config import StorageConfig
    from storage.database import Storage

USER = "ann"
CONFIG = StateConfig(changes_kept=20, mutation_memory_s=3_600, tombstone_ttl_s=7_200, mutation_rate_per_s=0)

COUNT_CHANGES = Query("test_count_changes", "SELECT count(*) FROM state_changes")
COUNT_DOCUMENTS = Query("test_count_documents", "SELECT count(*) FROM state_documents")
QUOTAS = Query("test_quotas", "SELECT documents, bytes FROM state_users WHERE user_id = $1")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def node(storage: Storage, clock: FakeClock) -> AsyncIterator[StateNode]:
    async with StateNode(storage, clock, config=CONFIG) as running:
        yield running


async def mutate(
    node: StateNode,
    mutation_id: str,
    patch: object = None,
    kind: MutationKind = "merge",
    *,
    user: str = USER,
    key: str = "cart",
    base_version: int | None = None,
) -> Mutated:
    raw = b"" if kind == "remove" else json.dumps(patch).encode()
    return await node.documents.mutate(user, Mutation(key, mutation_id, "did", kind, raw, base_version))


async def refusal_of(node: StateNode, mutation_id: str, patch: object = None, **more: Any) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        await mutate(node, mutation_id, patch, **more)
    return refusal.value


def value_of(document: Document) -> Any:
    return json.loads(bytes(document.value)) if document.value else None


def versions_of(changes: Changes) -> list[int]:
    return [change.version for change in changes.changes]


async def count(storage: Storage, query: Query) -> int:
    row = await storage.business.fetch_one(query)
    assert row is not None
    return int(row[0])


# --- one document -----------------------------------------------------------------------------------------------------


async def test_a_document_through_its_life(node: StateNode) -> None:
    documents = node.documents
    nothing = await documents.get(USER, "cart")
    assert (nothing.version, bool(nothing.value)) == (0, False)

    made = await mutate(node, "m1", {"items": {"a": 1, "b": 2}}, "replace")
    await mutate(node, "m2", {"items": {"a": None}})
    await mutate(node, "m3", [{"op": "add", "path": "/items/c", "value": 3.0}], "patch")

    assert made == Mutated(key="cart", version=1, mutation="m1", epoch=documents.epoch)
    document = await documents.get(USER, "cart")
    assert (document.version, bytes(document.value)) == (3, b'{"items":{"b":2,"c":3.0}}')  # type: ignore[arg-type]  # it has one
    (info,) = await documents.list(USER)
    assert (info.key, info.version, info.size_bytes) == ("cart", 3, len(b'{"items":{"b":2,"c":3.0}}'))

    removed = await mutate(node, "m4", kind="remove")

    assert removed.version == 4
    gone = await documents.get(USER, "cart")
    assert (gone.version, bool(gone.value)) == (4, False)
    assert await documents.list(USER) == []


@pytest.mark.parametrize(
    "text", ['"\\u0000"', '{"ключ":"значение 😀"}', "[18446744073709551617,1.0,1e300]", '""', "null"]
)
async def test_values_come_back_as_they_were_sent(node: StateNode, text: str) -> None:
    await node.documents.mutate(USER, Mutation("doc", "m1", "did", "replace", text.encode()))

    assert bytes((await node.documents.get(USER, "doc")).value) == text.encode()  # type: ignore[arg-type]  # it has one
    (info,) = await node.documents.list(USER)
    assert info.size_bytes == len(text.encode())


async def test_users_and_keys_do_not_meet(node: StateNode) -> None:
    await mutate(node, "m1", {"a": 1})
    await mutate(node, "m1", {"a": 2}, user="bob")
    await mutate(node, "m2", {"a": 3}, key="other")

    assert value_of(await node.documents.get(USER, "cart")) == {"a": 1}
    assert value_of(await node.documents.get("bob", "cart")) == {"a": 2}
    assert value_of(await node.documents.get(USER, "other")) == {"a": 3}


async def test_a_conflict_has_the_document_and_changes_nothing(node: StateNode) -> None:
    await mutate(node, "m1", {"a": 1})
    await mutate(node, "m2", {"a": 2})

    conflict = await refusal_of(node, "m3", {"a": 3}, base_version=1)

    assert (conflict.kind, conflict.code) == (Kind.CONFLICT, "version_conflict")
    current = conflict.extra["current"]
    assert isinstance(current, Document)
    assert (current.version, value_of(current)) == (2, {"a": 2})
    assert (await mutate(node, "m3", {"a": 3}, base_version=2)).version == 3


async def test_a_repeat_gets_the_first_answer_after_the_document_has_moved_on(node: StateNode) -> None:
    first = await mutate(node, "m1", {"n": [1]})
    await mutate(node, "m2", [{"op": "add", "path": "/n/-", "value": 2}], "patch")
    await mutate(node, "m3", kind="remove")

    assert await mutate(node, "m1", {"n": [1]}) == first
    assert (await mutate(node, "m2", [{"op": "add", "path": "/n/-", "value": 2}], "patch")).version == 2
    assert (await refusal_of(node, "m1", {"n": [2]})).kind is Kind.REUSED
    assert versions_of(await node.documents.changes(USER, "cart", 0)) == [1, 2, 3]


async def test_the_quota_follows_what_is_there(node: StateNode, storage: Storage) -> None:
    await mutate(node, "m1", {"text": "x" * 100})
    await mutate(node, "m2", {"text": "y"})
    await mutate(node, "m3", [], "replace", key="other")
    await mutate(node, "m4", kind="remove", key="other")

    assert await storage.business.fetch_one(QUOTAS, USER) == (1, len(b'{"text":"y"}'))


async def test_a_quota_that_is_used_up(storage: Storage, clock: FakeClock) -> None:
    async with StateNode(storage, clock, config=StateConfig(max_documents=2, max_user_bytes=50)) as node:
        await mutate(node, "m1", {}, key="a")
        await mutate(node, "m2", {}, key="b")

        assert (await refusal_of(node, "m3", {}, key="c")).code == "quota_exceeded"
        assert (await refusal_of(node, "m4", {"x": "x" * 50}, key="a")).code == "quota_exceeded"
        assert (await mutate(node, "m5", {}, key="a", user="bob")).version == 1


# --- groups -----------------------------------------------------------------------------------------------------------


async def test_a_group_is_applied_in_order_and_answers_everybody(node: StateNode) -> None:
    await mutate(node, "first", {"list": []})
    appends = [
        mutate(node, f"m{number}", [{"op": "add", "path": "/list/-", "value": number}], "patch")
        for number in range(300)
    ]

    answers = await asyncio.gather(*appends)

    assert [answer.version for answer in answers] == list(range(2, 302))
    assert value_of(await node.documents.get(USER, "cart")) == {"list": list(range(300))}
    assert node.documents.measures()["state_groups"] < 30


async def test_who_is_refused_is_refused_alone(node: StateNode) -> None:
    await mutate(node, "m0", {"a": 0})
    outcomes = await asyncio.gather(
        mutate(node, "m1", {"a": 1}),
        mutate(node, "m2", {"a": 2}, base_version=7),
        mutate(node, "m3", [{"op": "remove", "path": "/nothing"}], "patch"),
        mutate(node, "m4", kind="remove", key="nothing"),
        mutate(node, "m1", {"a": 1}),
        mutate(node, "m1", {"a": 9}),
        mutate(node, "m5", {"b": 5}),
        return_exceptions=True,
    )

    told = [outcome.code if isinstance(outcome, Refusal) else outcome for outcome in outcomes]
    assert [outcome.version if isinstance(outcome, Mutated) else outcome for outcome in told] == [
        2,
        "version_conflict",
        "patch_failed",
        "not_found",
        2,
        "mutation_reused",
        3,
    ]
    assert value_of(await node.documents.get(USER, "cart")) == {"a": 1, "b": 5}


async def test_a_fault_in_one_mutation_leaves_the_others_alone(
    node: StateNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(mutation: Mutation, value: bytes | None, config: StateConfig) -> bytes | None:
        if mutation.id == "bad":
            raise ZeroDivisionError
        return applied(mutation, value, config)

    monkeypatch.setattr("sessions.state.ledger.applied", faulty)
    outcomes = await asyncio.gather(
        mutate(node, "m1", {}), mutate(node, "bad", {}), mutate(node, "m2", {}), return_exceptions=True
    )

    assert isinstance(outcomes[1], ZeroDivisionError)
    assert [outcome.version for outcome in outcomes if isinstance(outcome, Mutated)] == [1, 2]


async def test_nodes_that_write_the_same_documents_agree(storage: Storage, clock: FakeClock) -> None:
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(StateNode(storage, clock)) for _ in range(3)]
        await mutate(nodes[0], "first", {"list": []})
        await asyncio.gather(
            *(
                mutate(node, f"{place}-{number}", [{"op": "add", "path": "/list/-", "value": 1}], "patch")
                for number in range(40)
                for place, node in enumerate(nodes)
            ),
            *(mutate(node, "same-id", {"made": 1}, user=f"new-{number}") for number in range(20) for node in nodes),
        )

        changes = await nodes[1].documents.changes(USER, "cart", 0, 1_000)
        assert versions_of(changes) == list(range(1, 122))
        assert value_of(await nodes[2].documents.get(USER, "cart")) == {"list": [1] * 120}
        for number in range(20):
            assert (await nodes[0].documents.get(f"new-{number}", "cart")).version == 1


async def test_too_many_waiting_are_told_to_come_back(storage: Storage, clock: FakeClock) -> None:
    async with StateNode(storage, clock, config=StateConfig(max_waiting=5)) as node:
        outcomes = await asyncio.gather(
            *(mutate(node, f"m{number}", {"a": number}) for number in range(8)), return_exceptions=True
        )

        assert [isinstance(outcome, StorageUnavailable) for outcome in outcomes] == [False] * 5 + [True] * 3
        assert node.documents.measures()["state_refused_full"] == 3


# --- a database that fails --------------------------------------------------------------------------------------------


@pytest.fixture
async def unreliable(storage: Storage) -> UnreliableDatabase:
    return UnreliableDatabase(storage.business)


@pytest.fixture
async def shaky(storage: Storage, clock: FakeClock, unreliable: UnreliableDatabase) -> AsyncIterator[StateNode]:
    async with StateNode(replace(storage, business=unreliable), clock, config=CONFIG) as running:
        yield running


async def test_without_a_database_everybody_is_told_at_once_and_writing_goes_on_after(
    shaky: StateNode, unreliable: UnreliableDatabase
) -> None:
    unreliable.is_down = True
    outcomes = await asyncio.gather(
        *(mutate(shaky, f"m{number}", {"a": number}) for number in range(CONFIG.max_group + 10)), return_exceptions=True
    )
    assert {type(outcome) for outcome in outcomes} == {StorageUnavailable}
    assert shaky.documents.measures()["state_waiting"] == 0

    unreliable.is_down = False
    assert (await mutate(shaky, "m0", {"a": 0})).version == 1


async def test_an_unknown_outcome_is_found_out_by_asking_again(
    shaky: StateNode, unreliable: UnreliableDatabase
) -> None:
    unreliable.loses_answers = True
    with pytest.raises(StorageUnavailable):
        await mutate(shaky, "m1", {"a": 1})
    unreliable.loses_answers = False

    assert (await mutate(shaky, "m1", {"a": 1})).version == 1
    assert (await mutate(shaky, "m2", {"a": 2})).version == 2


async def test_a_group_that_fails_is_written_one_by_one(shaky: StateNode, unreliable: UnreliableDatabase) -> None:
    unreliable.fault = LookupError("whatever a driver may raise")

    answers = await asyncio.gather(*(mutate(shaky, f"m{number}", {"a": number}) for number in range(5)))

    assert [answer.version for answer in answers] == [1, 2, 3, 4, 5]


async def test_a_mutation_that_fails_alone_is_told_why(shaky: StateNode, unreliable: UnreliableDatabase) -> None:
    unreliable.fault = LookupError("whatever a driver may raise")

    with pytest.raises(LookupError):
        await mutate(shaky, "m1", {})
    assert (await mutate(shaky, "m2", {})).version == 1


async def test_who_waits_when_the_node_stops_is_told(storage: Storage, clock: FakeClock) -> None:
    async with StateNode(storage, clock, config=StateConfig(max_group=1)) as node:
        waiting = [asyncio.create_task(mutate(node, f"m{number}", {"a": number})) for number in range(20)]
        await asyncio.sleep(0)

    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} <= {StorageUnavailable, Mutated}
    assert StorageUnavailable in {type(outcome) for outcome in outcomes}


async def test_who_gives_up_leaves_nothing_waiting(node: StateNode) -> None:
    tasks = [asyncio.create_task(mutate(node, f"m{number}", {"a": number})) for number in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError, Mutated] * 25
    changes = await node.documents.changes(USER, "cart", 0, 1_000)
    assert versions_of(changes) == list(range(1, len(changes.changes) + 1))
    assert {f"m{number}" for number in range(1, 50, 2)} <= {change.mutation for change in changes.changes}
    assert node.documents.measures()["state_waiting"] == 0


# --- the log ----------------------------------------------------------------------------------------------------------


async def test_the_log_is_read_from_any_version_in_parts(node: StateNode, clock: FakeClock) -> None:
    await mutate(node, "m1", {"a": 1})
    await mutate(node, "m2", kind="remove")
    await mutate(node, "m3", [1], "replace")

    changes = await node.documents.changes(USER, "cart", 1)

    assert (changes.version, changes.is_complete, changes.epoch) == (3, True, node.documents.epoch)
    removed, replaced = changes.changes
    assert (removed.version, removed.kind, bool(removed.patch), removed.mutation) == (2, "remove", False, "m2")
    assert (replaced.kind, bytes(replaced.patch), replaced.device) == ("replace", b"[1]", "did")  # type: ignore[arg-type]  # it has one
    assert replaced.at_ms == int(clock.now_s() * 1000)
    first = await node.documents.changes(USER, "cart", 0, 2)
    assert (versions_of(first), first.version, first.is_complete) == ([1, 2], 3, True)
    up_to_date = await node.documents.changes(USER, "cart", 3)
    assert (up_to_date.changes, up_to_date.is_complete) == ([], True)
    assert not (await node.documents.changes(USER, "cart", 4)).is_complete
    assert (await node.documents.changes(USER, "nothing", 0)).is_complete


async def test_what_is_young_is_never_forgotten(node: StateNode, storage: Storage, clock: FakeClock) -> None:
    for number in range(50):
        await mutate(node, f"m{number}", {"a": number})
    clock.advance(CONFIG.mutation_memory_s - 1)
    await node.documents.sweep()

    assert await count(storage, COUNT_CHANGES) == 50
    assert (await mutate(node, "m0", {"a": 0})).version == 1


async def test_what_is_old_and_far_back_is_forgotten(node: StateNode, storage: Storage, clock: FakeClock) -> None:
    for number in range(50):
        await mutate(node, f"m{number}", {"a": number})
    clock.advance(CONFIG.mutation_memory_s + 1)
    await node.documents.sweep()

    assert await count(storage, COUNT_CHANGES) == CONFIG.changes_kept
    assert not (await node.documents.changes(USER, "cart", 0)).is_complete
    last = await node.documents.changes(USER, "cart", 30)
    assert (versions_of(last), last.is_complete) == (list(range(31, 51)), True)
    assert (await mutate(node, "m49", {"a": 49})).version == 50
    assert (await mutate(node, "m0", {"a": 0})).version == 51, "its id is forgotten"


async def test_a_busy_document_trims_its_own_log(node: StateNode, storage: Storage, clock: FakeClock) -> None:
    for number in range(40):
        await mutate(node, f"old{number}", {"a": number})
    clock.advance(CONFIG.mutation_memory_s + 1)
    for number in range(24):
        await mutate(node, f"new{number}", {"a": number})

    assert await count(storage, COUNT_CHANGES) == 24, "the old ones went at version 64, no sweep was needed"
    assert (await node.documents.changes(USER, "cart", 40)).is_complete


async def test_a_group_larger_than_a_slice_is_forgotten_whole(storage: Storage, clock: FakeClock) -> None:
    """All of it has the same time."""
    config = StateConfig(
        changes_kept=0, mutation_memory_s=60, max_group=2_000, max_documents=2_000, mutation_rate_per_s=0
    )
    async with StateNode(storage, clock, config=config) as node:
        await asyncio.gather(*(mutate(node, f"m{number}", {}, key=f"k{number}") for number in range(1_201)))
        clock.advance(61)
        await node.documents.sweep()

        assert await count(storage, COUNT_CHANGES) == 0


async def test_versions_go_on_after_the_place_of_a_removed_document_is_gone(
    node: StateNode, storage: Storage, clock: FakeClock
) -> None:
    await mutate(node, "other", {}, key="other")
    for number in range(3):
        await mutate(node, f"m{number}", {"a": number})
    await mutate(node, "gone", kind="remove")
    clock.advance(CONFIG.tombstone_ttl_s + 1)
    await node.documents.sweep()

    assert await count(storage, COUNT_DOCUMENTS) == 1
    gone = await node.documents.get(USER, "cart")
    assert (gone.version, bool(gone.value)) == (4, False)
    assert (await mutate(node, "anew", {}, base_version=0)).version == 5
    assert not (await node.documents.changes(USER, "cart", 3)).is_complete
    assert (await node.documents.changes(USER, "cart", 4)).is_complete
    assert (await mutate(node, "more", {}, key="other")).version == 2, "those that are there go on as before"


async def test_a_removed_document_made_anew_is_not_purged(node: StateNode, clock: FakeClock) -> None:
    await mutate(node, "m1", {})
    await mutate(node, "m2", kind="remove")
    clock.advance(CONFIG.tombstone_ttl_s + 1)
    await mutate(node, "m3", {"a": 1})
    await node.documents.sweep()

    assert value_of(await node.documents.get(USER, "cart")) == {"a": 1}


async def test_the_epoch_is_that_of_the_database(storage: Storage, clock: FakeClock) -> None:
    async with StateNode(storage, clock) as one, StateNode(storage, clock) as other:
        assert one.documents.epoch == other.documents.epoch != ""


# --- how much the log may weigh ---------------------------------------------------------------------------------------


SMALL_LOG = replace(CONFIG, log_quota_bytes=1_000)

BOOKS = Query(
    "test_books",
    """SELECT u.log_bytes, CAST(coalesce(sum(c.bytes), 0) AS bigint),
              CAST(coalesce(sum(length(CAST(c.patch AS blob))), 0) AS bigint)
       FROM state_users u LEFT JOIN state_changes c ON c.user_id = u.user_id
       WHERE u.user_id = $1 GROUP BY u.user_id, u.log_bytes""",
    """SELECT u.log_bytes, CAST(coalesce(sum(c.bytes), 0) AS bigint),
              CAST(coalesce(sum(octet_length(c.patch)), 0) AS bigint)
       FROM state_users u LEFT JOIN state_changes c ON c.user_id = u.user_id
       WHERE u.user_id = $1 GROUP BY u.user_id, u.log_bytes""",
)


async def log_bytes_of(storage: Storage, user: str = USER) -> int:
    """What the books say; they say what is there."""
    row = await storage.business.fetch_one(BOOKS, user)
    assert row is not None
    told, counted, there = row
    assert told == counted == there
    return int(told)


def of_bytes(size: int, filler: str = "x") -> str:
    """A value that is so long as JSON."""
    return filler * (size - 2)


async def test_an_answer_holds_about_a_mebibyte_of_changes(node: StateNode) -> None:
    for number in range(40):
        await mutate(node, f"m{number}", of_bytes(60_000), "replace")

    parts = [await node.documents.changes(USER, "cart", 0, 1_000)]
    while versions_of(parts[-1])[-1] < 40:
        parts.append(await node.documents.changes(USER, "cart", versions_of(parts[-1])[-1], 1_000))

    assert {(part.version, part.is_complete) for part in parts} == {(40, True)}
    assert [version for part in parts for version in versions_of(part)] == list(range(1, 41))
    assert [len(part.changes) for part in parts] == [18, 18, 4], "1 MiB, and the change that goes beyond it"


async def test_one_change_always_fits_an_answer(node: StateNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessions.state.documents.MAX_ANSWER_BYTES", 1)
    for number in range(3):
        await mutate(node, f"m{number}", of_bytes(100), "replace")

    assert versions_of(await node.documents.changes(USER, "cart", 0)) == [1]
    assert versions_of(await node.documents.changes(USER, "cart", 2)) == [3]


async def test_a_replica_catches_up_in_parts(
    node: StateNode, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessions.state.documents.MAX_ANSWER_BYTES", 300)
    replica = Replica("cart", clock, lambda: "unused", epoch=node.documents.epoch)
    for number in range(20):
        await mutate(node, f"m{number}", {f"k{number}": of_bytes(90)})
    replica.connect()

    asked: list[int] = []
    while not replica.is_idle:
        (request,) = replica.requests()
        assert request.method == "state.changes"
        answer = await node.documents.changes(USER, "cart", request.data["since"])
        replica.on_answer(request, json.loads(msgspec.json.encode(answer)))
        asked.append(request.data["since"])

    assert (replica.version, replica.value) == (20, value_of(await node.documents.get(USER, "cart")))
    assert asked[:5] == [0, 4, 8, 12, 16], "each answer has four of them"


async def test_the_oldest_patches_make_room(storage: Storage, clock: FakeClock) -> None:
    async with StateNode(storage, clock, config=SMALL_LOG) as node:
        for number in range(50):
            await mutate(node, f"m{number}", of_bytes(100), "replace")

        assert await log_bytes_of(storage) == 1_000
        assert versions_of(await node.documents.changes(USER, "cart", 40)) == list(range(41, 51))
        beyond = await node.documents.changes(USER, "cart", 39)
        assert (beyond.version, beyond.is_complete, beyond.changes) == (50, False, [])
        assert (await mutate(node, "m0", of_bytes(100), "replace")).version == 1, "its id is known all the same"
        assert (await refusal_of(node, "m0", of_bytes(99), kind="replace")).kind is Kind.REUSED
        assert await count(storage, COUNT_CHANGES) == 50
        assert node.documents.measures()["state_patches_dropped"] == 40


async def test_a_patch_for_which_there_is_no_room_is_applied_and_not_kept(storage: Storage, clock: FakeClock) -> None:
    async with StateNode(storage, clock, config=SMALL_LOG) as node:
        await mutate(node, "m1", of_bytes(100), "replace")
        await mutate(node, "m2", of_bytes(2_000), "replace")

        assert value_of(await node.documents.get(USER, "cart")) == of_bytes(2_000)
        assert await log_bytes_of(storage) == 0
        assert not (await node.documents.changes(USER, "cart", 1)).is_complete
        await mutate(node, "m3", of_bytes(500), "replace")
        assert versions_of(await node.documents.changes(USER, "cart", 2)) == [3]
        await eventually(lambda: _is_settled(node))
        assert len(await node.published("state:cart#ann")) == 3


async def test_another_document_may_have_used_up_the_log(storage: Storage, clock: FakeClock) -> None:
    async with StateNode(storage, clock, config=SMALL_LOG) as node:
        for number in range(10):
            await mutate(node, f"m{number}", of_bytes(100), "replace")
        await mutate(node, "other", {"a": 1}, key="other")

        assert not (await node.documents.changes(USER, "other", 0)).is_complete
        assert (await node.documents.changes(USER, "cart", 0)).is_complete
        clock.advance(CONFIG.mutation_memory_s + 1)
        for number in range(CONFIG.changes_kept):
            await mutate(node, f"n{number}", {}, "remove" if number % 2 else "merge")
        await node.documents.sweep()
        await mutate(node, "again", {"a": 2}, key="other")
        assert (await node.documents.changes(USER, "other", 1)).is_complete


async def test_who_fills_the_log_fills_only_his_own(storage: Storage, clock: FakeClock) -> None:
    async with StateNode(storage, clock, config=SMALL_LOG) as node:
        await mutate(node, "m0", {"a": 1}, user="bob")
        await asyncio.gather(*(mutate(node, f"m{number}", of_bytes(300), "replace") for number in range(30)))

        assert await log_bytes_of(storage) == 900
        assert (await node.documents.changes("bob", "cart", 0)).is_complete


async def test_a_group_drops_no_more_than_its_share_at_once(storage: Storage, clock: FakeClock) -> None:
    """Many small ones cannot make room for a large one in one go: the large one is not kept meanwhile."""
    async with StateNode(storage, clock, config=replace(SMALL_LOG, max_group=500)) as node:
        for part in range(2):
            await asyncio.gather(*(mutate(node, f"m{part}-{n}", 1, "replace") for n in range(490)))
        assert await log_bytes_of(storage) == 980
        await mutate(node, "large", of_bytes(900), "replace")

        assert 800 < await log_bytes_of(storage) < 980
        assert not (await node.documents.changes(USER, "cart", 980)).is_complete
        for number in range(20):
            await mutate(node, f"more{number}", of_bytes(900), "replace")
        assert (await node.documents.changes(USER, "cart", 1_000)).is_complete


async def test_forgetting_keeps_the_books(storage: Storage, clock: FakeClock) -> None:
    async with StateNode(storage, clock, config=replace(CONFIG, changes_kept=3)) as node:
        for number in range(40):
            await mutate(node, f"m{number}", {"n": number}, key=f"k{number % 3}")
            await mutate(node, f"b{number}", {"n": number}, user="bob")
        await mutate(node, "gone", kind="remove", key="k1")
        clock.advance(CONFIG.mutation_memory_s + 1)
        for number in range(20):
            await mutate(node, f"new{number}", {"n": number}, key="k2")
        await log_bytes_of(storage)
        await asyncio.gather(node.documents.sweep(), node.documents.sweep())
        before = await log_bytes_of(storage)
        assert 0 < await log_bytes_of(storage, "bob") < 100
        clock.advance(CONFIG.tombstone_ttl_s + 1)
        await node.documents.sweep()
        assert await log_bytes_of(storage) < before


async def test_nodes_that_forget_together_keep_the_books(storage: Storage, clock: FakeClock) -> None:
    async with AsyncExitStack() as stack:
        config = replace(CONFIG, changes_kept=1)
        nodes = [await stack.enter_async_context(StateNode(storage, clock, config=config)) for _ in range(3)]
        for number in range(60):
            await mutate(nodes[0], f"m{number}", {"n": number}, key=f"k{number % 4}")
        clock.advance(CONFIG.mutation_memory_s + 1)
        await asyncio.gather(
            *(node.documents.sweep() for node in nodes),
            *(mutate(node, f"w{place}-{n}", {"w": n}, key="k1") for place, node in enumerate(nodes) for n in range(20)),
        )

        assert await log_bytes_of(storage) < 60 * len('{"w":19}') + 4 * len('{"n":59}') + 1


async def test_a_lowered_quota_is_reached_by_and_by(storage: Storage, clock: FakeClock) -> None:
    async with StateNode(storage, clock, config=CONFIG) as node:
        for number in range(300):
            await mutate(node, f"m{number}", of_bytes(10), "replace")
    sizes = [await log_bytes_of(storage)]
    async with StateNode(storage, clock, config=replace(CONFIG, log_quota_bytes=200)) as node:
        for number in range(6):
            await mutate(node, f"n{number}", of_bytes(10), "replace")
            sizes.append(await log_bytes_of(storage))

    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 200


async def test_trimming_reads_only_the_end_of_a_long_log(
    storage: Storage, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessions.state.change_log.MIN_ROWS", 8)
    async with StateNode(storage, clock, config=replace(CONFIG, changes_kept=0)) as node:
        for number in range(48):
            await mutate(node, f"m{number}", {"n": number})
        clock.advance(CONFIG.mutation_memory_s + 1)
        for number in range(16):
            await mutate(node, f"n{number}", {"n": number})

        assert await count(storage, COUNT_CHANGES) == 64 - 10
        await log_bytes_of(storage)


# --- how fast one user may write --------------------------------------------------------------------------------------


async def test_one_user_may_write_only_so_fast(storage: Storage, clock: FakeClock) -> None:
    config = replace(CONFIG, mutation_rate_per_s=2, mutation_burst=3)
    async with StateNode(storage, clock, config=config) as node:
        for number in range(3):
            await mutate(node, f"m{number}", {"n": number})

        refusal = await refusal_of(node, "m3", {"n": 3})

        assert (refusal.kind, refusal.code, refusal.retry_after_s) == (Kind.LIMITED, "too_many_requests", 0.5)
        assert node.documents.measures()["state_refused_rate"] == 1
        assert (await mutate(node, "m0", {}, user="bob")).version == 1
        clock.advance(0.5)
        assert (await mutate(node, "m3", {"n": 3})).version == 4


# --- publication ------------------------------------------------------------------------------------------------------


async def test_what_is_committed_is_published_in_order(node: StateNode) -> None:
    for number in range(20):
        await mutate(node, f"m{number}", {"n": number})

    async def everything() -> list[Any]:
        published = await node.published("state:cart#ann")
        assert len(published) == 20
        return [json.loads(bytes(one.data)) for one in published]  # type: ignore[arg-type]  # it has data

    events = await eventually(everything)
    assert [event["version"] for event in events] == list(range(1, 21))
    assert events[0] == {
        "version": 1,
        "kind": "merge",
        "patch": {"n": 0},
        "mutation": "m0",
        "device": "did",
        "epoch": node.documents.epoch,
    }


async def test_a_refusal_and_a_repeat_publish_nothing(node: StateNode) -> None:
    await mutate(node, "m1", {})
    await mutate(node, "m1", {})
    await refusal_of(node, "m2", {}, base_version=9)
    await mutate(node, "m3", {})

    async def published() -> bool:
        return [json.loads(bytes(one.data))["mutation"] for one in await node.published("state:cart#ann")] == [  # type: ignore[arg-type]  # it has data
            "m1",
            "m3",
        ]

    await eventually(published)


@pytest.mark.parametrize("point", ["state.committed", "outbox.published"])
async def test_a_crash_after_the_commit_loses_nothing(storage: Storage, clock: FakeClock, point: str) -> None:
    """Whoever asked has no answer; asking again it learns that it was done, and the others have been told once."""
    async with StateNode(storage, clock) as node:
        node.crash_at = point
        try:
            await mutate(node, "m1", {"a": 1})
        except StorageUnavailable:
            assert point == "state.committed"
        await node.has_crashed.wait()
        engine = node.engine

    clock.advance(1)
    async with StateNode(storage, clock, engine=engine) as node:
        await eventually(lambda: _is_settled(node))
        assert (await mutate(node, "m1", {"a": 1})).version == 1
        assert len(await node.published("state:cart#ann")) == 1


@pytest.mark.parametrize("point", ["state.committed", "outbox.published", "outbox.settled"])
async def test_a_new_process_goes_on_where_the_old_one_ended(
    storage_config: StorageConfig, clock: FakeClock, point: str
) -> None:
    """Even the engine is new: its subscribers resynchronise, and are told what they have not been told."""
    async with open_storage(storage_config) as storage, StateNode(storage, clock) as node:
        await mutate(node, "m0", {"n": 0})
        await eventually(lambda: _is_settled(node))
        epoch = node.documents.epoch
        node.crash_at = point
        await asyncio.gather(*(mutate(node, f"m{n}", {"n": n}) for n in range(1, 20)), return_exceptions=True)
        await node.has_crashed.wait()

    clock.advance(1)
    async with open_storage(storage_config) as storage, StateNode(storage, clock) as node:
        await eventually(lambda: _is_settled(node))
        again = await asyncio.gather(*(mutate(node, f"m{n}", {"n": n}) for n in range(20)))

        assert node.documents.epoch == epoch
        assert [answer.version for answer in again] == list(range(1, 21))
        log = await node.documents.changes(USER, "cart", 0)
        assert [change.mutation for change in log.changes] == [f"m{n}" for n in range(20)]
        published = [json.loads(bytes(one.data))["version"] for one in await node.published("state:cart#ann")]  # type: ignore[arg-type]  # it has data
        assert published == list(range(20 - len(published) + 1, 21)), "those that were not deleted, in order"


async def test_a_crash_of_the_one_who_swept_loses_nothing(storage: Storage, clock: FakeClock) -> None:
    async with StateNode(storage, clock) as node:
        node.crash_at = "state.committed"
        with pytest.raises(StorageUnavailable):
            await mutate(node, "m1", {"a": 1})

    clock.advance(1)
    sweeping = StateNode(storage, clock)
    sweeping.crash_at = "outbox.taken"
    async with sweeping:
        await sweeping.has_crashed.wait()

    clock.advance(1)
    async with StateNode(storage, clock) as node:
        await eventually(lambda: _is_settled(node))
        assert len(await node.published("state:cart#ann")) == 1


async def _is_settled(node: StateNode) -> bool:
    return await node.outbox_rows() == 0
