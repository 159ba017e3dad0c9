from __future__ import annotations

import pytest

from hub.trace_decisions import MAX_BELOW, MAX_KNOWN, NO, Decisions, Verdict
from hub.tracing import UNSAMPLED, TraceContext
from tests.support.tracer import RecordingTracer, current

THEIRS = TraceContext("a" * 32, "1" * 16)
UNFOLLOWED = THEIRS._replace(is_sampled=False)


@pytest.mark.parametrize("samples", [True, False])
def test_chance_decides_where_nobody_has(samples: bool) -> None:
    tracer = RecordingTracer(samples=samples)
    assert Decisions(tracer).decide(None) == Verdict(samples)
    assert tracer.num_asked == 1


@pytest.mark.parametrize(("context", "verdict"), [(UNSAMPLED, NO), (THEIRS, Verdict(True, THEIRS))])
def test_what_was_decided_stays_decided(context: TraceContext, verdict: Verdict) -> None:
    tracer = RecordingTracer()
    with current(context):
        assert Decisions(tracer).decide(None)[0] == verdict.is_sampled
    assert tracer.num_asked == 0


def test_what_comes_with_the_work_goes_before_where_it_happens() -> None:
    decisions = Decisions(RecordingTracer())
    with current(UNSAMPLED):
        assert decisions.decide(THEIRS) == Verdict(True, THEIRS)
    with current(THEIRS):
        assert decisions.decide(UNFOLLOWED) == NO


def test_only_so_many_of_others_are_followed_but_all_of_ours() -> None:
    decisions = Decisions(RecordingTracer(allowed=1))
    assert decisions.decide(THEIRS).is_sampled
    assert not decisions.decide(THEIRS).is_sampled
    decisions.note_ours(THEIRS)
    assert decisions.decide(THEIRS).is_sampled


def test_whoever_calls_is_a_stranger_and_whoever_publishes_is_not() -> None:
    decisions = Decisions(tracer := RecordingTracer())
    assert decisions.decide(THEIRS).is_sampled
    assert tracer.num_strangers == 0
    assert decisions.decide_on_call(THEIRS).is_sampled
    assert tracer.num_strangers == 1


def test_a_parent_has_an_allowance() -> None:
    decisions = Decisions(RecordingTracer())
    assert [decisions.admits_below(THEIRS) for _ in range(MAX_BELOW + 1)] == [True] * MAX_BELOW + [False]
    decisions.take_back_below(THEIRS)
    assert decisions.admits_below(THEIRS)
    assert not decisions.admits_below(THEIRS)
    assert all(decisions.admits_below(None) for _ in range(MAX_BELOW + 1))


def test_what_is_remembered_is_bounded() -> None:
    decisions = Decisions(RecordingTracer(allowed=0))
    contexts = [THEIRS._replace(span_id=f"{number:016x}") for number in range(1, MAX_KNOWN + 2)]
    for context in contexts:
        decisions.note_ours(context)
    assert not decisions.follows(contexts[0])
    assert decisions.follows(contexts[1])
