"""The tracer of a node, from the OpenTelemetry SDK to the flush of its last spans. Where tracing is off, none of it."""

from __future__ import annotations

import contextlib
import logging
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from observability.tracing.environment import TracingRefused, read_environment
from observability.tracing.memory import TraceMemory
from observability.tracing.sampling import Sampling
from observability.tracing.sdk_log import quiet_sdk_log
from observability.tracing.tracer import OtelTracer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from hub.clock import Clock
    from observability.config import TracingConfig
    from observability.tracing.environment import TracingEnvironment
    from observability.tracing.export import SpanQueue
    from observability.tracing.finished_span import FinishedSpan

    Finish = Callable[[FinishedSpan], None]

__all__ = ["NodeIdentity", "NodeTracing", "TracingRefused", "open_tracing"]

logger = logging.getLogger(__name__)


class NodeIdentity(NamedTuple):
    """Who makes the spans."""

    uid: str
    name: str
    version: str


class NodeTracing:
    """What a node has of it.

    Attributes:
        tracer: for Hub.tracer and the edge.
        memory: for the console.
    """

    def __init__(self, tracer: OtelTracer, memory: TraceMemory, queue: SpanQueue | None) -> None:
        self.tracer = tracer
        self.memory = memory
        self._queue = queue

    def measures(self) -> dict[str, float]:
        exported = _NOT_EXPORTED if self._queue is None else self._queue.measures()
        return {**self.tracer.measures(), **exported, **self.memory.measures()}

    def begin_close(self) -> None:
        """No more spans: what there is goes out while other things are closed. The two seconds begin here."""
        if self._queue is not None:
            self._queue.begin_close()

    async def close(self) -> None:
        """Let the last spans go out, for at most two seconds."""
        if self._queue is not None and (num_left := await self._queue.close()):
            logger.warning("spans_left_behind", extra={"spans": num_left})


_NOT_EXPORTED = dict.fromkeys(("spans_waiting", "spans_exported", "spans_dropped", "span_exports_failed"), 0.0)


def import_tracing() -> None:
    """What `open_tracing` will import: a parent of several workers does it once for all of them."""
    with contextlib.suppress(TracingRefused):  # each node says so, and does not start
        if read_environment(os.environ).exports:
            import observability.tracing.collector  # noqa: F401, PLC0415  # the SDK: 200 ms, only where it is needed


@asynccontextmanager
async def open_tracing(
    config: TracingConfig, clock: Clock, identity: NodeIdentity
) -> AsyncIterator[NodeTracing | None]:
    """None where tracing is off: here, or for the whole SDK by OTEL_SDK_DISABLED.

    Raises:
        TracingRefused
    """
    environment = read_environment(os.environ) if config.is_enabled else None
    if environment is None or environment.is_disabled:
        if environment is not None:
            logger.warning("tracing_disabled", extra={"detail": "OTEL_SDK_DISABLED is true"})
        yield None
        return
    with quiet_sdk_log(clock):
        tracing = _build(config, environment, clock, identity)
        try:
            yield tracing
        finally:
            await tracing.close()


def _build(config: TracingConfig, environment: TracingEnvironment, clock: Clock, identity: NodeIdentity) -> NodeTracing:
    memory = TraceMemory(config.keep_traces, identity.uid, identity.name)
    queue = _queue(environment, identity) if environment.exports else None
    finish = memory.add if queue is None else _both(memory.add, queue.add)
    return NodeTracing(OtelTracer(Sampling(config, environment.sampler, clock), clock, finish), memory, queue)


def _queue(environment: TracingEnvironment, identity: NodeIdentity) -> SpanQueue:
    from observability.resource import service_resource  # noqa: PLC0415  # the SDK: 200 ms
    from observability.tracing.collector import span_queue  # noqa: PLC0415  # same

    resource = service_resource(identity.version, identity.uid, identity.name)
    return span_queue(environment, resource, identity.version)


def _both(first: Finish, second: Finish) -> Finish:
    def finish(span: FinishedSpan) -> None:
        first(span)
        second(span)

    return finish
