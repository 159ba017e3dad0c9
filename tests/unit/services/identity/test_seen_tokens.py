"""Remembering tokens, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.identity.seen_tokens import SWEEP_INTERVAL_S, SeenTokens
from storage.database import Query

if TYPE_CHECKING:
    from storage.database import Database
    from tests.support.clock import FakeClock

ISSUER = "https://id.example"
COUNT = Query("test.count", "SELECT count(*) FROM seen_tokens")


@pytest.fixture
def seen(database: Database, clock: FakeClock) -> SeenTokens:
    return SeenTokens(database, clock, "logout")


async def num_rows(database: Database) -> int:
    row = await database.fetch_one(COUNT)
    assert row is not None
    return int(row[0])


async def test_remembers_until_then(seen: SeenTokens, clock: FakeClock) -> None:
    assert not await seen.has(ISSUER, "1")
    await seen.remember(ISSUER, "1", until_s=clock.now_s() + 60)
    clock.advance(59.5)
    assert await seen.has(ISSUER, "1")
    clock.advance(0.5)
    assert not await seen.has(ISSUER, "1")


async def test_tells_issuers_ids_and_purposes_apart(seen: SeenTokens, database: Database, clock: FakeClock) -> None:
    await seen.remember(ISSUER, "1", until_s=clock.now_s() + 60)
    assert not await seen.has("https://other.example", "1")
    assert not await seen.has(ISSUER, "2")
    assert not await SeenTokens(database, clock, "event").has(ISSUER, "1")


async def test_again_is_the_same_as_once_and_never_shorter(
    seen: SeenTokens, database: Database, clock: FakeClock
) -> None:
    for seconds in (10, 60, 20):
        await seen.remember(ISSUER, "1", until_s=clock.now_s() + seconds)
    assert await num_rows(database) == 1
    clock.advance(59)
    assert await seen.has(ISSUER, "1")


async def test_what_is_over_is_swept_by_those_who_add(seen: SeenTokens, database: Database, clock: FakeClock) -> None:
    for number in range(10):
        await seen.remember(ISSUER, str(number), until_s=clock.now_s() + number + 1)
    clock.advance(5)
    await seen.remember(ISSUER, "fresh", until_s=clock.now_s() + 2 * SWEEP_INTERVAL_S)
    assert await num_rows(database) == 11
    clock.advance(SWEEP_INTERVAL_S)
    await seen.remember(ISSUER, "later", until_s=clock.now_s() + 60)
    assert await num_rows(database) == 2


async def test_text_of_every_script(seen: SeenTokens, clock: FakeClock) -> None:
    for jti in ("ключ", "鍵🔑", "' OR 1=1 --", "a" * 255):
        await seen.remember(ISSUER, jti, until_s=clock.now_s() + 60)
        assert await seen.has(ISSUER, jti)
