"""Two nodes that operators look at, and an operator."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.accounts.user import Role
from storage.config import StorageConfig
from tests.support.operations_world import TwoNodes, two_nodes
from tests.support.redis import RedisServer
from tests.support.rest_node import Person, RestNode, rest_node


@pytest.fixture
async def node(embedded: StorageConfig) -> AsyncIterator[RestNode]:
    """One node by itself."""
    async with rest_node(embedded) as running:
        yield running


@pytest.fixture
async def nodes(embedded: StorageConfig, redis_server: RedisServer) -> AsyncIterator[TwoNodes]:
    async with two_nodes(embedded, redis_server.port) as running:
        yield running


@pytest.fixture
async def operator(nodes: TwoNodes) -> Person:
    """Somebody of the role OPS, at the node with REST."""
    return await nodes.a.person(role=Role.OPS)
