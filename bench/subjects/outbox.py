"""A node with an outbox that others write to: on each database, with either engine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from bench.outbox_rows import PostgresRows, SqliteRows
from bench.process_tree import ProcessTree
from bench.subjects import node
from bench.subjects.centrifuge import SYNCLINE
from bench.subjects.cluster import on_redis
from bench.subjects.postgres import missing_postgres, running_postgres
from bench.subjects.redis_server import missing_redis, running_redis
from bench.subjects.subject import Launch, Server, Subject

ON_SQLITE, ON_POSTGRES = frozenset({"outbox_sqlite"}), frozenset({"outbox_postgres"})

WITH_REDIS = "with the Redis engine"

_PATIENT = {"queue_max_size": 64 << 20}
"""All rows may wait for the one subscriber: they come faster than it reads, and are more than the default lets wait."""


def _on_sqlite(*, with_redis: bool) -> Launch:
    @contextlib.contextmanager
    def launch(folder: Path) -> Iterator[Server]:
        with contextlib.ExitStack() as stack:
            sections, others = stack.enter_context(_engine(with_redis=with_redis))
            pid, target = stack.enter_context(
                node.running_node(folder, {**node.WITH_ACCOUNTS, **sections}, client=_PATIENT)
            )
            yield Server(ProcessTree(pid, *others), target, source=SqliteRows(folder / "data" / "syncline.db"))

    return launch


def _on_postgres(*, with_redis: bool) -> Launch:
    @contextlib.contextmanager
    def launch(folder: Path) -> Iterator[Server]:
        with contextlib.ExitStack() as stack:
            sections, others = stack.enter_context(_engine(with_redis=with_redis))
            postgres = stack.enter_context(running_postgres())
            document = {**node.WITH_ACCOUNTS, **sections, "database": {"url": postgres.url}}
            pid, target = stack.enter_context(node.running_node(folder, document, client=_PATIENT, flags=["--migrate"]))
            rows = stack.enter_context(contextlib.closing(PostgresRows(postgres.url)))
            yield Server(ProcessTree(pid, postgres.pid, *others), target, source=rows)

    return launch


@contextlib.contextmanager
def _engine(*, with_redis: bool) -> Iterator[tuple[dict[str, object], list[int]]]:
    """What a node is told of its engine, and what else runs for it."""
    if not with_redis:
        yield {}, []
        return
    with running_redis() as redis:
        yield on_redis(redis), [redis.pid]


def _missing_both() -> str:
    return missing_postgres() or missing_redis()


OUTBOXES = [
    Subject(SYNCLINE, ON_SQLITE, _on_sqlite(with_redis=False)),
    Subject(WITH_REDIS, ON_SQLITE, _on_sqlite(with_redis=True), missing_redis),
    Subject(SYNCLINE, ON_POSTGRES, _on_postgres(with_redis=False), missing_postgres),
    Subject(WITH_REDIS, ON_POSTGRES, _on_postgres(with_redis=True), _missing_both),
]
