"""A database recognises the secret it was set up with, on every kind of database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sessions.secret_mark import AnotherSecret, check_secret, require_same_secret
from storage.database import Query

if TYPE_CHECKING:
    from storage.database import Storage

FIRST = b"the first secret of this platform"
SECOND = b"the second secret of this platform"
FACTS = Query("test_secret_facts", "SELECT value FROM facts WHERE name = 'secret_mark'")


async def test_the_first_secret_is_the_databases(storage: Storage) -> None:
    await require_same_secret(storage.auth, FIRST)
    await require_same_secret(storage.auth, FIRST)
    with pytest.raises(AnotherSecret, match=r"accounts\.secret_key"):
        await require_same_secret(storage.auth, SECOND)
    await check_secret(storage.auth, FIRST)


async def test_looking_leaves_no_mark(storage: Storage) -> None:
    await check_secret(storage.auth, FIRST)
    assert await storage.auth.fetch(FACTS) == []
    await require_same_secret(storage.auth, SECOND)
    with pytest.raises(AnotherSecret):
        await check_secret(storage.auth, FIRST)


async def test_nodes_that_start_at_once_with_different_secrets_do_not_both_start(storage: Storage) -> None:
    starts = [require_same_secret(storage.auth, secret) for secret in (FIRST, SECOND)]
    failures = [failure for failure in await asyncio.gather(*starts, return_exceptions=True) if failure is not None]
    assert [type(failure) for failure in failures] == [AnotherSecret]


async def test_a_secret_is_changed_by_naming_the_previous_one(storage: Storage) -> None:
    await require_same_secret(storage.auth, FIRST)
    await check_secret(storage.auth, SECOND, FIRST)
    await require_same_secret(storage.auth, SECOND, FIRST)
    await require_same_secret(storage.auth, SECOND)
    with pytest.raises(AnotherSecret):
        await require_same_secret(storage.auth, FIRST)


async def test_a_previous_secret_that_was_never_the_databases_helps_nobody(storage: Storage) -> None:
    await require_same_secret(storage.auth, FIRST)
    with pytest.raises(AnotherSecret):
        await require_same_secret(storage.auth, SECOND, b"some other secret of this platform")


async def test_the_mark_does_not_tell_the_secret(storage: Storage) -> None:
    await require_same_secret(storage.auth, FIRST)
    ((mark,),) = await storage.auth.fetch(FACTS)
    assert FIRST.decode() not in mark
    assert FIRST.hex() not in mark
