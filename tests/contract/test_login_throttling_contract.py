"""Attacks on log-in, simulated on both databases: what they get, and that the owner gets in all the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from services.accounts.identity import ExternalIdentity
from sessions.login_session import DeviceInfo
from sessions.refusal import Kind, Refusal
from storage.database import StorageUnavailable
from tests.contract.accounts_world import (
    CHEAP,
    CONFIG,
    EMAIL,
    HOME,
    ISSUER,
    LAPTOP,
    NEW_PASSWORD,
    PASSWORD,
    PHONE,
    STRANGER,
    World,
    open_world,
    refusal_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.accounts.user import User
    from sessions.login_session import Tokens
    from storage.database import Storage


@pytest.fixture
async def world(storage: Storage) -> AsyncIterator[World]:
    async with open_world(storage) as opened:
        yield opened


async def outcome(world: World, email: str, device: DeviceInfo, address: str, password: str = "wrong horse") -> str:
    try:
        await world.login(email, password, device, address)
    except Refusal as refused:
        return refused.code
    return "in"


def device(number: int) -> DeviceInfo:
    return replace(STRANGER, id=f"bot-{number:020}")


async def test_many_addresses_against_one_account_get_ten_guesses_and_the_owner_still_gets_in(world: World) -> None:
    await world.add()
    await world.login(device=PHONE)
    outcomes = Counter([await outcome(world, EMAIL, device(n), f"198.51.{n}.1") for n in range(60)])
    assert outcomes == {"invalid_credentials": 10, "too_many_attempts": 50}
    assert await outcome(world, EMAIL, PHONE, HOME, PASSWORD) == "in"
    # A device that was never logged in shares the strangers' fate, even with the right password, until it is time.
    refused = await world.refused_login(password=PASSWORD, device=LAPTOP)
    assert (refused.kind, refused.retry_after_s) == (Kind.LIMITED, 180)
    world.clock.advance(refused.retry_after_s)
    assert await outcome(world, EMAIL, LAPTOP, HOME, PASSWORD) == "in"


async def test_strangers_get_480_guesses_a_day_at_an_account_and_no_more(world: World) -> None:
    await world.add()
    guesses = 0
    for number in range(24 * 60):
        world.clock.advance(60)
        guesses += await outcome(world, EMAIL, device(number), f"198.51.{number % 256}.1") == "invalid_credentials"
    assert guesses <= 10 + 24 * 20


async def test_one_network_against_many_accounts_is_stopped(world: World) -> None:
    await world.add("victim@example.com")
    outcomes = Counter([await outcome(world, f"user{n}@example.com", device(n), f"203.0.113.{n}") for n in range(120)])
    assert outcomes == {"invalid_credentials": 50, "too_many_attempts": 70}
    assert await outcome(world, "victim@example.com", device(0), "203.0.113.9", PASSWORD) == "too_many_attempts"
    assert await outcome(world, "victim@example.com", device(0), "192.0.2.1", PASSWORD) == "in"


async def test_who_shares_the_attackers_network_gets_in_with_a_known_device(world: World) -> None:
    await world.add()
    await world.login(device=PHONE, address="203.0.113.200")
    for number in range(60):
        await outcome(world, f"user{number}@example.com", device(number), "203.0.113.5")
    assert await outcome(world, EMAIL, PHONE, "203.0.113.200", PASSWORD) == "in"


async def test_an_ipv6_customer_cannot_multiply(world: World) -> None:
    outcomes = Counter(
        [await outcome(world, f"user{n}@example.com", device(n), f"2001:db8:1:2::{n:x}") for n in range(60)]
    )
    assert outcomes["invalid_credentials"] == 50


async def test_a_stolen_device_has_a_bucket_of_its_own_that_does_not_lock_out_the_others(world: World) -> None:
    await world.add()
    await world.login(device=PHONE)
    await world.login(device=LAPTOP)
    outcomes = Counter([await outcome(world, EMAIL, PHONE, HOME) for _ in range(20)])
    assert outcomes == {"invalid_credentials": 10, "too_many_attempts": 10}
    assert await outcome(world, EMAIL, LAPTOP, HOME, PASSWORD) == "in"


async def test_a_known_device_of_one_account_is_a_stranger_at_another(world: World) -> None:
    await world.add()
    await world.add("eve@example.com")
    await world.login("eve@example.com", device=STRANGER)
    await world.login(device=PHONE)
    outcomes = Counter([await outcome(world, EMAIL, STRANGER, f"198.51.{n}.1") for n in range(20)])
    assert outcomes == {"invalid_credentials": 10, "too_many_attempts": 10}
    assert await outcome(world, EMAIL, PHONE, HOME, PASSWORD) == "in"


async def test_success_does_not_count_and_does_not_wipe_failures_out(world: World) -> None:
    await world.add()
    await world.add("eve@example.com")
    for number in range(60):
        assert await outcome(world, EMAIL, device(number), "203.0.113.5", PASSWORD) == "in"
    # Logging in to an account of one's own between guesses buys no more guesses.
    outcomes: Counter[str] = Counter()
    for number in range(60):
        outcomes[await outcome(world, f"user{number}@example.com", device(number), "203.0.113.5")] += 1
        await outcome(world, "eve@example.com", device(1_000 + number), "203.0.113.5", PASSWORD)
    assert outcomes["invalid_credentials"] == 50


async def test_spellings_of_an_address_share_the_bucket(world: World) -> None:
    await world.add()
    spellings = ("ann@example.com", "ANN@example.com", " Ann@EXAMPLE.com ", "\uff41nn@example.com")
    outcomes = Counter([await outcome(world, spellings[n % 4], device(n), f"198.51.{n}.1") for n in range(30)])
    assert outcomes["invalid_credentials"] == 10


async def test_refused_attempts_compute_nothing_and_leave_no_entry(world: World) -> None:
    user = await world.add()
    for number in range(10):
        await outcome(world, EMAIL, device(number), HOME)
    computed = world.passwords.num_computed
    for number in range(20):
        assert await outcome(world, EMAIL, device(number), HOME) == "too_many_attempts"
    assert world.passwords.num_computed == computed
    assert len(await world.entries(user.id, "login.failed")) == 10


async def test_registrations_from_one_network_are_limited(world: World) -> None:
    for number in range(20):
        await world.accounts.register(f"user{number}@example.com", PASSWORD, "", address=f"203.0.113.{number}")
    refused = await refusal_of(world.accounts.register("one@example.com", PASSWORD, "", address="203.0.113.99"))
    assert (refused.kind, refused.code, refused.retry_after_s) == (Kind.LIMITED, "too_many_attempts", 180)
    await world.accounts.register("other@example.com", PASSWORD, "", address="192.0.2.1")


async def test_the_time_in_the_answer_is_the_time_to_wait(world: World) -> None:
    await world.add()
    for number in range(10):
        await outcome(world, EMAIL, device(number), f"198.51.{number}.1")
    world.clock.advance(100)
    refused = await world.refused_login(device=STRANGER)
    assert refused.retry_after_s == 80
    world.clock.advance(79)
    assert (await world.refused_login(device=STRANGER)).code == "too_many_attempts"
    world.clock.advance(1)
    assert (await world.refused_login(device=STRANGER)).code == "invalid_credentials"


async def test_what_was_refused_is_counted(world: World) -> None:
    await world.add()
    for number in range(12):
        await outcome(world, EMAIL, device(number), HOME)
    assert world.accounts.measures() == {
        "password_hashes": 11,
        "password_hashes_unfinished": 0,
        "password_hashes_refused": 0,
        "attempts_throttled": 2,
        "account_sweeps_failed": 0,
        "logins_failed": 10,
    }


# --- refusals that say nothing about the password ------------------------------------------------------------------


FULL = replace(CONFIG, password_hash=replace(CHEAP, workers=1, max_waiting=0))


@asynccontextmanager
async def occupied(world: World) -> AsyncIterator[None]:
    """Strangers' log-ins keep every hash place taken."""
    places = world.passwords._places
    while places.take():
        pass
    yield
    while places.num_taken:
        places.give_back()


async def arrivals(world: World) -> set[int]:
    """How much of every bucket is taken, ms."""
    now_ms = int(world.clock.now_s() * 1000)
    return {max(row[1] - now_ms, 0) for row in await world.rows("throttles")}


async def test_who_finds_the_machine_busy_has_not_guessed(storage: Storage) -> None:
    """Or whoever keeps it busy locks the owner out, known device or not."""
    async with open_world(storage, FULL) as world:
        await world.add()
        await world.login(device=PHONE)
        async with occupied(world):
            for knocking in (PHONE, LAPTOP):
                outcomes = Counter([await outcome(world, EMAIL, knocking, HOME, PASSWORD) for _ in range(60)])
                assert outcomes == {"too_many_requests": 60}
        assert await arrivals(world) == {0}
        assert await outcome(world, EMAIL, PHONE, HOME, PASSWORD) == "in"
        assert await outcome(world, EMAIL, LAPTOP, HOME, PASSWORD) == "in"


async def test_who_finds_the_machine_busy_has_not_registered(storage: Storage) -> None:
    async with open_world(storage, FULL) as world:
        async with occupied(world):
            for _ in range(30):
                refused = await refusal_of(world.accounts.register(EMAIL, PASSWORD, "", address=HOME))
                assert refused.code == "too_many_requests"
        await world.accounts.register(EMAIL, PASSWORD, "", address=HOME)


async def test_who_finds_the_machine_busy_can_still_change_the_password(storage: Storage) -> None:
    async with open_world(storage, FULL) as world:
        user = await world.add()
        principal = world.principal(user)
        async with occupied(world):
            for _ in range(20):
                change = world.accounts.change_password(principal, PASSWORD, NEW_PASSWORD, address=HOME)
                assert (await refusal_of(change)).code == "too_many_requests"
        await world.accounts.change_password(principal, PASSWORD, NEW_PASSWORD, address=HOME)


@pytest.mark.parametrize("known", [True, False])
async def test_too_many_sessions_are_no_guess(world: World, known: bool) -> None:
    await world.add()
    if known:
        await world.login()
    world.sessions.refuse_open = Refusal(Kind.CONFLICT, "session_limit")
    outcomes = Counter([await outcome(world, EMAIL, PHONE, HOME, PASSWORD) for _ in range(60)])
    assert outcomes == {"session_limit": 60}
    world.sessions.refuse_open = None
    assert await outcome(world, EMAIL, PHONE, HOME, PASSWORD) == "in"


async def test_too_many_sessions_are_no_guess_with_an_identity_provider_either(world: World) -> None:
    world.verifier.identities["token"] = ExternalIdentity(issuer=ISSUER, subject="ann", creates_users=True)
    world.sessions.refuse_open = Refusal(Kind.CONFLICT, "session_limit")
    for _ in range(60):
        log_in = world.accounts.login_external(ISSUER, "token", PHONE, address=HOME)
        assert (await refusal_of(log_in)).code == "session_limit"
    world.sessions.refuse_open = None
    await world.accounts.login_external(ISSUER, "token", PHONE, address=HOME)


async def test_a_database_without_answer_is_no_guess(world: World) -> None:
    """Its answer is 503 for the right password and for wrong ones, so this buys nobody a guess."""
    await world.add()

    async def away() -> None:
        raise StorageUnavailable("away")

    for _ in range(60):
        world.sessions.before_open = away
        with pytest.raises(StorageUnavailable):
            await world.login()
    assert await outcome(world, EMAIL, PHONE, HOME, PASSWORD) == "in"


async def test_a_log_in_that_is_cancelled_counts(storage: Storage) -> None:
    """Or whoever hangs up before the answer would have the machine compute as much as it likes."""
    async with open_world(storage) as world:
        await world.add()
        for _ in range(10):
            work = asyncio.ensure_future(world.login())
            world.sessions.before_open = partial(_cancel, work)
            with pytest.raises(asyncio.CancelledError):
                await work
        assert await outcome(world, EMAIL, PHONE, HOME, PASSWORD) == "too_many_attempts"


async def _cancel(work: asyncio.Future[tuple[User, Tokens]]) -> None:
    work.cancel()
    await asyncio.sleep(0)
