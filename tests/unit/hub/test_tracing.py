from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.trace_stamp import published_ms_in, stamped
from hub.tracing import MAX_TRACESTATE_CHARS, TRACEPARENT, TRACESTATE, UNSAMPLED, TraceContext, parse_context, tags_of

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN_ID = "00f067aa0ba902b7"


def _id(num_digits: int) -> st.SearchStrategy[str]:
    return st.text("0123456789abcdef", min_size=num_digits, max_size=num_digits).filter(lambda text: set(text) != {"0"})


states = st.lists(st.from_regex(r"[a-z]{1,9}=[a-z0-9]{1,9}", fullmatch=True), max_size=20).map(",".join)
contexts = st.builds(TraceContext, _id(32), _id(16), st.booleans(), states)


@given(st.text(), st.none() | st.text())
def test_anything_can_be_parsed(traceparent: str, tracestate: str | None) -> None:
    context = parse_context(traceparent, tracestate)
    assert context is None or len(context.trace_id) == 32


@given(contexts)
def test_a_context_survives_the_way(context: TraceContext) -> None:
    assert parse_context(context.traceparent(), context.state) == context


@pytest.mark.parametrize(
    ("traceparent", "is_sampled"),
    [
        (f"00-{TRACE_ID}-{SPAN_ID}-01", True),
        (f"00-{TRACE_ID}-{SPAN_ID}-03", True),
        (f"00-{TRACE_ID}-{SPAN_ID}-00", False),
        (f"00-{TRACE_ID}-{SPAN_ID}-02", False),
        (f"01-{TRACE_ID}-{SPAN_ID}-01-and-more", True),
    ],
)
def test_what_is_a_context(traceparent: str, is_sampled: bool) -> None:
    context = parse_context(traceparent)
    assert context is not None
    assert (context.trace_id, context.span_id, context.is_sampled) == (TRACE_ID, SPAN_ID, is_sampled)


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        "",
        f"00-{TRACE_ID}-{SPAN_ID}",
        f"00-{TRACE_ID}-{SPAN_ID}-01-more",
        f"ff-{TRACE_ID}-{SPAN_ID}-01",
        f"00-{TRACE_ID.upper()}-{SPAN_ID}-01",
        f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"00-{TRACE_ID}-{SPAN_ID}-01\n",
        f" 00-{TRACE_ID}-{SPAN_ID}-01",
    ],
)
def test_what_is_none(traceparent: str | None) -> None:
    assert parse_context(traceparent) is None


def test_a_state_that_is_too_long_or_unprintable_is_dropped() -> None:
    traceparent = f"00-{TRACE_ID}-{SPAN_ID}-01"
    for state in ("a=" + "x" * MAX_TRACESTATE_CHARS, "a=b\n"):
        assert parse_context(traceparent, state) == TraceContext(TRACE_ID, SPAN_ID)


def test_tags_carry_what_is_followed_and_nothing_else() -> None:
    context = TraceContext(TRACE_ID, SPAN_ID, state="a=b")
    assert tags_of(context, {"id": "1"}) == {"id": "1", TRACEPARENT: context.traceparent(), TRACESTATE: "a=b"}
    assert tags_of(context, {TRACEPARENT: "its own"}) == {TRACEPARENT: "its own"}
    assert tags_of(UNSAMPLED, {"id": "1"}) == {"id": "1"}
    assert tags_of(None) is None


# --- the stamp ------------------------------------------------------------------------------------------------------


@given(st.integers(min_value=0, max_value=2**52), st.text(max_size=600))
def test_the_time_of_publishing_comes_back(published_ms: int, state: str) -> None:
    assert published_ms_in(stamped(state, published_ms)) == published_ms
    assert len(stamped(state, published_ms)) <= MAX_TRACESTATE_CHARS


def test_others_members_stay_behind_ours_and_an_old_one_of_ours_goes() -> None:
    assert stamped("a=1, syncline=zz ,b=2", 35) == "syncline=z,a=1,b=2"


@pytest.mark.parametrize("state", ["", "a=1", "syncline=", "syncline=ABC", "syncline=-5", "syncline=" + "z" * 12])
def test_what_is_no_stamp(state: str) -> None:
    assert published_ms_in(state) is None
