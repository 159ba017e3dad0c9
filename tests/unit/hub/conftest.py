"""What the tests of the core share. Their event loop is a VirtualLoop: time passes when they say so.

HYPOTHESIS_PROFILE=thorough lets every property test run thirty times as many examples.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.unit.hub.virtual_time import VirtualLoop, virtual_loop

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from tests.support.clock import FakeClock

# A deadline per example would be an assertion on how fast the machine is.
settings.register_profile("usual", deadline=None)
settings.register_profile("thorough", settings.get_profile("usual"), max_examples=3_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "usual"))


@pytest.hookimpl
def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"virtual": VirtualLoop}


@pytest.fixture
async def clock() -> FakeClock:
    """The time of the test's own loop."""
    return virtual_loop().clock
