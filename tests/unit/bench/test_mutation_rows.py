from __future__ import annotations

import re
from pathlib import Path

from bench.floors import mutation_rows
from bench.floors.sqlite_commits import committing, new_database


def test_the_floor_writes_every_row_of_every_mutation(tmp_path: Path) -> None:
    connection = new_database(str(tmp_path / "floor.db"))
    work = committing(connection)
    done = work(0.02) + work(0.02)
    assert done > 0
    counts = [
        connection.execute(query).fetchone()[0]
        for query in (
            "SELECT sum(version) FROM state_documents",
            "SELECT count(*) FROM state_changes",
            "SELECT count(*) FROM outbox",
        )
    ]
    assert counts == [done] * 3
    connection.close()


def test_each_statement_has_its_parameters_once_and_in_order() -> None:
    """SQLite gets them by position."""
    for sql, values in (*mutation_rows.mutation(0), *mutation_rows.first_rows()):
        numbers = [int(number) for number in re.findall(r"\$(\d+)", sql)]
        assert numbers == list(range(1, len(values) + 1))
        assert mutation_rows.in_sqlite(sql).count("?") == len(values)


def test_versions_of_a_document_rise_by_one() -> None:
    for user in range(2):
        numbers = [user, user + mutation_rows.USERS, user + 2 * mutation_rows.USERS]
        versions = [values[2] for n in numbers for sql, values in mutation_rows.mutation(n) if "state_changes" in sql]
        assert versions == [1, 2, 3]
