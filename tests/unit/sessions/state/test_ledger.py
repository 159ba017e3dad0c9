"""The rules of shared state: versions, bases, repeats, quotas."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.config import StateConfig
from sessions.refusal import Kind, Refusal
from sessions.state.document import Document, MutationKind
from sessions.state.ledger import Holding, Ledger, Slot
from sessions.state.mutation import Mutation, checked

CONFIG = StateConfig(max_document_bytes=100, max_documents=3, max_user_bytes=150)
USER = "ann"


def empty_ledger(floor_version: int = 0) -> Ledger:
    return Ledger(CONFIG, "epoch", holdings={USER: Holding(floor_version=floor_version)})


def mutate(
    ledger: Ledger,
    mutation_id: str,
    patch: object = None,
    kind: MutationKind = "merge",
    key: str = "cart",
    base_version: int | None = None,
) -> int:
    mutation = Mutation(key, mutation_id, "did", kind, json.dumps(patch).encode(), base_version)
    return ledger.apply(USER, checked(mutation, CONFIG)).version


def refusal_of(ledger: Ledger, mutation_id: str, patch: object = None, **more: object) -> Refusal:
    before = msgspec.json.encode([ledger.holdings, len(ledger.accepted), len(ledger.events)])
    slots = dict(ledger.slots)
    with pytest.raises(Refusal) as refusal:
        mutate(ledger, mutation_id, patch, **more)  # type: ignore[arg-type]  # the test names what it needs
    assert msgspec.json.encode([ledger.holdings, len(ledger.accepted), len(ledger.events)]) == before
    assert ledger.slots == slots
    return refusal.value


def test_versions_rise_by_one_through_removals() -> None:
    ledger = empty_ledger()

    versions = [
        mutate(ledger, "m1", {"a": 1}),
        mutate(ledger, "m2", {"a": 2}),
        mutate(ledger, "m3", kind="remove"),
        mutate(ledger, "m4", [1], "replace"),
    ]

    assert versions == [1, 2, 3, 4]
    assert ledger.slots[USER, "cart"] == Slot(4, b"[1]")


def test_a_new_document_begins_above_all_that_was_ever_purged() -> None:
    assert mutate(empty_ledger(floor_version=41), "m1", {}) == 42


@pytest.mark.parametrize("base_version", [0, 41])
def test_what_was_purged_is_at_the_floor(base_version: int) -> None:
    assert mutate(empty_ledger(floor_version=41), "m1", {}, base_version=base_version) == 42


def test_a_base_that_is_not_the_current_version_is_a_conflict_with_the_document() -> None:
    ledger = empty_ledger()
    mutate(ledger, "m1", {"a": 1})

    conflict = refusal_of(ledger, "m2", {"a": 2}, base_version=0)

    assert (conflict.kind, conflict.code) == (Kind.CONFLICT, "version_conflict")
    current = conflict.extra["current"]
    assert isinstance(current, Document)
    assert (current.version, bytes(current.value), current.epoch) == (1, b'{"a":1}', "epoch")  # type: ignore[arg-type]  # it has one
    assert mutate(ledger, "m2", {"a": 2}, base_version=1) == 2


def test_a_removed_document_is_not_there_for_base_0() -> None:
    ledger = empty_ledger()
    mutate(ledger, "m1", {})
    mutate(ledger, "m2", kind="remove")

    assert refusal_of(ledger, "m3", {}, base_version=1).kind is Kind.CONFLICT
    assert mutate(ledger, "m3", {}, base_version=0) == 3


def test_a_repeat_in_the_same_group_gets_the_first_answer() -> None:
    ledger = empty_ledger()
    mutate(ledger, "m1", {"a": 1})
    mutate(ledger, "m2", {"a": 2})

    assert mutate(ledger, "m1", {"a": 1}) == 1
    assert mutate(ledger, "m1", {"a": 1}, base_version=7) == 1, "also with another base: it is known what it did"
    assert len(ledger.accepted) == 2


@pytest.mark.parametrize(
    "other", [{"patch": {"a": 2}}, {"patch": {"a": 1}, "key": "x"}, {"patch": {"a": 1}, "kind": "replace"}]
)
def test_an_id_cannot_be_used_for_something_else(other: dict[str, object]) -> None:
    ledger = empty_ledger()
    mutate(ledger, "m1", {"a": 1})

    refusal = refusal_of(ledger, "m1", **other)

    assert (refusal.kind, refusal.code) == (Kind.REUSED, "mutation_reused")


def test_a_refused_id_may_be_used_again() -> None:
    ledger = empty_ledger()
    assert refusal_of(ledger, "m1", kind="remove").kind is Kind.NOT_FOUND

    assert mutate(ledger, "m1", {"a": 1}) == 1


def test_documents_are_counted_until_they_are_removed() -> None:
    ledger = empty_ledger()
    for key in ("a", "b", "c"):
        mutate(ledger, key, {}, key=key)

    refusal = refusal_of(ledger, "d", {}, key="d")
    assert (refusal.kind, refusal.code) == (Kind.TOO_LARGE, "quota_exceeded")

    mutate(ledger, "remove", kind="remove", key="a")
    assert mutate(ledger, "d", {}, key="d") == 1


def test_who_is_over_a_lowered_quota_can_still_shrink() -> None:
    ledger = empty_ledger()
    ledger.holdings[USER] = Holding(documents=9, num_bytes=900)
    ledger.slots[USER, "cart"] = Slot(5, b'{"a":"' + b"x" * 80 + b'"}')

    assert mutate(ledger, "m1", {"a": "x" * 70}) == 6
    assert refusal_of(ledger, "m2", {"a": "x" * 80}).code == "quota_exceeded"


def test_the_event_tells_what_the_log_does() -> None:
    ledger = empty_ledger()
    mutate(ledger, "m1", {"a": 1})
    mutate(ledger, "m2", kind="remove")

    (channel, merged), (_, removed) = ledger.events

    assert channel == "state:cart#ann"
    known = {"version": 1, "mutation": "m1", "device": "did", "epoch": "epoch"}
    assert json.loads(merged) == known | {"kind": "merge", "patch": {"a": 1}}
    assert json.loads(removed) == known | {"kind": "remove", "version": 2, "mutation": "m2"}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d"]),
        st.sampled_from(["replace", "merge", "remove"]),
        st.dictionaries(st.sampled_from("xy"), st.none() | st.text(max_size=60), max_size=2),
        st.none() | st.integers(0, 3),
    ),
    max_size=25,
)


@given(STEPS)
def test_the_books_always_balance(steps: list[tuple[str, MutationKind, dict[str, str], int | None]]) -> None:
    ledger = empty_ledger()
    for number, (key, kind, patch, base) in enumerate(steps):
        try:
            mutate(ledger, f"m{number}", patch, kind, key, base)
        except Refusal:
            continue

    values = [slot.value for slot in ledger.slots.values() if slot.value is not None]
    holding = ledger.holdings[USER]
    assert (holding.documents, holding.num_bytes) == (len(values), sum(map(len, values)))
    assert holding.documents <= CONFIG.max_documents
    assert holding.num_bytes <= CONFIG.max_user_bytes
    for key in "abcd":
        versions = [one.version for one in ledger.accepted if one.mutation.key == key]
        assert versions == list(range(1, len(versions) + 1))
