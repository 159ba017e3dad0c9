"""SQLite's floor: the rows of a mutation and a commit, again and again, by `sqlite3` alone."""

from __future__ import annotations

import itertools
import sqlite3
import sys
import time

from bench.floors import mutation_rows, on_request

_SETTINGS = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON")
"""Those of Syncline that durability depends on."""


def new_database(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=512)
    for statement in (*_SETTINGS, *mutation_rows.create_tables("sqlite")):
        connection.execute(statement)
    connection.execute("BEGIN")
    for sql, values in mutation_rows.first_rows():
        connection.execute(mutation_rows.in_sqlite(sql), values)
    connection.execute("COMMIT")
    return connection


def committing(connection: sqlite3.Connection) -> on_request.Work:
    execute, numbers = connection.execute, itertools.count()

    def work(seconds: float) -> int:
        deadline, done = time.monotonic() + seconds, 0
        while time.monotonic() < deadline:
            execute("BEGIN IMMEDIATE")
            for sql, values in mutation_rows.mutation(next(numbers)):
                execute(_WORDING[sql], values)
            execute("COMMIT")
            done += 1
        return done

    return work


_WORDING = {sql: mutation_rows.in_sqlite(sql) for sql, _ in mutation_rows.mutation(0)}


def main() -> None:
    port, path = int(sys.argv[1]), sys.argv[2]
    on_request.serve(port, committing(new_database(path)))


if __name__ == "__main__":
    main()
