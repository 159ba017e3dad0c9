"""The fault matrix, and which tests show each row: `python -m tests.lab.fault_matrix > docs/faults.md`.

A test belongs to a row by its name: `test_f13_...` shows row F13.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]

NAME: Final = re.compile(r"test_f(\d{1,2})_\w+")

REQUIRED: Final = range(11, 37)
"""Rows that must have a test that names them: Redis, RabbitMQ, PostgreSQL."""


class Row(NamedTuple):
    """One row: what breaks, and what must become of it."""

    component: str
    fault: str
    expected: str


ROWS: Final[dict[int, Row]] = {
    1: Row(
        "node", "SIGKILL under load", "clients go to another node and resume; what was not acknowledged comes again"
    ),
    2: Row("node", "SIGTERM", "intake stops, clients are sent away over the drain window, nothing is lost"),
    3: Row(
        "node", "SIGSTOP longer than its lease", "on its return it closes its connections before anything stale is sent"
    ),
    9: Row("client", "comes back with a position", "everything missed, or `recovered: false`; never a part called all"),
    11: Row(
        "Redis",
        "SIGKILL and restart",
        "sockets stay; calls fail fast; every subscription is checked against its stream",
    ),
    12: Row("Redis", "SIGSTOP", "calls fail within their deadline; the loop is not held up"),
    13: Row("Redis", "only the pub/sub connection is lost", "noticed, subscribed again, caught up from the streams"),
    14: Row("Redis", "the reply is cut behind an executed command", "no second offset, no second publication"),
    15: Row(
        "Redis", "FLUSHALL, restart without its data, eviction", "epochs change; clients are told `recovered: false`"
    ),
    16: Row(
        "Redis",
        "failover to a replica that lags, READONLY",
        "the primary is found again; epochs change where offsets may be lost",
    ),
    17: Row("Redis", "slow: latency, bandwidth, DEBUG SLEEP", "deadlines hold; the node says that it is degraded"),
    18: Row("Redis", "output buffer limit cuts the subscriber", "as F13"),
    19: Row("RabbitMQ", "SIGKILL and restart", "consumers are back; what was confirmed arrives, once"),
    20: Row("RabbitMQ", "stop_app, connections closed by the operator", "the same, at most one log line a second"),
    21: Row("RabbitMQ", "memory alarm", "consuming goes on; publishing fails within 5 s and stays in the outbox"),
    22: Row("RabbitMQ", "queue deleted, consumer cancelled", "declared and consumed again"),
    23: Row("RabbitMQ", "nack, unroutable", "never counted as published; tried again later"),
    24: Row("RabbitMQ", "the confirm is lost", "published again under the same id; takes effect once"),
    25: Row("RabbitMQ", "SIGSTOP, a broker that does not answer", "noticed by a watchdog; reconnected"),
    26: Row(
        "RabbitMQ",
        "poison, oversize, wrong schema, unknown version",
        "dead letters with the reason; the rest flows in order",
    ),
    27: Row("RabbitMQ", "redelivery after a consumer crashed", "deduplicated; memory bounded by prefetch"),
    28: Row("RabbitMQ", "the engine is slow", "prefetch bounds what is in memory; the queue waits"),
    29: Row(
        "PostgreSQL",
        "SIGKILL, immediate stop",
        "writes answer 503 in time; whatever was acknowledged is there afterwards",
    ),
    30: Row("PostgreSQL", "SIGSTOP", "calls fail within their deadline; the pool is well afterwards"),
    31: Row(
        "PostgreSQL",
        "backend terminated, answer to COMMIT lost",
        "nobody knows, so it is done again under its key, and counts once",
    ),
    32: Row("PostgreSQL", "read-only after a failover", "connections to what was the primary are not kept"),
    33: Row("PostgreSQL", "no connections left, a table is locked", "fast 503; other parts of the program go on"),
    34: Row("PostgreSQL", "serialisation failures, deadlocks", "done again, as often as a unit may"),
    35: Row("PostgreSQL", "disk full", "writes answer 503; reading goes on; nothing is half written"),
    36: Row(
        "PostgreSQL",
        "migration while nodes run",
        "the older program serves the newer schema; nobody waits long for a lock",
    ),
    37: Row("network", "one node is cut off from one service", "its clients keep their sockets and catch up"),
    38: Row("network", "latency, bandwidth, slices, a corrupted byte", "works, or fails cleanly"),
    39: Row("network", "all connections reset at once", "everybody is back and has recovered"),
    43: Row("all", "random faults, two at a time, from a seed", "every promise is kept: tests/lab"),
}


class Shown(NamedTuple):
    """A test that shows a row."""

    file: Path
    name: str


def shown_rows(root: Path) -> dict[int, list[Shown]]:
    """The tests that name a row, in the order of files and lines."""
    found: dict[int, list[Shown]] = defaultdict(list)
    for file in sorted((root / "tests").rglob("test_*.py")):
        if "node_modules" not in file.parts:
            for name in _function_names(file):
                if match := NAME.fullmatch(name):
                    found[int(match.group(1))].append(Shown(file.relative_to(root), name))
    return found


def _function_names(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


def page(shown: dict[int, list[Shown]]) -> str:
    """docs/faults.md."""
    lines = [*_HEAD]
    for number, row in ROWS.items():
        tests = "<br>".join(f"[`{test.name}`](../{test.file.as_posix()})" for test in shown.get(number, ()))
        lines.append(f"| F{number} | {row.component} | {row.fault} | {row.expected} | {tests or '-'} |")
    return "\n".join([*lines, ""])


_HEAD: Final = (
    "# Faults",
    "",
    "What breaks, what must become of it, and the tests that break it on real servers. Generated by",
    "`python -m tests.lab.fault_matrix`: a test belongs to row F13 when its name begins with `test_f13_`. Each row of",
    "Redis, RabbitMQ and PostgreSQL has one. Random combinations: [operations/chaos.md](operations/chaos.md).",
    "",
    "| row | of | fault | must become of it | tests |",
    "|---|---|---|---|---|",
)


if __name__ == "__main__":
    print(page(shown_rows(ROOT)), end="")
