"""PublishedKeys: when it fetches, when it does not, and what it does when it cannot."""

from __future__ import annotations

import asyncio
import logging

import pytest

from hub.tokens import jwks
from hub.tokens.claims import KeysUnavailable, TokenInvalid
from hub.tokens.jwks import FIRST_KEYS_RETRY_INTERVAL_S, RETRY_INTERVAL_S, PublishedKeys
from hub.tokens.keys import VerifyingKey
from tests.support.clock import FakeClock
from tests.unit.hub.tokens.at_once import at_once
from tests.unit.hub.tokens.issuer import Issuer, ecdsa_issuer, ecdsa_key
from tests.unit.hub.tokens.provider import URL, KeyProvider

REFRESH_INTERVAL_S = 3600


class Subject:
    """The keys under test, and how often they changed."""

    def __init__(self, provider: KeyProvider, clock: FakeClock) -> None:
        self.changes = 0
        self.keys = PublishedKeys(URL, REFRESH_INTERVAL_S, clock, provider.fetch, self._count)

    async def find(self, kid: str = "k1") -> VerifyingKey:
        return await self.keys.find(kid, "ES256")

    def _count(self) -> None:
        self.changes += 1


@pytest.fixture
def k1(clock: FakeClock) -> Issuer:
    return ecdsa_issuer(clock, kid="k1")


@pytest.fixture
def k2(clock: FakeClock) -> Issuer:
    return Issuer(clock, "ES256", ecdsa_key("ES256", "k2"), "k2")


@pytest.fixture
def subject(provider: KeyProvider, clock: FakeClock, k1: Issuer) -> Subject:
    provider.publish(k1.jwk())
    return Subject(provider, clock)


async def test_the_document_is_fetched_when_first_needed_and_kept(subject: Subject, provider: KeyProvider) -> None:
    assert provider.fetches == 0
    found = await subject.find()
    assert at_once(subject.find()) is found
    assert (provider.fetches, subject.changes) == (1, 1)


async def test_jwks_1_a_stampede_shares_one_fetch(subject: Subject, provider: KeyProvider) -> None:
    provider.hold()
    finds = [asyncio.create_task(subject.find()) for _ in range(50)]
    await provider.fetch_begun.wait()
    provider.release()
    assert len(set(map(id, await asyncio.gather(*finds)))) == 1
    assert provider.fetches == 1


async def test_jwks_1_a_stampede_shares_one_failure(subject: Subject, provider: KeyProvider) -> None:
    provider.is_down = True
    provider.hold()
    finds = [asyncio.create_task(subject.find()) for _ in range(50)]
    await provider.fetch_begun.wait()
    provider.release()
    results = await asyncio.gather(*finds, return_exceptions=True)
    assert [type(result) for result in results] == [KeysUnavailable] * 50
    assert provider.fetches == 1


async def test_whoever_waits_takes_a_cancelled_fetch_over(subject: Subject, provider: KeyProvider) -> None:
    provider.hold()
    first = asyncio.create_task(subject.find())
    await provider.fetch_begun.wait()
    others = [asyncio.create_task(subject.find()) for _ in range(3)]
    await asyncio.sleep(0)  # lets the others begin to wait
    provider.fetch_begun.clear()
    first.cancel()
    await provider.fetch_begun.wait()
    provider.release()
    assert all(isinstance(result, VerifyingKey) for result in await asyncio.gather(*others))
    assert first.cancelled()
    assert provider.fetches == 2


async def test_an_unknown_kid_is_looked_for_once_in_a_new_document(
    subject: Subject, provider: KeyProvider, clock: FakeClock, k1: Issuer, k2: Issuer
) -> None:
    await subject.find()
    clock.advance(RETRY_INTERVAL_S)
    provider.publish(k1.jwk(), k2.jwk())
    assert await subject.find("k2") is not await subject.find("k1")
    assert (provider.fetches, subject.changes) == (2, 2)


async def test_jwks_2_a_flood_of_unknown_kids_costs_one_fetch_per_interval(
    subject: Subject, provider: KeyProvider, clock: FakeClock
) -> None:
    await subject.find()
    for second in range(1, 10 * RETRY_INTERVAL_S + 1):
        clock.advance(1)
        with pytest.raises(TokenInvalid):
            await subject.find(f"invented-{second}")
    assert provider.fetches == 1 + 10


async def test_jwks_2_holds_while_the_provider_is_down(
    subject: Subject, provider: KeyProvider, clock: FakeClock
) -> None:
    await subject.find()
    clock.advance(RETRY_INTERVAL_S + 1)
    provider.is_down = True
    for second in range(5 * RETRY_INTERVAL_S):
        with pytest.raises(KeysUnavailable):
            await subject.find(f"invented-{second}")
        clock.advance(1)
    assert provider.fetches == 1 + 5


async def test_a_known_kid_of_another_algorithm_is_refused_without_a_fetch(
    subject: Subject, provider: KeyProvider, clock: FakeClock
) -> None:
    await subject.find()
    clock.advance(RETRY_INTERVAL_S + 1)
    with pytest.raises(TokenInvalid):
        at_once(subject.keys.find("k1", "RS256"))
    assert provider.fetches == 1


async def test_without_keys_a_failure_says_so_and_is_retried_soon(
    subject: Subject, provider: KeyProvider, clock: FakeClock
) -> None:
    provider.is_down = True
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            await subject.find()
    assert provider.fetches == 1
    provider.is_down = False
    clock.advance(FIRST_KEYS_RETRY_INTERVAL_S)
    assert isinstance(await subject.find(), VerifyingKey)
    assert provider.fetches == 2


@pytest.mark.parametrize("document", [b"<html>", b'{"keys":[]}', b" " * 300_000])
async def test_a_document_that_cannot_be_used_is_a_failure(
    subject: Subject, provider: KeyProvider, document: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    provider.document = document
    with caplog.at_level(logging.WARNING), pytest.raises(KeysUnavailable):
        await subject.find()
    assert [record.message for record in caplog.records] == ["jwks_not_refreshed"]


async def test_jwks_3_old_keys_stay_in_use_while_the_provider_is_down(
    subject: Subject, provider: KeyProvider, clock: FakeClock
) -> None:
    found = await subject.find()
    provider.is_down = True
    for _ in range(100):
        clock.advance(REFRESH_INTERVAL_S)
        assert await subject.find() is found
    assert (provider.fetches, subject.changes) == (101, 1)


async def test_jwks_2_holds_for_a_stale_document_too(subject: Subject, provider: KeyProvider, clock: FakeClock) -> None:
    found = await subject.find()
    provider.is_down = True
    clock.advance(REFRESH_INTERVAL_S)
    for _ in range(5 * RETRY_INTERVAL_S):
        assert await subject.find() is found
        clock.advance(1)
    assert provider.fetches == 1 + 5


async def test_jwks_4_a_stale_document_keeps_one_caller_waiting(
    subject: Subject, provider: KeyProvider, clock: FakeClock
) -> None:
    found = await subject.find()
    clock.advance(REFRESH_INTERVAL_S)
    provider.hold()
    unlucky = asyncio.create_task(subject.find())
    await provider.fetch_begun.wait()
    assert [at_once(subject.find()) for _ in range(50)] == [found] * 50
    provider.release()
    assert await unlucky is found
    assert (provider.fetches, subject.changes) == (2, 1)


async def test_a_withdrawn_key_is_gone_after_the_refresh_interval(
    subject: Subject, provider: KeyProvider, clock: FakeClock, k2: Issuer
) -> None:
    await subject.find()
    provider.publish(k2.jwk())
    clock.advance(REFRESH_INTERVAL_S - 1)
    assert isinstance(await subject.find(), VerifyingKey)
    clock.advance(1)
    with pytest.raises(TokenInvalid):
        await subject.find()
    assert subject.changes == 2


async def test_a_fetch_that_does_not_answer_is_given_up(
    subject: Subject, provider: KeyProvider, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert jwks.FETCH_DEADLINE_S == 5
    monkeypatch.setattr(jwks, "FETCH_DEADLINE_S", 0)
    provider.hold()
    with caplog.at_level(logging.WARNING), pytest.raises(KeysUnavailable):
        await subject.find()
    assert "no answer" in getattr(caplog.records[0], "reason", "")


async def test_a_found_key_is_trusted_until_the_next_refresh(
    subject: Subject, provider: KeyProvider, clock: FakeClock
) -> None:
    await subject.find()
    clock.advance(600)
    assert subject.keys.trusted_for_s == REFRESH_INTERVAL_S - 600
    provider.is_down = True
    clock.advance(REFRESH_INTERVAL_S)
    await subject.find()
    assert subject.keys.trusted_for_s == RETRY_INTERVAL_S
