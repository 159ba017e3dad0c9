"""Registration, log-in, password change, on both databases: what strangers cannot find out and races cannot do."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from services.accounts.config import PasswordHashConfig
from services.accounts.service import open_accounts, open_registration
from services.accounts.store import UserStore
from services.accounts.user import Role, Status
from sessions.refusal import Kind, Refusal
from storage.database import Query, StorageUnavailable
from tests.contract.accounts_world import (
    CONFIG,
    EMAIL,
    HOME,
    LAPTOP,
    NEW_PASSWORD,
    PASSWORD,
    PHONE,
    STRANGER,
    StagedDatabase,
    World,
    answer,
    open_world,
    refusal_of,
)
from tests.support.patience import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from storage.database import Storage, Transaction


@pytest.fixture
async def world(storage: Storage) -> AsyncIterator[World]:
    async with open_world(storage) as opened:
        yield opened


# --- registration ----------------------------------------------------------------------------------------------------


async def test_who_registers_is_a_customer_and_can_log_in(world: World) -> None:
    await world.accounts.register(" Ann@Example.COM ", PASSWORD, "  Ann Lee ", address=HOME)
    user, tokens = await world.login()
    assert (user.email, user.name, user.role, user.status) == (EMAIL, "Ann Lee", Role.CUSTOMER, Status.ACTIVE)
    assert user.created_ms == 1_700_000_000_000
    assert tokens.session.roles == {"CUSTOMER"}
    assert tokens.session.method == "password"
    assert await world.accounts.user(user.id) == user
    [entry] = await world.entries(user.id, "user.registered")
    assert (entry.actor, entry.address) == ("anonymous", HOME)


async def test_registering_a_taken_address_looks_the_same_and_changes_nothing(world: World) -> None:
    user = await world.add()
    before, computed = await world.rows("users"), world.passwords.num_computed
    await world.accounts.register("ANN@example.com", NEW_PASSWORD, "Eve", address=HOME)
    assert await world.rows("users") == before
    assert world.passwords.num_computed == computed + 1
    assert [entry.action for entry in await world.entries(user.id)] == ["user.registered", "user.registration_repeated"]
    assert (await world.refused_login(password=NEW_PASSWORD)).code == "invalid_credentials"


async def test_one_of_many_at_once_gets_the_address(world: World) -> None:
    await asyncio.gather(
        *(world.accounts.register(EMAIL, f"{PASSWORD} {number}", "", address=HOME) for number in range(8))
    )
    assert len(await world.rows("users")) == 1


@pytest.mark.parametrize(
    ("email", "password", "name", "field"),
    [
        ("ann", PASSWORD, "", "email"),
        (EMAIL, "short", "", "password"),
        (EMAIL, "password1", "", "password"),
        (EMAIL, "Ann Lee-Example", "Ann Lee-Example", "password"),
        (EMAIL, PASSWORD, "x" * 65, "name"),
        (EMAIL, PASSWORD, "Ann\x1b[31m", "name"),
    ],
)
async def test_what_is_wrong_is_named(world: World, email: str, password: str, name: str, field: str) -> None:
    refused = await refusal_of(world.accounts.register(email, password, name, address=HOME))
    assert (refused.kind, refused.code, refused.field) == (Kind.INVALID, "invalid_field", field)
    assert await world.rows("users") == []
    assert await world.rows("throttles") == []


async def test_registration_can_be_switched_off(storage: Storage) -> None:
    async with open_world(storage, replace(CONFIG, registration_enabled=False)) as world:
        refused = await refusal_of(world.accounts.register(EMAIL, PASSWORD, "", address=HOME))
        assert (refused.kind, refused.code) == (Kind.FORBIDDEN, "forbidden")
        assert (await world.add(role=Role.ADMIN)).role is Role.ADMIN


async def test_the_command_line_makes_the_first_administrator(world: World) -> None:
    async with open_registration(CONFIG, world.database, world.audit, world.clock) as registration:
        user = await registration.create(EMAIL, PASSWORD, "Root", Role.ADMIN)
        refused = await refusal_of(registration.create(EMAIL, PASSWORD, "Root", Role.ADMIN))
    assert (refused.kind, refused.code, refused.field) == (Kind.CONFLICT, "email_taken", "email")
    logged_in, tokens = await world.login()
    assert logged_in == user
    assert tokens.session.roles == {"ADMIN"}


# --- what strangers cannot find out ----------------------------------------------------------------------------------


async def test_every_failed_login_gets_the_same_answer_at_the_same_cost(world: World) -> None:
    admin = world.principal(await world.add("root@example.com", Role.ADMIN))
    await world.add("known@example.com")
    disabled = await world.add("disabled@example.com")
    await world.accounts.set_status(admin, disabled.id, Status.DISABLED)
    external = await world.add("external@example.com")
    await world.database.run(lambda tx: _take_password_away(tx, external.id))
    costs, answers = [], []
    for email, password in (
        ("unknown@example.com", PASSWORD),
        ("known@example.com", "wrong horse"),
        ("disabled@example.com", PASSWORD),
        ("disabled@example.com", "wrong horse"),
        ("external@example.com", PASSWORD),
        ("external@example.com", ""),
    ):
        counting = StagedDatabase(world.database)
        async with open_accounts(CONFIG, counting, world.sessions, world.audit, world.clock) as accounts:
            hashing = accounts._by_password._passwords
            refused = await refusal_of(accounts.login(email, password, STRANGER, address=HOME))
            costs.append((hashing.num_computed, counting.num_reads, counting.num_units, len(world.sessions.asked)))
        answers.append(answer(refused))
        world.sessions.asked.clear()
    assert set(costs) == {(1, 1, 2, 1)}
    assert len(set(map(str, answers))) == 1
    assert answers[0][:2] == (Kind.UNAUTHORIZED, "invalid_credentials")


async def test_unknown_accounts_are_throttled_like_known_ones(world: World) -> None:
    await world.add("known@example.com")
    refusals = {}
    for email in ("known@example.com", "unknown@example.com"):
        refusals[email] = [answer(await world.refused_login(email, device=STRANGER)) for _ in range(12)]
    assert refusals["known@example.com"] == refusals["unknown@example.com"]
    assert refusals["known@example.com"][-1][1] == "too_many_attempts"


async def test_the_audit_trail_knows_why(world: World) -> None:
    user = await world.add()
    await world.refused_login()
    [entry] = await world.entries(user.id, "login.failed")
    assert (entry.actor, entry.address, entry.detail["why"]) == ("anonymous", HOME, "wrong password")
    await world.refused_login("nobody@example.com")
    assert [entry.detail["why"] for entry in await world.entries("", "login.failed")] == [
        "wrong password",
        "no such user",
    ]


async def test_what_nobody_could_have_is_refused_before_it_costs_anything(world: World) -> None:
    await world.add()
    computed = world.passwords.num_computed
    refused = await world.refused_login(password="x" * 129)
    assert (refused.kind, refused.field) == (Kind.INVALID, "password")
    refused = await world.refused_login("no address")
    assert (refused.kind, refused.field) == (Kind.INVALID, "email")
    assert world.passwords.num_computed == computed


async def test_no_secret_is_logged_or_shown(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await world.accounts.register(EMAIL, PASSWORD, "Ann", address=HOME)
    user, _ = await world.login()
    refused = await world.refused_login(password="secret wrong horse")
    await world.accounts.change_password(world.principal(user), PASSWORD, NEW_PASSWORD, address=HOME)
    trail = await world.rows("audit_log")
    for shown in (caplog.text, repr(trail), str(refused), repr(refused), refused.detail, repr(world.accounts)):
        for secret in (PASSWORD, NEW_PASSWORD, "secret wrong horse", "argon2id", EMAIL):
            assert secret not in shown


# --- hashes that have aged -------------------------------------------------------------------------------------------


async def test_login_moves_a_hash_to_the_current_parameters(storage: Storage) -> None:
    async with open_world(storage) as before:
        user = await before.add()
        [old_row] = await before.rows("users")
    dearer = replace(CONFIG, password_hash=PasswordHashConfig(memory_kib=16, iterations=2))
    async with open_world(storage, dearer) as world:
        await world.refused_login()
        assert await world.rows("users") == [old_row]
        await world.login()
        account = await world.accounts._profile._parts.store.by_id(world.database, user.id)
        assert account is not None
        assert "m=16,t=2,p=1" in account.password_hash
        assert not world.passwords.is_outdated(account.password_hash)
        await world.login()


async def test_login_moves_a_hash_to_the_current_secret(storage: Storage) -> None:
    async with open_world(storage) as before:
        await before.add()
    changed = replace(CONFIG, secret=b"n" * 32, previous_secrets=(CONFIG.secret,))
    async with open_world(storage, changed) as world:
        await world.login()
    async with open_world(storage, replace(changed, previous_secrets=())) as world:
        await world.login()
    async with open_world(storage) as world:
        assert (await world.refused_login(password=PASSWORD)).code == "invalid_credentials"


async def test_logins_at_once_that_all_want_to_hash_anew_all_succeed(storage: Storage) -> None:
    async with open_world(storage) as before:
        await before.add()
    dearer = replace(CONFIG, password_hash=PasswordHashConfig(memory_kib=16, iterations=1))
    async with open_world(storage, dearer) as world:
        await asyncio.gather(*(world.login(device=replace(PHONE, id=f"{PHONE.id}{n}")) for n in range(6)))
        assert len(world.sessions.opened) == 6


# --- races -----------------------------------------------------------------------------------------------------------


async def test_a_password_changed_during_login_opens_no_session(world: World) -> None:
    user = await world.add()
    principal = world.principal(user)
    world.sessions.before_open = lambda: world.accounts.change_password(principal, PASSWORD, NEW_PASSWORD, address=HOME)
    refused = await world.refused_login(password=PASSWORD)
    assert refused.code == "invalid_credentials"
    assert world.sessions.opened == []
    await world.login(password=NEW_PASSWORD)


async def test_a_user_disabled_during_login_gets_no_session(world: World) -> None:
    admin = world.principal(await world.add("root@example.com", Role.ADMIN))
    user = await world.add()
    world.sessions.before_open = lambda: world.accounts.set_status(admin, user.id, Status.DISABLED)
    assert (await world.refused_login(password=PASSWORD)).code == "invalid_credentials"
    assert world.sessions.opened == []


async def test_a_role_changed_during_login_is_the_sessions_role(world: World) -> None:
    admin = world.principal(await world.add("root@example.com", Role.ADMIN))
    user = await world.add()
    world.sessions.before_open = lambda: world.accounts.set_role(admin, user.id, Role.VENDOR)
    logged_in, tokens = await world.login()
    assert logged_in.role is Role.VENDOR
    assert tokens.session.roles == {"VENDOR"}


@pytest.mark.parametrize("storage_config", ["postgres"], indirect=True)
@pytest.mark.parametrize("change", ["password", "status"])
async def test_on_postgres_who_is_being_let_in_does_not_change_meanwhile(
    world: World, storage: Storage, change: str
) -> None:
    """What `admit` has read holds until its unit of work ends. (SQLite has one unit at a time.)"""
    admin = world.principal(await world.add("root@example.com", Role.ADMIN))
    user = await world.add()
    changes: dict[str, Callable[[], Awaitable[object]]] = {
        "password": lambda: world.accounts.change_password(world.principal(user), PASSWORD, NEW_PASSWORD, address=HOME),
        "status": lambda: world.accounts.set_status(admin, user.id, Status.DISABLED),
    }
    changing: list[asyncio.Task[object]] = []

    async def waits_or_is_done() -> bool:
        [[waiting]] = await storage.relay.fetch(
            Query("test.waiting", "SELECT count(*) FROM pg_locks WHERE NOT granted")
        )
        return bool(waiting) or changing[0].done()

    async def hold(tx: Transaction) -> None:
        await UserStore().hold(tx, user.id)
        changing.append(asyncio.create_task(_as_coroutine(changes[change]())))
        await eventually(waits_or_is_done)
        assert not changing[0].done()

    await storage.auth.run(hold)
    await changing[0]


async def test_a_password_that_changes_all_the_time_ends_in_the_one_refusal(world: World) -> None:
    user = await world.add()

    async def disturb() -> None:
        new_hash = await world.passwords.hash(PASSWORD)
        await world.database.run(lambda tx: _set_hash(tx, user.id, new_hash))
        world.sessions.before_open = disturb

    await disturb()
    assert (await world.refused_login(password=PASSWORD)).code == "invalid_credentials"
    assert world.sessions.opened == []


async def test_a_refused_session_gives_its_attempt_back_and_no_other(world: World) -> None:
    await world.add()
    await world.refused_login()
    before = sorted(await world.rows("throttles"))
    world.sessions.refuse_open = Refusal(Kind.CONFLICT, "session_limit")
    assert (await world.refused_login(password=PASSWORD)).code == "session_limit"
    assert sorted(await world.rows("throttles")) == before


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", range(3))
async def test_a_cancelled_login_leaves_nothing_half_done(world: World, call: int, when: str) -> None:
    """Cancelled around each call of the database in turn: the look-up, the throttle, the session."""
    await world.add()

    async def cancel(number: int) -> None:
        if number == call:
            task.cancel()
            await asyncio.sleep(0)

    staged = StagedDatabase(world.database, **{when: cancel})
    world.sessions.database = staged
    async with open_accounts(CONFIG, staged, world.sessions, world.audit, world.clock) as accounts:
        task = asyncio.create_task(accounts.login(EMAIL, PASSWORD, PHONE, address=HOME))
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert world.sessions.opened == []
    used = [row[1] - 1_700_000_000_000 for row in await world.rows("throttles")]
    assert all(each_ms <= 180_000 for each_ms in used)  # one attempt each at most
    world.sessions.database = world.database
    await world.login()


@pytest.mark.parametrize("call", range(3))
async def test_a_database_without_answer_is_passed_on(world: World, call: int) -> None:
    await world.add()

    async def fail(number: int) -> None:
        if number == call:
            raise StorageUnavailable("away")

    staged = StagedDatabase(world.database, fail)
    world.sessions.database = staged
    async with open_accounts(CONFIG, staged, world.sessions, world.audit, world.clock) as accounts:
        with pytest.raises(StorageUnavailable):
            await accounts.login(EMAIL, PASSWORD, PHONE, address=HOME)
    assert world.sessions.opened == []


@pytest.mark.parametrize("call", range(3))
async def test_a_password_change_that_fails_changes_nothing(world: World, call: int) -> None:
    """The database goes away at each call in turn."""
    principal = world.principal(await world.add())

    async def fail(number: int) -> None:
        if number == call:
            raise StorageUnavailable("away")

    staged = StagedDatabase(world.database, fail)
    world.sessions.database = staged
    async with open_accounts(CONFIG, staged, world.sessions, world.audit, world.clock) as accounts:
        with pytest.raises(StorageUnavailable):
            await accounts.change_password(principal, PASSWORD, NEW_PASSWORD, address=HOME)
    assert world.sessions.calls == []
    world.sessions.database = world.database
    await world.login(password=PASSWORD)


# --- profile and password --------------------------------------------------------------------------------------------


async def test_a_name_is_changed_by_its_user(world: World) -> None:
    user = await world.add()
    assert (await world.accounts.rename(user.id, " Zoe\u0308 ")).name == "Zoë"
    assert (await world.accounts.user(user.id)).name == "Zoë"
    assert [entry.action for entry in await world.entries(user.id)] == ["user.registered", "user.renamed"]
    assert (await refusal_of(world.accounts.rename(user.id, "a\nb"))).field == "name"
    assert (await refusal_of(world.accounts.rename("nobody", "x"))).kind is Kind.NOT_FOUND
    assert (await refusal_of(world.accounts.user("nobody"))).kind is Kind.NOT_FOUND


async def test_a_changed_password_is_the_only_one_and_ends_the_other_sessions(world: World) -> None:
    user = await world.add()
    principal = world.principal(user)
    await world.accounts.change_password(principal, PASSWORD, NEW_PASSWORD, address=HOME)
    ended = ("revoke_others", user.id, principal.sid, "password_changed", user.id, HOME)
    assert world.sessions.calls == [ended]
    assert (await world.refused_login(password=PASSWORD)).code == "invalid_credentials"
    await world.login(password=NEW_PASSWORD)
    [entry] = await world.entries(user.id, "password.changed")
    assert (entry.actor, entry.session, entry.address) == (user.id, principal.sid, HOME)


async def test_a_wrong_current_password_changes_nothing_and_is_throttled(world: World) -> None:
    user = await world.add()
    principal = world.principal(user)
    codes = [
        (await refusal_of(world.accounts.change_password(principal, "wrong", NEW_PASSWORD, address=HOME))).code
        for _ in range(6)
    ]
    assert codes == ["invalid_credentials"] * 5 + ["too_many_attempts"]
    assert world.sessions.calls == []
    assert len(await world.entries(user.id, "password.change_failed")) == 5
    await world.login()


@pytest.mark.parametrize("new", ["short", "password1", EMAIL, "x" * 129])
async def test_a_new_password_follows_the_rules(world: World, new: str) -> None:
    principal = world.principal(await world.add())
    refused = await refusal_of(world.accounts.change_password(principal, PASSWORD, new, address=HOME))
    assert (refused.kind, refused.field) == (Kind.INVALID, "new_password")
    assert world.sessions.calls == []


async def test_an_account_without_password_has_none_to_change(world: World) -> None:
    user = await world.add()
    await world.database.run(lambda tx: _take_password_away(tx, user.id))
    for current in ("", PASSWORD):
        call = world.accounts.change_password(world.principal(user), current, NEW_PASSWORD, address=HOME)
        assert (await refusal_of(call)).code == "invalid_credentials"


async def test_of_two_changes_with_the_same_knowledge_one_counts(world: World) -> None:
    user = await world.add()
    principal = world.principal(user)
    results = await asyncio.gather(
        *(
            world.accounts.change_password(principal, PASSWORD, f"{NEW_PASSWORD} {number}", address=HOME)
            for number in range(4)
        ),
        return_exceptions=True,
    )
    won = [number for number, result in enumerate(results) if result is None]
    assert len(won) == 1
    assert {result.code for result in results if isinstance(result, Refusal)} == {"invalid_credentials"}
    await world.login(password=f"{NEW_PASSWORD} {won[0]}", device=LAPTOP)


async def _take_password_away(tx: Transaction, user_id: str) -> None:
    await _set_hash(tx, user_id, "")


async def _set_hash(tx: Transaction, user_id: str, password_hash: str) -> None:
    await tx.execute(Query("test.hash", "UPDATE users SET password_hash = $2 WHERE id = $1"), user_id, password_hash)


async def _as_coroutine(call: Awaitable[object]) -> object:
    return await call
