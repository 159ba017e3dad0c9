"""The throttle against an exact model of GCRA, on both databases, clocks that jump included."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.accounts.config import Allowance
from services.accounts.throttle import MAX_SKEW_MS, SWEEP_BATCH, Attempt, Throttle, network_of
from sessions.refusal import Kind, Refusal
from storage.database import Query
from tests.support.clock import FakeClock

if TYPE_CHECKING:
    from storage.database import Storage, Transaction

SECRET: Final = b"s" * 32
ALLOWANCE: Final = Allowance(burst=3, interval_s=10)
ROWS: Final = Query("test.throttles", "SELECT bucket, arrival_ms FROM throttles ORDER BY bucket")

_keys = count()


class Model:
    """GCRA as ITU-T I.371 has it, in whole milliseconds; plus our one rule for a clock that was set back."""

    def __init__(self, allowance: Allowance) -> None:
        self.interval_ms = round(allowance.interval_s * 1000)
        self.tolerance_ms = self.interval_ms * (allowance.burst - 1)
        self.arrival_ms: int | None = None

    def take(self, now_ms: int) -> bool:
        full_ms = now_ms + self.tolerance_ms + self.interval_ms
        arrival_ms = now_ms if self.arrival_ms is None else self.arrival_ms
        if arrival_ms > full_ms + MAX_SKEW_MS:
            self.arrival_ms = full_ms
            return True
        if arrival_ms > now_ms + self.tolerance_ms:
            return False
        self.arrival_ms = max(arrival_ms, now_ms) + self.interval_ms
        return True

    def give_back(self) -> None:
        assert self.arrival_ms is not None
        self.arrival_ms -= self.interval_ms

    def wait_ms(self, now_ms: int) -> int:
        return max((self.arrival_ms or 0) - self.tolerance_ms - now_ms, 1)


def attempt(key: str = "", allowance: Allowance = ALLOWANCE, purpose: str = "login.account") -> Attempt:
    return Attempt(purpose, key or f"key-{next(_keys)}", allowance)


async def takes(throttle: Throttle, *attempts: Attempt) -> Refusal | None:
    try:
        await throttle.take(attempts)
    except Refusal as refused:
        return refused
    return None


async def give_back(storage: Storage, throttle: Throttle, *attempts: Attempt) -> None:
    async def work(tx: Transaction) -> None:
        await throttle.give_back(tx, attempts)

    await storage.auth.run(work)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def throttle(storage: Storage, clock: FakeClock) -> Throttle:
    return Throttle(storage.auth, SECRET, clock)


STEPS = st.one_of(
    st.tuples(st.just("take"), st.just(0)),
    st.tuples(st.just("give back"), st.just(0)),
    st.tuples(st.just("wait"), st.integers(1, 60_000)),
    st.tuples(st.just("jump"), st.sampled_from([-7_200_000, -90_001, -59_000, -1, 90_000, 7_200_000])),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    burst=st.integers(1, 5),
    interval_s=st.sampled_from([0.25, 1, 7.5, 180]),
    steps=st.lists(STEPS, min_size=1, max_size=40),
)
async def test_every_decision_is_the_models(
    storage: Storage, burst: int, interval_s: float, steps: list[tuple[str, int]]
) -> None:
    clock = FakeClock()
    throttle, model = Throttle(storage.auth, SECRET, clock), Model(Allowance(burst=burst, interval_s=interval_s))
    one = attempt(allowance=Allowance(burst=burst, interval_s=interval_s))
    taken = 0
    for kind, argument_ms in steps:
        now_ms = int(clock.now_s() * 1000)
        if kind == "take":
            refused = await takes(throttle, one)
            assert (refused is None) is model.take(now_ms)
            taken += refused is None
            if refused is not None:
                assert refused.retry_after_s == model.wait_ms(now_ms) / 1000
        elif kind == "give back":
            if taken:
                await give_back(storage, throttle, one)
                model.give_back()
                taken -= 1
        else:
            clock.advance(argument_ms / 1000)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(waits_ms=st.lists(st.integers(0, 30_000), min_size=1, max_size=60))
async def test_never_more_than_the_allowance_in_any_window(storage: Storage, waits_ms: list[int]) -> None:
    clock = FakeClock()
    throttle, one, accepted_ms = Throttle(storage.auth, SECRET, clock), attempt(), []
    for wait_ms in waits_ms:
        clock.advance(wait_ms / 1000)
        if await takes(throttle, one) is None:
            accepted_ms.append(round(clock.now_s() * 1000))
    for index, start_ms in enumerate(accepted_ms):
        for end, end_ms in enumerate(accepted_ms[index:], 1):
            # 1 ms: the clock's floating seconds are cut to whole milliseconds
            assert end <= ALLOWANCE.burst + (end_ms - start_ms + 1) / (ALLOWANCE.interval_s * 1000)


async def test_a_refusal_says_when_and_is_right(throttle: Throttle, clock: FakeClock) -> None:
    one = attempt()
    for _ in range(ALLOWANCE.burst):
        assert await takes(throttle, one) is None
    refused = await takes(throttle, one)
    assert refused is not None
    assert (refused.kind, refused.code) == (Kind.LIMITED, "too_many_attempts")
    assert refused.retry_after_s == ALLOWANCE.interval_s
    clock.advance(refused.retry_after_s - 0.1)
    assert await takes(throttle, one) is not None
    clock.advance(0.2)
    assert await takes(throttle, one) is None
    assert throttle.num_refused == 2


async def test_a_clock_that_is_set_back_locks_nobody_out(throttle: Throttle, clock: FakeClock) -> None:
    one = attempt()
    for _ in range(ALLOWANCE.burst):
        assert await takes(throttle, one) is None
    clock.advance(-3_600)
    assert [await takes(throttle, one) is None for _ in range(10)].count(True) == 1
    clock.advance(ALLOWANCE.interval_s)
    assert await takes(throttle, one) is None


async def test_all_buckets_or_none(throttle: Throttle, storage: Storage) -> None:
    account, address = attempt(), attempt(purpose="login.address", allowance=Allowance(burst=1, interval_s=60))
    assert await takes(throttle, account, address) is None
    before = await storage.auth.fetch(ROWS)
    assert await takes(throttle, account, address) is not None
    assert await storage.auth.fetch(ROWS) == before


async def test_concurrent_attempts_share_nothing_twice(throttle: Throttle) -> None:
    one = attempt(allowance=Allowance(burst=10, interval_s=60))
    results = await asyncio.gather(*(takes(throttle, one) for _ in range(50)))
    assert Counter(refused is None for refused in results) == {True: 10, False: 40}


async def test_calls_that_name_their_buckets_in_any_order_do_not_wait_for_each_other(throttle: Throttle) -> None:
    wide = Allowance(burst=1_000, interval_s=1)
    pair = (attempt(allowance=wide), attempt(allowance=wide, purpose="login.address"))
    results = await asyncio.gather(*(takes(throttle, *pair[:: 1 if number % 2 else -1]) for number in range(60)))
    assert results == [None] * 60


async def test_nodes_share_buckets(storage: Storage, clock: FakeClock) -> None:
    nodes = [Throttle(storage.auth, SECRET, clock) for _ in range(3)]
    one = attempt()
    results = [await takes(node, one) is None for node in nodes * 2]
    assert results == [True, True, True, False, False, False]


async def test_the_database_does_not_show_whose_a_bucket_is(throttle: Throttle, storage: Storage) -> None:
    await throttle.take([attempt("ann@example.com"), attempt("192.0.2.0/24", purpose="login.address")])
    shown = repr(await storage.auth.fetch(ROWS))
    assert "ann" not in shown
    assert "192" not in shown


async def test_sweeping_takes_only_what_is_as_good_as_new(
    throttle: Throttle, storage: Storage, clock: FakeClock
) -> None:
    old, new = attempt(), attempt()
    await throttle.take([old])
    clock.advance(MAX_SKEW_MS / 1000 + ALLOWANCE.interval_s)
    await throttle.take([new])
    assert await throttle.sweep() == 0
    clock.advance(0.01)
    assert await throttle.sweep() == 1
    assert len(await storage.auth.fetch(ROWS)) == 1
    assert await throttle.sweep() == 0


async def test_sweeping_goes_on_until_all_is_swept(throttle: Throttle, storage: Storage) -> None:
    insert = Query("test.fill", "INSERT INTO throttles (bucket, arrival_ms) VALUES ($1, $2)")
    rows = [(f"bucket-{number}", number) for number in range(SWEEP_BATCH * 2 + 5)]
    await storage.auth.run(lambda tx: tx.execute_many(insert, rows))
    assert await throttle.sweep() == len(rows)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix", "unix"),
        ("999.1.1.1", "999.1.1.1"),
    ],
)
def test_addresses_count_by_network(address: str, network: str) -> None:
    assert network_of(address) == network
