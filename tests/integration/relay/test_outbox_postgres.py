"""The outbox on PostgreSQL: anybody publishes by its function, in a transaction of their own, and nodes hear of it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from hub.config import ChannelConfig, ChannelOptions, HubConfig
from hub.engine import HistoryQuery
from hub.engines.memory import MemoryEngine
from hub.hub import Hub
from hub.relay import outbox as module
from hub.relay.entries import part_of
from hub.relay.outbox import Outbox
from hub.supervisor import Supervisor
from storage.migration import migrate_up
from storage.notifications import SILENCE
from storage.opening import open_storage
from tests.support.clock import FakeClock
from tests.support.databases import PATIENT
from tests.support.patience import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from storage.config import StorageConfig
    from storage.database import Storage
    from tests.support.postgres import PostgresServer

NEWS = {"news": ChannelOptions(history_size=10_000, history_ttl_s=3_600)}

_numbers = count(1)


@pytest.fixture
def config(postgres: PostgresServer, postgres_template: str) -> Iterator[StorageConfig]:
    name = f"outbox_{next(_numbers)}"
    yield replace(PATIENT, url=postgres.create_database(name, postgres_template))
    postgres.drop_database(name)


@pytest.fixture
async def storage(config: StorageConfig) -> AsyncIterator[Storage]:
    async with open_storage(config) as opened:
        yield opened


@pytest.fixture
async def anybody(postgres: PostgresServer, config: StorageConfig) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A backend's connection, which may execute the function and nothing else of ours."""
    database = config.url.rpartition("/")[2]
    role = f"{database}_backend"
    await postgres.execute(f"CREATE ROLE {role} LOGIN")
    await postgres.execute(
        f"GRANT EXECUTE ON FUNCTION syncline_publish(text, jsonb, jsonb, text, text) TO {role}", database=database
    )
    connection = await asyncpg.connect(postgres.url(database, role))
    yield connection
    await connection.close()
    await postgres.execute(f"REVOKE ALL ON FUNCTION syncline_publish FROM {role}", database=database)
    await postgres.execute(f"DROP ROLE {role}")


class Node:
    def __init__(self, storage: Storage, engine: MemoryEngine, *, is_deaf: bool = False) -> None:
        clock = FakeClock()
        self.engine = engine
        hub = Hub(HubConfig(channel=ChannelConfig(namespaces=NEWS)), engine, clock)
        self.outbox = Outbox(storage.relay, hub, clock, notifications=SILENCE if is_deaf else storage.notifications)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Node]:
        async with Supervisor() as supervisor:
            supervisor.start("outbox", self.outbox.run())
            await eventually(lambda: self.outbox.measures()["outbox_parts"])
            yield self

    async def published(self, channel: str) -> list[Any]:
        history = await self.engine.history(channel, HistoryQuery(limit=-1))
        return [json.loads(bytes(publication.data)) for publication in history.publications]  # type: ignore[arg-type]  # it has data

    async def has_published(self, channel: str, *expected: Any) -> bool:
        return await self.published(channel) == list(expected)


async def test_anybody_publishes_in_their_own_transaction(storage: Storage, anybody: asyncpg.Connection[Any]) -> None:
    async with Node(storage, MemoryEngine(FakeClock())).running() as node:
        async with anybody.transaction():
            await anybody.fetchval("SELECT syncline_publish('news:1', $1)", '{"n": 1}')
            await anybody.fetchval("SELECT syncline_publish('news:1', jsonb_build_object('n', 2))")
        undone = anybody.transaction()
        await undone.start()
        await anybody.fetchval("SELECT syncline_publish('news:1', '3')")
        await undone.rollback()
        await anybody.fetchval("SELECT syncline_publish(channel => 'news:1', data => '4')")

        await eventually(lambda: node.has_published("news:1", {"n": 1}, {"n": 2}, 4))


async def test_tags_and_a_key_of_their_own(storage: Storage, anybody: asyncpg.Connection[Any]) -> None:
    async with Node(storage, MemoryEngine(FakeClock())).running() as node:
        for _ in range(2):
            await anybody.fetchval(
                "SELECT syncline_publish('news:1', '1', tags => $1, idempotency_key => 'order-7')", '{"a": "é"}'
            )
        await anybody.fetchval("SELECT syncline_publish('news:1', '2', idempotency_key => 'order-8')")

        await eventually(lambda: node.has_published("news:1", 1, 2))
        history = await node.engine.history("news:1", HistoryQuery(limit=1))
        assert history.publications[0].tags == {"a": "é"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("'', '1'", "channel must not be empty"),
        ("NULL, '1'", "channel must not be empty"),
        ("repeat('ä', 128), '1'", "channel is 256 bytes long, 255 are allowed"),
        ("'news:1', NULL", "data must not be null"),
        ("'news:1', '1', tags => '[]'", "tags must be an object, not array"),
        ("'news:1', '1', tags => 'null'", "tags must be an object, not null"),
        ("""'news:1', '1', tags => '{"a": 1}'""", "every tag must be a string"),
        ("'news:1', '1', idempotency_key => repeat('x', 256)", "may be 255 bytes long"),
        ("'news:1', '1', order_key => repeat('x', 256)", "may be 255 bytes long"),
    ],
)
async def test_what_the_function_refuses(anybody: asyncpg.Connection[Any], arguments: str, complaint: str) -> None:
    with pytest.raises(asyncpg.DataError, match=complaint):
        await anybody.fetchval(f"SELECT syncline_publish({arguments})")


async def test_the_function_is_for_those_who_may_and_opens_nothing_else(
    postgres: PostgresServer, config: StorageConfig, anybody: asyncpg.Connection[Any]
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await anybody.fetch("SELECT * FROM outbox")
    await anybody.execute("CREATE TEMP TABLE outbox (id text)")
    await anybody.fetchval("SELECT syncline_publish('news:1', '1')")
    assert await anybody.fetch("SELECT * FROM pg_temp.outbox") == [], "a caller's own table is not ours"

    database = config.url.rpartition("/")[2]
    await postgres.execute(f"CREATE ROLE {database}_nobody LOGIN")
    nobody = await asyncpg.connect(postgres.url(database, f"{database}_nobody"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await nobody.fetchval("SELECT syncline_publish('news:1', '1')")
    await nobody.close()
    await postgres.execute(f"DROP ROLE {database}_nobody")


async def test_function_and_nodes_agree_on_parts(storage: Storage, anybody: asyncpg.Connection[Any]) -> None:
    keys = [*map(str, range(40)), "ключ", "a" * 255]
    for key in keys:
        await anybody.fetchval("SELECT syncline_publish('news:1', '1', order_key => $1)", key)
    connection = await asyncpg.connect(_url_of(storage))
    rows = {key: part for key, part in await connection.fetch("SELECT order_key, part FROM outbox")}
    await connection.close()
    assert rows == {key: part_of(key) for key in keys}
    assert len(set(rows.values())) > 8


async def test_who_listens_hears_of_it_at_once(
    storage: Storage, anybody: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWEEP_INTERVAL_S", 3_600)
    async with Node(storage, MemoryEngine(FakeClock())).running() as node:
        await eventually(lambda: storage.notifications.measures()["notifications_is_listening"])
        for number in range(3):
            await anybody.fetchval("SELECT syncline_publish('news:1', to_jsonb($1::int))", number)
            await eventually(lambda: node.has_published("news:1", *range(number + 1)))  # noqa: B023  # awaited here


async def test_who_does_not_listen_finds_it_all_the_same(storage: Storage, anybody: asyncpg.Connection[Any]) -> None:
    async with Node(storage, MemoryEngine(FakeClock()), is_deaf=True).running() as node:
        await anybody.fetchval("SELECT syncline_publish('news:1', '1')")
        await eventually(lambda: node.has_published("news:1", 1))


async def test_a_connection_that_listened_and_was_lost_is_made_again(
    postgres: PostgresServer, storage: Storage, anybody: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWEEP_INTERVAL_S", 3_600)
    async with Node(storage, MemoryEngine(FakeClock())).running() as node:
        await eventually(lambda: storage.notifications.measures()["notifications_is_listening"])
        await postgres.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'syncline-listen'"
        )
        await anybody.fetchval("SELECT syncline_publish('news:1', '1')")
        await eventually(lambda: node.has_published("news:1", 1))


async def test_what_two_nodes_commit_to_one_key_keeps_its_order(storage: Storage) -> None:
    """Each row is committed after the one before, on the other node."""
    engine = MemoryEngine(FakeClock())
    engine.bind(Hub(HubConfig(), MemoryEngine(FakeClock()), FakeClock()))
    async with Node(storage, engine).running() as one, Node(storage, engine).running() as other:
        for number in range(200):
            outbox = (one, other)[number % 2].outbox
            data = b"%d" % number
            outbox.publish_soon(
                await storage.business.run(lambda tx, o=outbox, d=data: o.add_many(tx, [("news:1", d)]))  # type: ignore[misc]  # mypy knows no lambda with defaults
            )
        await eventually(lambda: one.has_published("news:1", *range(200)))


async def test_a_late_commit_with_an_early_place_is_not_passed_over(
    storage: Storage, config: StorageConfig, anybody: asyncpg.Connection[Any]
) -> None:
    second = await asyncpg.connect(config.url)
    async with Node(storage, MemoryEngine(FakeClock())).running() as node:
        late = anybody.transaction()
        await late.start()
        await anybody.fetchval("SELECT syncline_publish('news:late', '1')")
        await second.fetchval("SELECT syncline_publish('news:late', '2')")
        await eventually(lambda: node.has_published("news:late", 2))
        await late.commit()
        await eventually(lambda: node.has_published("news:late", 2, 1))
    await second.close()


async def test_rows_of_the_version_before_are_taken_over(storage: Storage, config: StorageConfig) -> None:
    """While nodes of both versions run, an old one may leave rows that know nothing of order."""
    connection = await asyncpg.connect(config.url)
    for number in range(5):
        await connection.execute(
            "INSERT INTO outbox (id, channel, data, at_ms) VALUES ($1, 'news:1', $2, 1)", f"0{number}", str(number)
        )
    await connection.close()
    async with Node(storage, MemoryEngine(FakeClock())).running() as node:
        await eventually(lambda: node.has_published("news:1", *range(5)))


async def test_parts_are_shared_fairly_and_taken_over_at_once_from_who_leaves(storage: Storage) -> None:
    nodes = [Node(storage, MemoryEngine(FakeClock())) for _ in range(3)]

    def parts() -> list[float]:
        return sorted(node.outbox.measures()["outbox_parts"] for node in nodes)

    async with nodes[0].running():
        await eventually(lambda: parts() == [0, 0, 16])
        async with nodes[1].running(), nodes[2].running():
            await eventually(lambda: parts() == [4, 6, 6])
        await eventually(lambda: parts() == [0, 0, 16])


async def test_migrating_an_outbox_with_rows_keeps_their_order(postgres: PostgresServer) -> None:
    from storage.migration import migrate_down  # noqa: PLC0415  # only here

    name = f"outbox_{next(_numbers)}"
    config = replace(PATIENT, url=postgres.create_database(name))
    await migrate_up(config)
    await migrate_down(config, "0001")
    connection = await asyncpg.connect(config.url)
    for number in (3, 1, 2):
        await connection.execute(
            "INSERT INTO outbox (id, channel, data, at_ms) VALUES ($1, 'news:1', $2, 1)", f"0{number}", str(number)
        )
    await connection.close()
    await migrate_up(config)
    async with (
        open_storage(config) as storage,
        Node(storage, MemoryEngine(FakeClock())).running() as node,
    ):
        await eventually(lambda: node.has_published("news:1", 1, 2, 3))
        await asyncio.sleep(0)
    postgres.drop_database(name)


def _url_of(storage: Storage) -> str:
    pool = storage.relay
    url: str = pool._config.url  # type: ignore[attr-defined]  # the test's own way in
    return url
