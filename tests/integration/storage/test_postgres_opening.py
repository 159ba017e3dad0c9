"""Opening PostgreSQL: patient with a server that is coming, short with a wrong address; knocking gently."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from storage.config import StorageConfig
from storage.database import CannotOpen, StorageUnavailable
from storage.opening import open_storage
from storage.postgres import connect_options
from tests.support.patience import PATIENCE_S, eventually
from tests.support.ports import free_port
from tests.support.proxy import Proxy
from tests.support.writers import NORMAL_WITHIN_S, is_answered

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer


async def test_waits_for_a_server_that_is_starting(server: PostgresServer, config: StorageConfig) -> None:
    server.stop()

    async def ping() -> None:
        async with open_storage(replace(config, start_deadline_s=PATIENCE_S)) as storage:
            await storage.relay.ping()

    opening = asyncio.create_task(ping())
    await asyncio.sleep(0)
    server.start()
    await opening


async def test_gives_up_when_nobody_comes() -> None:
    config = StorageConfig(url=f"postgresql://somebody@127.0.0.1:{free_port()}/nowhere", start_deadline_s=0)
    with pytest.raises(CannotOpen, match="PostgreSQL"):
        await open_and_close(config)


@pytest.mark.parametrize(
    "url",
    ["postgresql://somebody@127.0.0.1:notaport/x", "mysql://somebody@127.0.0.1/x", "postgresql://h/x?sslmode=odd"],
)
async def test_a_wrong_address_is_told_at_once(url: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(CannotOpen):
            await open_and_close(StorageConfig(url=url, start_deadline_s=10 * PATIENCE_S))


@pytest.mark.parametrize("who_and_where", ["syncline@127.0.0.1:{port}/nowhere", "nobody@127.0.0.1:{port}/postgres"])
async def test_a_wrong_account_or_database_is_told_at_once(server: PostgresServer, who_and_where: str) -> None:
    config = StorageConfig(
        url=f"postgresql://{who_and_where.format(port=server.port)}",
        acquire_deadline_s=PATIENCE_S,
        unit_deadline_s=PATIENCE_S,
        start_deadline_s=10 * PATIENCE_S,
    )
    async with asyncio.timeout(2 * PATIENCE_S):
        with pytest.raises(CannotOpen, match="does not exist"):
            await open_and_close(config)


async def test_a_server_that_turns_everybody_away_is_not_stormed(server: PostgresServer, config: StorageConfig) -> None:
    """Of a thousand calls a few knock; the others are told at once. All are served when it is back."""
    proxy = Proxy(server.port)
    await proxy.start()
    url = config.url.replace(f":{server.port}/", f":{proxy.port}/")
    async with open_storage(replace(config, url=url, business_connections=4)) as storage:
        proxy.cut()
        before = proxy.num_knocks
        outcomes = await asyncio.gather(*(storage.business.ping() for _ in range(1_000)), return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {StorageUnavailable}
        assert 0 < proxy.num_knocks - before <= 2 * 4
        assert storage.business.counters.failures == 1_000
        proxy.mend()
        await eventually(lambda: is_answered(storage.business), NORMAL_WITHIN_S)
    await proxy.close()


async def test_who_comes_when_too_many_wait_is_turned_away(config: StorageConfig) -> None:
    async with open_storage(replace(config, max_waiting=3, relay_connections=1)) as storage:
        outcomes = await asyncio.gather(*(storage.relay.ping() for _ in range(10)), return_exceptions=True)
        refused = [outcome for outcome in outcomes if outcome is not None]
        assert {type(outcome) for outcome in refused} == {StorageUnavailable}
        assert len(refused) == storage.relay.counters.turned_away == 10 - 1 - 3
        assert storage.relay.num_waiting == 0


def test_a_standby_is_not_taken_for_the_primary() -> None:
    several = StorageConfig(url="postgresql://me@one,two/x")
    assert connect_options(several, "auth")["target_session_attrs"] == "read-write"
    chosen = StorageConfig(url="postgresql://me@one,two/x?target_session_attrs=any")
    single = StorageConfig(url="postgresql://me@one/x?name=a,b")
    for config in (chosen, single):
        assert "target_session_attrs" not in connect_options(config, "auth")


def test_the_servers_deadlines_end_before_ours_and_pgbouncer_gets_none() -> None:
    settings = connect_options(StorageConfig(), "auth")["server_settings"]
    assert 1_000 < int(settings["lock_timeout"]) < int(settings["statement_timeout"]) < 1_250
    bouncer = connect_options(StorageConfig(statement_cache_size=0), "relay")
    assert bouncer["server_settings"] == {"application_name": "syncline-relay"}


async def open_and_close(config: StorageConfig) -> None:
    async with open_storage(config):
        pass
