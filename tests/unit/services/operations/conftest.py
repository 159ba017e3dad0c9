"""A hub on a memory engine, with time that stands still."""

from __future__ import annotations

import pytest

from hub.config import HubConfig
from hub.engines.memory import MemoryEngine
from hub.hub import Hub
from tests.support.clock import FakeClock
from tests.support.rest_node import CHANNELS


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def hub(clock: FakeClock) -> Hub:
    return Hub(HubConfig(channel=CHANNELS, node_name="a"), MemoryEngine(clock), clock)
