"""Nodes with the REST API on a database of their own. SQLite alone: what a database does is tested under the stores."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from storage.config import StorageConfig
from tests.support.rest_node import RestNode, rest_node


@pytest.fixture
async def node(embedded: StorageConfig) -> AsyncIterator[RestNode]:
    async with rest_node(embedded) as running:
        yield running
