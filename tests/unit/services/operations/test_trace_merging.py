from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.operations.trace_merging import in_order, matches, merged
from services.operations.views import SpanView, TraceSummary


class Wanted(NamedTuple):
    text: str = ""
    channel: str = ""
    errors_only: bool = False
    min_ms: float = 0


def summary(**changes: Any) -> TraceSummary:
    values: dict[str, Any] = {
        "trace_id": "ab" * 16,
        "name": "publish news",
        "start_ms": 1_000,
        "duration_ms": 10.0,
        "num_spans": 2,
        "nodes": ["a"],
        "channel": "news:today",
        "num_acknowledged": 0,
        "error": "",
    }
    return TraceSummary(**(values | changes))


def test_two_halves_are_one_trace() -> None:
    first = summary()
    second = summary(
        name="fan_out news", start_ms=1_004, duration_ms=20.0, nodes=["b"], channel="", num_acknowledged=3, error="slow"
    )
    expected = replace(first, duration_ms=24.0, num_spans=4, nodes=["a", "b"], num_acknowledged=3, error="slow")
    assert merged([first, second]) == merged([second, first]) == [expected]


@pytest.mark.parametrize("told", ["fan_out news", "acknowledge news"])
def test_what_follows_from_a_publication_names_no_trace_that_has_more(told: str) -> None:
    """The clocks of two nodes say that it came first, or at the same time."""
    cause, consequence = summary(name="POST /api/publish", nodes=["b"]), summary(name=told, start_ms=999)
    for order in ([cause, consequence], [consequence, cause]):
        [joined] = merged(order)
        assert (joined.name, joined.start_ms) == ("POST /api/publish", 999)
    assert merged([consequence])[0].name == told


def test_the_newest_comes_first() -> None:
    traces = [summary(trace_id=f"{number:032x}", start_ms=number) for number in (1, 3, 2)]
    assert [each.start_ms for each in merged(traces)] == [3, 2, 1]


SUMMARIES = st.builds(
    summary,
    trace_id=st.sampled_from(["1" * 32, "2" * 32]),
    start_ms=st.integers(0, 50),
    duration_ms=st.integers(0, 50).map(float),
    num_spans=st.integers(1, 5),
    nodes=st.sampled_from(["a", "b", "c"]).map(lambda node: [node]),
    num_acknowledged=st.integers(0, 5),
)


@given(st.lists(SUMMARIES))
def test_nothing_is_lost_and_nothing_added(summaries: list[TraceSummary]) -> None:
    for trace in merged(summaries):
        of_it = [each for each in summaries if each.trace_id == trace.trace_id]
        assert trace.num_spans == sum(each.num_spans for each in of_it)
        assert trace.num_acknowledged == sum(each.num_acknowledged for each in of_it)
        assert trace.nodes == sorted({node for each in of_it for node in each.nodes})
        assert trace.start_ms == min(each.start_ms for each in of_it)
        assert trace.start_ms + trace.duration_ms == max(each.start_ms + each.duration_ms for each in of_it)
    assert {trace.trace_id for trace in merged(summaries)} == {each.trace_id for each in summaries}


@pytest.mark.parametrize(
    ("wanted", "is_found"),
    [
        (Wanted(), True),
        (Wanted(text="ABAB"), True),
        (Wanted(text="today"), True),
        (Wanted(text="node-1"), True),
        (Wanted(text="elsewhere"), False),
        (Wanted(channel="news:today"), True),
        (Wanted(channel="news"), False),
        (Wanted(errors_only=True), False),
        (Wanted(min_ms=10), True),
        (Wanted(min_ms=10.5), False),
    ],
)
def test_filters(wanted: Wanted, is_found: bool) -> None:
    assert matches(summary(nodes=["node-1"]), wanted) is is_found


def test_an_error_is_found() -> None:
    assert matches(summary(error="unknown_namespace"), Wanted(errors_only=True, text="namespace"))


def span(span_id: str, parent_id: str, start_ns: int) -> SpanView:
    return SpanView(
        trace_id="1" * 32,
        span_id=span_id,
        parent_id=parent_id,
        name="x",
        kind="internal",
        node="n",
        node_name="n",
        start_ns=str(start_ns),
        end_ns=str(start_ns),
        error="",
        attributes={},
    )


def test_spans_come_by_start_as_numbers() -> None:
    late, early, root = span("a", "r", 10**18 + 5), span("b", "r", 9), span("r", "", 9)
    assert in_order([late, early, root]) == [root, early, late]
