"""The way of spans to a collector: a bounded queue, the SDK's thread behind it, and a count of what was lost.

A collector that is down, silent or slow costs spans, nothing else: nobody ever waits for it but that thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from observability.tracing.finished_span import FinishedSpan

    Readable = Callable[[FinishedSpan], ReadableSpan]

SHUTDOWN_DEADLINE_S: Final = 2.0
"""Whatever the collector does, a node that stops is not held up for longer."""


class CountingExporter(SpanExporter):
    """Another exporter, and what became of what it was given. The SDK's thread.

    Attributes:
        num_taken: spans that have left the queue.
        num_exported, num_lost: of those.
        num_failures: failed exports, of many spans each.
    """

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self._is_abandoned = False
        self.num_taken = 0
        self.num_exported = 0
        self.num_lost = 0
        self.num_failures = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.num_taken += len(spans)
        result = SpanExportResult.FAILURE
        try:
            result = self._export(spans)
        finally:  # also for what it raises, which the SDK's thread logs
            if result is SpanExportResult.SUCCESS:
                self.num_exported += len(spans)
            else:
                self.num_lost += len(spans)
                self.num_failures += 1
        return result

    def abandon(self) -> None:
        """Take what still comes, and do nothing with it. From another thread."""
        self._is_abandoned = True

    def shutdown(self) -> None:
        self._inner.shutdown()

    def _export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.FAILURE if self._is_abandoned else self._inner.export(spans)


class SpanQueue:
    """Hands ended spans to the SDK's batch processor as long as there is room, and counts the others.

    The batch processor would drop its oldest and log each. Spans end on the event loop's thread.

    Args:
        readable: makes the SDK's span of ours.
    """

    def __init__(self, exporter: CountingExporter, max_waiting: int, readable: Readable) -> None:
        """Starts the thread: after a fork, never before.

        Raises:
            ValueError: what OTEL_BSP_* say does not go together.
        """
        self._exporter = exporter
        self._readable = readable
        self._max_waiting = max_waiting
        self._batches = BatchSpanProcessor(exporter, max_queue_size=max_waiting)
        self._num_accepted = 0
        self._num_refused = 0
        self._closing: _Closing | None = None

    def add(self, span: FinishedSpan) -> None:
        """One has ended."""
        if self._closing is not None or self.num_waiting >= self._max_waiting:
            self._num_refused += 1
            return
        self._num_accepted += 1
        self._batches.on_end(self._readable(span))

    @property
    def num_waiting(self) -> int:
        return self._num_accepted - self._exporter.num_taken

    def measures(self) -> dict[str, float]:
        exporter = self._exporter
        return {
            "spans_waiting": self.num_waiting,
            "spans_exported": exporter.num_exported,
            "spans_dropped": self._num_refused + exporter.num_lost,
            "span_exports_failed": exporter.num_failures,
        }

    def shutdown(self) -> None:
        """Blocks for as long as the collector takes: not on the event loop, see `close`."""
        self._batches.shutdown()  # type: ignore[no-untyped-call]  # the SDK's, without a return type

    def begin_close(self) -> None:
        """Take no more, and let what waits go out while the node closes other things. Calling it twice is harmless."""
        if self._closing is None:
            self._closing = _Closing(self.shutdown)

    async def close(self) -> int:
        """Export what waits, for at most SHUTDOWN_DEADLINE_S from its beginning. Returns how many spans were left."""
        self.begin_close()
        assert self._closing is not None, "it has begun"
        await self._closing.finish()
        num_left = self._num_accepted - self._exporter.num_exported - self._exporter.num_lost
        self._exporter.abandon()
        return num_left


class _Closing:
    """Work in a thread that nobody waits for in the end: asyncio's own executor would be joined with the loop."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._loop = asyncio.get_running_loop()
        self._ends_at_s = self._loop.time() + SHUTDOWN_DEADLINE_S
        self._done = asyncio.Event()
        threading.Thread(target=self._run, name="tracing.shutdown", daemon=True).start()

    async def finish(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._ends_at_s):
                await self._done.wait()

    def _run(self) -> None:
        self._work()
        with contextlib.suppress(RuntimeError):  # the loop has gone on without us
            self._loop.call_soon_threadsafe(self._done.set)
