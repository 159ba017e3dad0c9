"""The way to a collector: bounded, counted, and never in anybody's way."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from hub.tracing import Kind
from observability.config import TracingConfig
from observability.tracing import export as module
from observability.tracing.export import CountingExporter, SpanQueue
from observability.tracing.readable_spans import ReadableSpans
from observability.tracing.sampling import Sampling
from observability.tracing.tracer import OtelTracer
from tests.support.clock import FakeClock
from tests.support.patience import PATIENCE_S, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

ROOM = 20


def queue_of(exporter: SpanExporter) -> SpanQueue:
    spans = ReadableSpans(Resource({}), InstrumentationScope("test"))
    return SpanQueue(CountingExporter(exporter), ROOM, spans.make)


class HeldExporter(SpanExporter):
    """A collector that answers when it is told to."""

    def __init__(self, result: SpanExportResult = SpanExportResult.SUCCESS) -> None:
        self.result = result
        self.answers = threading.Event()
        self.asked = threading.Event()
        self.is_shut_down = self.is_broken = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self.is_broken:
            raise UnicodeEncodeError("utf-8", "", 0, 1, "surrogates not allowed")
        self.asked.set()
        assert self.answers.wait(PATIENCE_S)
        return self.result

    def shutdown(self) -> None:
        self.is_shut_down = True


class World:
    def __init__(self, exporter: HeldExporter) -> None:
        self.exporter = exporter
        self.queue = queue_of(exporter)
        self.tracer = OtelTracer(Sampling(TracingConfig(), None, FakeClock()), FakeClock(), self.queue.add)

    def make(self, count: int) -> None:
        for _ in range(count):
            self.tracer.start_span("x", Kind.INTERNAL, None, {}).end()

    def counts(self) -> tuple[float, float, float]:
        measures = self.queue.measures()
        return measures["spans_exported"], measures["spans_dropped"], measures["span_exports_failed"]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5")


@pytest.fixture
def world() -> Iterator[World]:
    made = World(HeldExporter())
    yield made
    made.exporter.answers.set()
    made.queue.shutdown()


async def test_what_a_collector_takes_is_counted(world: World) -> None:
    world.exporter.answers.set()
    world.make(12)

    await eventually(lambda: world.counts() == (12, 0, 0))
    assert world.queue.num_waiting == 0


async def test_what_it_refuses_is_lost_and_counted(world: World) -> None:
    world.exporter.result = SpanExportResult.FAILURE
    world.exporter.answers.set()
    world.make(5)

    await eventually(lambda: world.counts() == (0, 5, 1))


async def test_what_cannot_even_be_tried_is_lost_and_counted(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.exporter.is_broken = True
    world.make(5)

    await eventually(lambda: world.counts() == (0, 5, 1))
    assert "Exception while exporting" in caplog.text


async def test_a_full_queue_takes_no_more_and_says_how_many_it_has_not_taken(world: World) -> None:
    world.make(5)
    assert world.exporter.asked.wait(PATIENCE_S)
    world.make(100)

    assert world.queue.num_waiting == ROOM
    assert world.counts() == (0, 80, 0)
    world.exporter.answers.set()
    await eventually(lambda: world.counts() == (25, 80, 0))


async def test_closing_exports_what_waits(world: World) -> None:
    world.exporter.answers.set()
    world.make(13)

    assert await world.queue.close() == 0
    assert world.counts() == (13, 0, 0)
    assert world.exporter.is_shut_down


async def test_closing_does_not_wait_for_a_collector_that_is_silent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHUTDOWN_DEADLINE_S", 0.05)
    world.make(13)

    assert await world.queue.close() == 13

    world.exporter.answers.set()  # late: the batch under way is through, the others are given up
    await eventually(lambda: world.queue.num_waiting == 0)
    await eventually(lambda: sum(world.counts()[:2]) == 13)
    assert world.counts()[0] <= 5


async def test_after_closing_spans_are_dropped_in_silence(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.exporter.answers.set()
    await world.queue.close()
    world.make(3)

    assert world.counts() == (0, 3, 0)
    assert not caplog.records


def test_batches_larger_than_the_queue_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "50")

    with pytest.raises(ValueError, match="max_export_batch_size"):
        queue_of(HeldExporter())


async def test_closing_begins_once_and_takes_no_more_from_then_on(world: World) -> None:
    world.exporter.answers.set()
    world.make(3)
    world.queue.begin_close()
    world.queue.begin_close()
    world.make(2)

    assert await world.queue.close() == 0
    assert world.counts() == (3, 2, 0)
