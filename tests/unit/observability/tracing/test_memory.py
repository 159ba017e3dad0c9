"""The last traces of a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.tracing import Kind, TraceContext
from observability.tracing import memory as module
from observability.tracing.finished_span import FinishedSpan
from observability.tracing.memory import MAX_CHANGED, MAX_SPANS, TraceMemory

if TYPE_CHECKING:
    from hub.tracing import Attribute
    from services.operations.ports import TraceStore

MS = 1_000_000


def trace_memory(keep_traces: int = 3) -> TraceMemory:
    return TraceMemory(keep_traces, "uid-a", "a")


def span(
    trace: int,
    name: str = "work",
    *,
    number: int = 1,
    start_ms: int = 0,
    end_ms: int = 1,
    error: str = "",
    attributes: dict[str, Attribute] | None = None,
) -> FinishedSpan:
    context = TraceContext(f"{trace:032x}", f"{number:016x}")
    return FinishedSpan(context, "", name, Kind.INTERNAL, start_ms * MS, end_ms * MS, error, attributes or {}, ())


def published(channel: str, system: str = "syncline") -> dict[str, Attribute]:
    return {"messaging.system": system, "messaging.destination.name": channel}


def test_it_is_what_operations_ask_for() -> None:
    store: TraceStore = trace_memory()

    assert store.is_enabled


def test_a_trace_is_summed_up_over_its_spans_in_whatever_order_they_end() -> None:
    memory = trace_memory()
    memory.add(span(1, "fan_out news", number=3, start_ms=12, end_ms=15))
    memory.add(span(1, "publish news", number=2, start_ms=11, end_ms=13, attributes=published("news:1")))
    memory.add(span(1, "POST /api/publish", number=1, start_ms=10, end_ms=14))
    memory.add(span(1, "acknowledge news", number=4, start_ms=15, end_ms=30, error="late: by much"))

    (summary,) = memory.recent(10)

    assert summary.trace_id == f"{1:032x}"
    assert summary.name == "POST /api/publish"
    assert summary.start_ms == 10
    assert summary.duration_ms == 20
    assert summary.num_spans == 4
    assert summary.nodes == ["a"]
    assert summary.channel == "news:1"
    assert summary.num_acknowledged == 1
    assert summary.error == "late: by much"


def test_spans_are_shown_by_their_start_with_ids_and_nanoseconds_as_text() -> None:
    memory = trace_memory()
    link = TraceContext("f" * 32, "e" * 16)
    memory.add(span(1, "second", number=2, start_ms=2))
    memory.add(span(1, "first", start_ms=1)._replace(parent_id="d" * 16, kind=Kind.SERVER, links=(link,)))

    first, second = memory.spans(f"{1:032x}")

    assert (first.name, second.name) == ("first", "second")
    assert (first.trace_id, first.span_id, first.parent_id) == (f"{1:032x}", f"{1:016x}", "d" * 16)
    assert (first.kind, first.start_ns, first.links) == ("server", "1000000", ["f" * 32])
    assert (first.node, first.node_name) == ("uid-a", "a")


def test_what_it_does_not_know_has_no_spans() -> None:
    assert trace_memory().spans("0" * 32) == []


def test_a_queue_of_a_broker_is_not_taken_for_a_channel() -> None:
    memory = trace_memory()
    memory.add(span(1, "process orders", attributes=published("orders", "rabbitmq")))
    memory.add(span(1, "publish news", number=2, attributes=published("news:1")))

    assert memory.recent(1)[0].channel == "news:1"


def test_the_oldest_trace_makes_room_for_the_newest() -> None:
    memory = trace_memory(keep_traces=2)
    for trace in (1, 2, 3):
        memory.add(span(trace))

    assert [summary.trace_id for summary in memory.recent(10)] == [f"{3:032x}", f"{2:032x}"]
    assert [summary.trace_id for summary in memory.recent(1)] == [f"{3:032x}"]
    assert memory.recent(0) == []
    assert memory.spans(f"{1:032x}") == []


def test_spans_beyond_the_bound_are_counted_and_not_kept() -> None:
    memory = trace_memory()
    for number in range(MAX_SPANS + 50):
        memory.add(span(1, number=number + 1))

    assert len(memory.spans(f"{1:032x}")) == MAX_SPANS
    assert memory.recent(1)[0].num_spans == MAX_SPANS + 50


def test_what_a_long_trace_began_with_is_kept_though_it_ends_last() -> None:
    memory = trace_memory()
    for number in range(MAX_SPANS + 50):
        memory.add(span(1, number=number + 2, start_ms=2, end_ms=3))
    memory.add(span(1, "POST /api/batch", number=1, start_ms=1, end_ms=4, attributes={"text": "x" * 100}))

    kept = memory.spans(f"{1:032x}")
    assert len(kept) == MAX_SPANS
    assert kept[0].name == "POST /api/batch"
    assert memory.measures()["traces_kept_bytes"] == sum(each.num_bytes() for each in _kept(memory))


def _kept(memory: TraceMemory) -> list[FinishedSpan]:
    return [each for trace in memory._traces.values() for each in trace.spans]


def test_the_bytes_of_all_traces_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 10_000)
    memory = trace_memory(keep_traces=1_000)
    for trace in range(100):
        memory.add(span(trace, attributes={"text": "x" * 500}))

    assert 0 < memory.measures()["traces_kept_bytes"] <= 10_000
    assert 1 < memory.measures()["traces_kept"] < 10
    assert memory.recent(1)[0].trace_id == f"{99:032x}"


def test_what_has_changed_is_told_once() -> None:
    memory = trace_memory()
    memory.add(span(1))
    memory.add(span(2))
    memory.add(span(1, number=2))

    changed = memory.take_changed()

    assert [summary.trace_id for summary in changed] == [f"{2:032x}", f"{1:032x}"]
    assert changed[1].num_spans == 2
    assert memory.take_changed() == []
    memory.add(span(2, number=3))
    assert [summary.trace_id for summary in memory.take_changed()] == [f"{2:032x}"]


def test_of_many_changes_the_latest_are_told() -> None:
    memory = trace_memory(keep_traces=2 * MAX_CHANGED)
    for trace in range(2 * MAX_CHANGED):
        memory.add(span(trace))

    changed = memory.take_changed()

    assert len(changed) == MAX_CHANGED
    assert changed[-1].trace_id == f"{2 * MAX_CHANGED - 1:032x}"


def test_it_keeps_nothing_when_told_so() -> None:
    memory = trace_memory(keep_traces=0)
    memory.add(span(1))

    assert memory.recent(10) == []
    assert memory.take_changed() == []
    assert memory.measures() == {"traces_kept": 0, "traces_kept_bytes": 0}


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 8), st.booleans(), st.integers(0, 2_000)), max_size=80), st.integers(0, 5))
def test_whatever_comes_nothing_grows_past_its_bound(events: list[tuple[int, bool, int]], keep_traces: int) -> None:
    memory = trace_memory(keep_traces)
    for number, (trace, takes, length) in enumerate(events, 1):
        memory.add(span(trace, number=number, attributes={"text": "x" * length}))
        if takes:
            memory.take_changed()

    kept = [summary.trace_id for summary in memory.recent(100)]
    assert len(kept) == len(set(kept)) <= keep_traces
    assert {summary.trace_id for summary in memory.take_changed()} <= set(kept)
    spans = [each for trace_id in kept for each in memory.spans(trace_id)]
    assert (memory.measures()["traces_kept_bytes"] > 0) == bool(spans)
