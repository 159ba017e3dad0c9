"""What the contract suites run against: every implementation of a port, bound and ready.

An engine joins the suite with one entry in SPECIMENS.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from hub.engines.memory import MemoryEngine
from tests.support.clock import FakeClock
from tests.support.recording_listener import RecordingListener

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from hub.engine import Engine

NODE_LEASE_S = 2
"""The lease of an announced node in every engine under test."""


class Specimen(NamedTuple):
    """One engine under test.

    Attributes:
        engine: started, not bound.
        advance: returns when so many seconds have passed for the engine: at once where the clock is ours, else later.
    """

    engine: Engine
    advance: Callable[[float], Coroutine[Any, Any, None]]


OpenSpecimen = AbstractAsyncContextManager[Specimen]


@asynccontextmanager
async def lazy_memory_engine() -> AsyncIterator[Specimen]:
    """Never swept: what has expired is still there and must not be seen."""
    clock = FakeClock()

    async def advance(seconds: float) -> None:
        clock.advance(seconds)

    yield Specimen(MemoryEngine(clock, node_lease_s=NODE_LEASE_S), advance)


@asynccontextmanager
async def swept_memory_engine() -> AsyncIterator[Specimen]:
    """Swept whenever time has passed: what has not expired must still be there."""
    clock = FakeClock()
    engine = MemoryEngine(clock, node_lease_s=NODE_LEASE_S)

    async def advance(seconds: float) -> None:
        clock.advance(seconds)
        while engine.sweep(budget=1):
            pass

    yield Specimen(engine, advance)


SPECIMENS: dict[str, Callable[[], OpenSpecimen]] = {
    "memory-lazy": lazy_memory_engine,
    "memory-swept": swept_memory_engine,
}


@pytest.fixture(params=SPECIMENS)
async def specimen(request: pytest.FixtureRequest, listener: RecordingListener) -> AsyncIterator[Specimen]:
    async with SPECIMENS[request.param]() as specimen:
        specimen.engine.bind(listener)
        yield specimen


@pytest.fixture
def listener() -> RecordingListener:
    return RecordingListener()


@pytest.fixture
def engine(specimen: Specimen) -> Engine:
    return specimen.engine


@pytest.fixture
def advance(specimen: Specimen) -> Callable[[float], Coroutine[Any, Any, None]]:
    return specimen.advance
