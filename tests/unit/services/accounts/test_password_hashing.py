"""Hashing: parameters, pepper, bounds, and that every path costs the same number of computations."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import argon2
import pytest
from argon2 import extract_parameters

from services.accounts.config import AccountsConfig, PasswordHashConfig
from services.accounts.password_hashing import PasswordHashing
from sessions.refusal import Kind, Refusal
from tests.support.patience import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHEAP = PasswordHashConfig(memory_kib=8, iterations=1)
SECRET = b"s" * 32
OTHER_SECRET = b"o" * 32


@pytest.fixture
def hashing_with() -> Iterator[Callable[..., PasswordHashing]]:
    opened: list[PasswordHashing] = []

    def open_one(config: PasswordHashConfig = CHEAP, secret: bytes = SECRET, *previous: bytes) -> PasswordHashing:
        opened.append(PasswordHashing(config, secret, previous))
        return opened[-1]

    yield open_one
    for hashing in opened:
        hashing.close()


@pytest.fixture
def hashing(hashing_with: Callable[..., PasswordHashing]) -> PasswordHashing:
    return hashing_with()


async def test_only_the_password_itself_matches(hashing: PasswordHashing) -> None:
    kept = await hashing.hash("correct horse battery staple")
    assert await hashing.verify(kept, "correct horse battery staple")
    assert not await hashing.verify(kept, "correct horse battery stapl")
    assert not await hashing.verify(kept, "")


async def test_nothing_is_cut_off(hashing: PasswordHashing) -> None:
    kept = await hashing.hash("ä" * 127 + "a")
    assert not await hashing.verify(kept, "ä" * 127 + "b")


async def test_two_hashes_of_one_password_differ(hashing: PasswordHashing) -> None:
    assert await hashing.hash("kX9#vpe2LmQ") != await hashing.hash("kX9#vpe2LmQ")


async def test_another_unicode_form_is_the_same_password(hashing: PasswordHashing) -> None:
    kept = await hashing.hash("zoe\u0308 \uff41nd the horses")
    assert await hashing.verify(kept, "zoë and the horses")


async def test_the_defaults_are_at_least_what_owasp_names(hashing_with: Callable[..., PasswordHashing]) -> None:
    kept = await hashing_with(PasswordHashConfig()).hash("kX9#vpe2LmQ")
    parameters = extract_parameters(kept[8:])
    assert parameters.type is argon2.Type.ID
    assert parameters.memory_cost >= 19_456
    assert parameters.time_cost >= 2
    assert parameters.salt_len >= 16
    assert parameters.hash_len >= 32


async def test_the_database_alone_does_not_verify_a_password(hashing_with: Callable[..., PasswordHashing]) -> None:
    kept = await hashing_with().hash("kX9#vpe2LmQ")
    assert not await hashing_with(CHEAP, OTHER_SECRET).verify(kept, "kX9#vpe2LmQ")
    with pytest.raises(argon2.exceptions.VerifyMismatchError):
        argon2.PasswordHasher().verify(kept[8:], "kX9#vpe2LmQ")


async def test_a_password_under_the_previous_secret_is_right_and_outdated(
    hashing_with: Callable[..., PasswordHashing],
) -> None:
    kept = await hashing_with().hash("kX9#vpe2LmQ")
    changed = hashing_with(CHEAP, OTHER_SECRET, SECRET)
    assert await changed.verify(kept, "kX9#vpe2LmQ")
    assert changed.is_outdated(kept)
    assert not changed.is_outdated(await changed.hash("kX9#vpe2LmQ"))


async def test_other_parameters_make_a_hash_outdated(hashing_with: Callable[..., PasswordHashing]) -> None:
    kept = await hashing_with().hash("kX9#vpe2LmQ")
    dearer = hashing_with(PasswordHashConfig(memory_kib=16, iterations=1))
    assert await dearer.verify(kept, "kX9#vpe2LmQ")
    assert dearer.is_outdated(kept)


@pytest.mark.parametrize("kept", ["", "nonsense", "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA"])
async def test_what_cannot_be_checked_costs_as_much_and_matches_nothing(hashing: PasswordHashing, kept: str) -> None:
    assert not await hashing.verify(kept, "")
    assert hashing.num_computed == 1


async def test_an_unreadable_hash_matches_nothing(hashing: PasswordHashing) -> None:
    kept = await hashing.hash("kX9#vpe2LmQ")
    assert not await hashing.verify(kept[:30], "kX9#vpe2LmQ")


async def test_the_hash_that_nothing_matches_costs_what_a_real_one_costs(hashing: PasswordHashing) -> None:
    _, text = hashing._divided("")
    real = await hashing.hash("kX9#vpe2LmQ")
    assert extract_parameters(text) == extract_parameters(real[8:])


class Gate:
    """Stands in for Argon2: computations wait until they are let through."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.num_running = 0

    def hash(self, peppered: bytes) -> str:
        self.num_running += 1
        self.open.wait()
        return "$argon2id$"


@pytest.fixture
def gated(hashing_with: Callable[..., PasswordHashing]) -> Iterator[tuple[PasswordHashing, Gate]]:
    hashing, gate = hashing_with(PasswordHashConfig(workers=2, max_waiting=3)), Gate()
    hashing._argon2 = gate  # type: ignore[assignment]  # a stand-in for the one method that is used here
    yield hashing, gate
    gate.open.set()


async def test_a_storm_is_refused_at_the_door(gated: tuple[PasswordHashing, Gate]) -> None:
    hashing, gate = gated
    tasks = [asyncio.create_task(hashing.hash(f"password {number}")) for number in range(5)]
    await eventually(lambda: gate.num_running == 2)
    with pytest.raises(Refusal) as refused:
        await hashing.hash("one more")
    assert (refused.value.kind, refused.value.code) == (Kind.LIMITED, "too_many_requests")
    assert refused.value.retry_after_s >= 1
    assert hashing.num_refused == 1
    assert hashing.num_unfinished == 5
    gate.open.set()
    await asyncio.gather(*tasks)
    await hashing.hash("one more")
    await eventually(lambda: hashing.num_unfinished == 0)


async def test_a_cancelled_caller_keeps_its_place_until_the_computation_ends(
    gated: tuple[PasswordHashing, Gate],
) -> None:
    hashing, gate = gated
    tasks = [asyncio.create_task(hashing.hash(f"password {number}")) for number in range(2)]
    await eventually(lambda: gate.num_running == 2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    waiting = [asyncio.create_task(hashing.hash(f"password {number}")) for number in range(3)]
    await eventually(lambda: hashing.num_computed == 5)
    with pytest.raises(Refusal):
        await hashing.hash("the two still run")
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    gate.open.set()
    await eventually(lambda: hashing.num_unfinished == 0)
    assert await hashing.hash("free again")


async def test_a_cancelled_caller_that_only_waited_gives_its_place_back(gated: tuple[PasswordHashing, Gate]) -> None:
    hashing, gate = gated
    running = [asyncio.create_task(hashing.hash(f"password {number}")) for number in range(2)]
    await eventually(lambda: gate.num_running == 2)
    for _ in range(20):
        waiting = asyncio.create_task(hashing.hash("waits"))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    gate.open.set()
    await asyncio.gather(*running)
    assert gate.num_running == 2


async def test_the_loop_is_free_while_hashing(gated: tuple[PasswordHashing, Gate]) -> None:
    hashing, gate = gated
    task = asyncio.create_task(hashing.hash("kX9#vpe2LmQ"))
    await eventually(lambda: gate.num_running == 1)
    assert not task.done()
    gate.open.set()
    assert await task


def test_secrets_are_in_no_representation() -> None:
    shown = repr(AccountsConfig(secret=SECRET, previous_secrets=(OTHER_SECRET,)))
    assert "ssss" not in shown
    assert "oooo" not in shown
