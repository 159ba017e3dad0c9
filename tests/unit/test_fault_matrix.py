"""Every row of the fault matrix that must be shown by a test is, and docs/faults.md says by which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.fault_matrix import REQUIRED, ROOT, ROWS, Shown, page, shown_rows

if TYPE_CHECKING:
    from pathlib import Path

Rows = dict[int, list[Shown]]


@pytest.fixture(scope="module")
def shown() -> Rows:
    return shown_rows(ROOT)


@pytest.mark.parametrize("row", REQUIRED)
def test_a_row_has_a_test_that_names_it(shown: Rows, row: int) -> None:
    assert row in ROWS
    assert shown.get(row), f"no test is named test_f{row}_..."


def test_no_test_names_a_row_that_is_not_there(shown: Rows) -> None:
    assert shown.keys() <= ROWS.keys()


def test_the_page_is_as_it_would_be_generated(shown: Rows) -> None:
    written = (ROOT / "docs" / "faults.md").read_text()
    assert written == page(shown), "run: python -m tests.lab.fault_matrix > docs/faults.md"


def test_a_test_belongs_to_a_row_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    source = "def test_f13_a(): ...\nasync def test_f9_b(): ...\ndef test_fair(): ..."
    (tmp_path / "tests" / "test_it.py").write_text(source)
    found = {row: [test.name for test in tests] for row, tests in shown_rows(tmp_path).items()}
    assert found == {13: ["test_f13_a"], 9: ["test_f9_b"]}
