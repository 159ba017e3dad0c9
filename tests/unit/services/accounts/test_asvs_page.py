"""docs/asvs.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "docs" / "asvs.md"

MODULES = [path for path in (ROOT / "tests").rglob("test_*.py") if "node_modules" not in path.parts]
NAMED = sorted(set(re.findall(r"`(test_\w+)(?:::(test_\w+))?`", PAGE.read_text("utf-8"))))


def test_the_page_names_tests() -> None:
    assert len(NAMED) > 50


@pytest.mark.parametrize(("module", "function"), NAMED)
def test_a_named_test_exists(module: str, function: str) -> None:
    found = [path for path in MODULES if path.stem == module]
    assert found
    assert not function or any(re.search(rf"def {function}\(", path.read_text("utf-8")) for path in found)
