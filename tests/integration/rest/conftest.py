"""Nodes with the REST API on a database of their own. SQLite alone: what a database does is tested under the stores."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from storage.config import StorageConfig
from tests.support.databases import PATIENT
from tests.support.rest_node import RestNode, rest_node


@pytest.fixture
def embedded(sqlite_template: Path, tmp_path: Path) -> StorageConfig:
    """An empty database with the schema."""
    path = tmp_path / "rest.db"
    shutil.copyfile(sqlite_template, path)
    return replace(PATIENT, sqlite_path=path)


@pytest.fixture
async def node(embedded: StorageConfig) -> AsyncIterator[RestNode]:
    async with rest_node(embedded) as running:
        yield running
