"""Tests without sockets say IN_VIRTUAL_TIME: their loop waits for nothing, and has a node of the core's tests in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.unit.hub.virtual_time import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@pytest.hookimpl
def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    module = item.getparent(pytest.Module)
    is_virtual = module is not None and getattr(module.obj, "IN_VIRTUAL_TIME", False)
    return {"virtual": VirtualLoop} if is_virtual else {"real": asyncio.new_event_loop}
