"""Opening what the configuration names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from storage.config import StorageConfig
from storage.database import CannotOpen
from storage.migration_tree import read_tree
from storage.opening import open_storage

ROOT = Path(__file__).parents[3]


async def test_the_embedded_database_is_one_for_all_parts(tmp_path: Path) -> None:
    path = tmp_path / "new" / "syncline.db"
    async with open_storage(StorageConfig(sqlite_path=path)) as storage:
        assert storage.auth is storage.business is storage.relay
        await storage.auth.ping()


async def test_a_missing_driver_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "storage.postgres", raising=False)
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    for module in [name for name in sys.modules if name.startswith("storage.postgres")]:
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(CannotOpen, match=r"syncline\[postgres\]"):
        async with open_storage(StorageConfig(url="postgresql://me@nowhere/x")):
            pass


def test_only_those_who_use_postgresql_load_its_driver() -> None:
    script = "import sys, storage.opening; print({'asyncpg', 'alembic', 'sqlalchemy'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "set()\n"


def test_a_migration_is_named_after_its_number(tmp_path: Path) -> None:
    versions = tmp_path / "versions"
    versions.mkdir()
    (versions / "__init__.py").touch()
    (versions / "m0001_first.py").touch()
    assert [migration.label for migration in read_tree(tmp_path)] == ["0001 first"]
    (versions / "more.py").touch()
    with pytest.raises(ValueError, match=r"more\.py"):
        read_tree(tmp_path)
