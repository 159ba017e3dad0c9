"""Spans as the SDK gets them, and as they are remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry import context as otel_context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags, set_span_in_context

from hub.tracing import Kind, TraceContext, parse_context
from observability.config import TracingConfig
from observability.masking import MASK
from observability.resource import service_resource
from observability.tracing.readable_spans import ReadableSpans
from observability.tracing.sampling import Sampling
from observability.tracing.tracer import OtelTracer
from tests.support.clock import FakeClock

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from hub.tracing import Tracer
    from observability.tracing.finished_span import FinishedSpan

PARENT = TraceContext("a" * 32, "b" * 16, is_sampled=True, state="vendor=1,syncline=abc")


class World:
    """A tracer, and everything that it hands on."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.finished: list[FinishedSpan] = []
        self._readable = ReadableSpans(Resource({}), InstrumentationScope("test"))
        sampling = Sampling(TracingConfig(is_enabled=True, sample_ratio=1), None, self.clock)
        self.tracer = OtelTracer(sampling, self.clock, self.finished.append)

    @property
    def exported(self) -> list[ReadableSpan]:
        """As the SDK's exporters get them."""
        return [self._readable.make(span) for span in self.finished]


@pytest.fixture
def world() -> World:
    return World()


def test_it_is_the_hubs_tracer(world: World) -> None:
    tracer: Tracer = world.tracer

    assert tracer.samples_root()
    assert tracer.follows(PARENT)


def test_a_span_has_its_parents_trace_and_says_whose_child_it_is(world: World) -> None:
    span = world.tracer.start_span("publish news", Kind.PRODUCER, PARENT, {"messaging.system": "syncline"})
    world.clock.advance(0.25)
    span.end()

    (exported,) = world.exported
    assert exported.context is not None
    assert exported.parent is not None
    assert f"{exported.context.trace_id:032x}" == span.context.trace_id == PARENT.trace_id
    assert f"{exported.parent.span_id:016x}" == PARENT.span_id
    assert f"{exported.context.span_id:016x}" == span.context.span_id
    assert exported.context.trace_state.to_header() == PARENT.state
    assert exported.kind is SpanKind.PRODUCER
    assert exported.name == "publish news"
    assert exported.attributes == {"messaging.system": "syncline"}
    assert exported.end_time is not None
    assert exported.start_time is not None
    assert exported.end_time - exported.start_time == 250_000_000


def test_its_context_is_a_sampled_one_that_can_be_sent_on_and_keeps_the_state(world: World) -> None:
    context = world.tracer.start_span("x", Kind.SERVER, PARENT, {}).context

    assert parse_context(context.traceparent(), context.state) == context
    assert context.is_sampled
    assert context.state == PARENT.state


def test_a_span_without_parent_begins_a_trace_whatever_opentelemetry_thinks_is_current(world: World) -> None:
    elsewhere = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1))
    token = otel_context.attach(set_span_in_context(NonRecordingSpan(elsewhere)))
    try:
        span = world.tracer.start_span("x", Kind.INTERNAL, None, {})
        span.end()
    finally:
        otel_context.detach(token)

    (exported,) = world.exported
    assert exported.parent is None
    assert span.context.trace_id != f"{1:032x}"
    assert world.finished[0].parent_id == ""


def test_attributes_are_masked_when_it_ends_those_of_the_beginning_and_those_set_later(world: World) -> None:
    span = world.tracer.start_span("x", Kind.INTERNAL, None, {"password": "hunter2", "n": 3})
    span.set("to", "ann@example.com")
    span.end()

    assert world.exported[0].attributes == {"password": MASK, "n": 3, "to": MASK}
    assert world.finished[0].attributes == {"password": MASK, "n": 3, "to": MASK}


def test_a_failed_one_has_the_error_type_and_a_masked_text(world: World) -> None:
    span = world.tracer.start_span("process orders", Kind.CONSUMER, None, {})
    span.fail("poison", "no route for ann@example.com")
    span.end()

    (exported,) = world.exported
    assert exported.attributes == {"error.type": "poison"}
    assert exported.status.status_code is StatusCode.ERROR
    assert exported.status.description == f"poison: no route for {MASK}"
    assert world.finished[0].error == f"poison: no route for {MASK}"


def test_one_that_went_well_has_no_status(world: World) -> None:
    world.tracer.start_span("x", Kind.INTERNAL, None, {}).end()

    assert world.exported[0].status.status_code is StatusCode.UNSET
    assert world.finished[0].error == ""


def test_ending_twice_is_harmless_and_what_comes_after_the_end_is_not_told(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    span = world.tracer.start_span("x", Kind.INTERNAL, None, {})
    span.end()
    span.set("late", 1)
    span.fail("late")
    span.end()

    assert len(world.exported) == len(world.finished) == 1
    assert not world.exported[0].attributes
    assert not caplog.records


def test_times_can_be_given_and_no_span_has_a_negative_length(world: World) -> None:
    told = world.tracer.start_span("x", Kind.INTERNAL, None, {}, started_ns=5_000)
    told.end(at_ns=7_000)
    backwards = world.tracer.start_span("y", Kind.INTERNAL, None, {}, started_ns=9_000)
    backwards.end(at_ns=8_000)
    stepped = world.tracer.start_span("z", Kind.INTERNAL, None, {})
    world.clock.advance(-5)
    stepped.end()

    lengths = [(span.end_time or 0) - (span.start_time or 0) for span in world.exported]
    assert lengths == [2_000, 0, 0]
    assert (world.finished[0].start_ns, world.finished[0].end_ns) == (5_000, 7_000)


def test_links_name_other_traces(world: World) -> None:
    world.tracer.start_span("connect", Kind.SERVER, None, {}, links=[PARENT]).end()

    (link,) = world.exported[0].links
    assert f"{link.context.trace_id:032x}" == PARENT.trace_id
    assert world.finished[0].links == (PARENT,)


def test_a_state_that_is_no_list_of_members_is_carried_on_and_breaks_nothing(world: World) -> None:
    broken = PARENT._replace(state="not a state; =,,=")

    span = world.tracer.start_span("x", Kind.INTERNAL, broken, {})
    span.end()

    assert span.context.state == broken.state
    assert len(world.exported) == 1


def test_it_counts_what_it_begins_and_what_the_bounds_leave_out(world: World) -> None:
    world.tracer.start_span("x", Kind.INTERNAL, None, {})
    followed = sum(world.tracer.samples_root() for _ in range(60))

    assert 0 < followed < 60
    assert world.tracer.measures() == {
        "spans_started": 1,
        "trace_roots_refused": 60 - followed,
        "trace_parents_refused": 0,
    }


def test_the_resource_says_which_node_of_which_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.namespace=shop,deployment.environment.name=test")

    attributes = service_resource("1.2.3", "uid-a", "node-a").attributes

    assert attributes["service.name"] == "syncline"
    assert attributes["service.version"] == "1.2.3"
    assert attributes["service.instance.id"] == "uid-a"
    assert attributes["syncline.node.name"] == "node-a"
    assert attributes["service.namespace"] == "shop"
    assert attributes["deployment.environment.name"] == "test"


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_SERVICE_NAME": "hub", "OTEL_RESOURCE_ATTRIBUTES": ""},
        {"OTEL_SERVICE_NAME": "", "OTEL_RESOURCE_ATTRIBUTES": "service.name=hub"},
    ],
)
def test_the_environments_service_name_wins(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert service_resource("1", "uid", "node").attributes["service.name"] == "hub"
