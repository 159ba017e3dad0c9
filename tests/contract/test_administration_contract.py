"""What administrators may do, on both databases, and that there is always one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from services.accounts.permissions import Action
from services.accounts.user import Role, Status
from sessions.refusal import Kind, Refusal
from tests.contract.accounts_world import HOME, NEW_PASSWORD, World, open_world, refusal_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from services.accounts.user import User
    from sessions.principal import Principal
    from storage.database import Storage


@pytest.fixture
async def world(storage: Storage) -> AsyncIterator[World]:
    async with open_world(storage) as opened:
        yield opened


@pytest.fixture
async def admin(world: World) -> Principal:
    return world.principal(await world.add("root@example.com", Role.ADMIN))


@pytest.fixture
async def user(world: World) -> User:
    return await world.add()


CALLS: dict[str, Callable[[World, Principal, str], Awaitable[object]]] = {
    "list": lambda world, who, _: world.accounts.list_users(who, "", 10),
    "read": lambda world, who, user_id: world.accounts.read_user(who, user_id),
    "role": lambda world, who, user_id: world.accounts.set_role(who, user_id, Role.ADMIN),
    "status": lambda world, who, user_id: world.accounts.set_status(who, user_id, Status.DISABLED),
    "both": lambda world, who, user_id: world.accounts.change_user(
        who, user_id, role=Role.VENDOR, status=Status.ACTIVE
    ),
    "audit": lambda world, who, _: world.accounts.authorise(who, Action.AUDIT_READ),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.VENDOR, Role.OPS])
async def test_only_administrators(world: World, admin: Principal, user: User, call: str, role: Role) -> None:
    other = await world.add("other@example.com", role)
    before = await world.rows("users")
    for target in (user.id, other.id, "nobody"):
        refused = await refusal_of(CALLS[call](world, world.principal(other), target))
        assert (refused.kind, refused.code) == (Kind.FORBIDDEN, "forbidden")
    assert await world.rows("users") == before


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("change", ["demoted", "disabled"])
async def test_a_token_from_before_the_demotion_is_of_no_use(
    world: World, admin: Principal, user: User, call: str, change: str
) -> None:
    former = await world.add("former@example.com", Role.ADMIN)
    token = world.principal(former)
    await CALLS["audit"](world, token, "")
    if change == "demoted":
        await world.accounts.set_role(admin, former.id, Role.CUSTOMER)
    else:
        await world.accounts.set_status(admin, former.id, Status.DISABLED)
    assert (await refusal_of(CALLS[call](world, token, user.id))).code == "forbidden"


@pytest.mark.parametrize("call", CALLS)
async def test_a_token_that_claims_too_much_is_of_no_use(world: World, user: User, call: str) -> None:
    claims = replace(world.principal(user), roles=frozenset({"ADMIN"}))
    assert (await refusal_of(CALLS[call](world, claims, user.id))).code == "forbidden"


async def test_a_new_role_reaches_the_row_the_sessions_and_the_trail(
    world: World, admin: Principal, user: User
) -> None:
    changed = await world.accounts.set_role(admin, user.id, Role.VENDOR, address=HOME)
    assert changed == replace(user, role=Role.VENDOR) == await world.accounts.user(user.id)
    assert world.sessions.calls == [("set_roles", user.id, frozenset({"VENDOR"}))]
    [entry] = await world.entries(user.id, "user.role_changed")
    assert entry.detail == {"from": "CUSTOMER", "to": "VENDOR"}
    assert (entry.actor, entry.session, entry.address) == (admin.user, admin.sid, HOME)


async def test_disabling_ends_all_sessions_and_enabling_lets_in_again(
    world: World, admin: Principal, user: User
) -> None:
    await world.accounts.set_status(admin, user.id, Status.DISABLED, address=HOME)
    assert world.sessions.calls == [("revoke_all", user.id, "disabled", admin.user, HOME)]
    assert (await world.refused_login()).code == "invalid_credentials"
    await world.accounts.set_status(admin, user.id, Status.ACTIVE)
    await world.login()
    details = [entry.detail for entry in await world.entries(user.id, "user.status_changed")]
    assert details == [{"from": "active", "to": "disabled"}, {"from": "disabled", "to": "active"}]


async def test_role_and_status_change_together_or_not_at_all(world: World, admin: Principal, user: User) -> None:
    changed = await world.accounts.change_user(admin, user.id, role=Role.VENDOR, status=Status.DISABLED)
    assert (changed.role, changed.status) == (Role.VENDOR, Status.DISABLED)
    refused = await refusal_of(world.accounts.change_user(admin, admin.user, role=Role.VENDOR, status=Status.ACTIVE))
    assert refused.code == "last_administrator"
    assert (await world.accounts.user(admin.user)).role is Role.ADMIN


async def test_repeating_a_change_leaves_one_entry(world: World, admin: Principal, user: User) -> None:
    for _ in range(2):
        await world.accounts.set_status(admin, user.id, Status.DISABLED)
    assert len(world.sessions.calls) == 2
    assert len(await world.entries(user.id, "user.status_changed")) == 1


async def test_nothing_to_change_and_nobody_to_change(world: World, admin: Principal, user: User) -> None:
    refused = await refusal_of(world.accounts.change_user(admin, user.id))
    assert (refused.kind, refused.code) == (Kind.INVALID, "invalid_field")
    for call in ("read", "role", "status"):
        refused = await refusal_of(CALLS[call](world, admin, "nobody"))
        assert (refused.kind, refused.code) == (Kind.NOT_FOUND, "not_found")
    assert world.sessions.calls == []


async def test_the_last_administrator_stays(world: World, admin: Principal) -> None:
    disabled = await world.add("disabled@example.com", Role.ADMIN)
    await world.accounts.set_status(admin, disabled.id, Status.DISABLED)
    for call in (
        world.accounts.set_role(admin, admin.user, Role.CUSTOMER),
        world.accounts.set_status(admin, admin.user, Status.DISABLED),
    ):
        refused = await refusal_of(call)
        assert (refused.kind, refused.code) == (Kind.CONFLICT, "last_administrator")
    await world.accounts.set_role(admin, admin.user, Role.ADMIN)
    await world.accounts.set_status(admin, disabled.id, Status.ACTIVE)
    assert (await world.accounts.set_role(admin, admin.user, Role.CUSTOMER)).role is Role.CUSTOMER


async def test_administrators_who_demote_each_other_at_once_leave_one(world: World, admin: Principal) -> None:
    for _ in range(10):
        first, second = [
            world.principal(await world.add(f"admin{len(await world.rows('users'))}@example.com", Role.ADMIN))
            for _ in range(2)
        ]
        await world.accounts.set_role(first, admin.user, Role.CUSTOMER)
        results = await asyncio.gather(
            world.accounts.set_role(first, second.user, Role.CUSTOMER),
            world.accounts.set_role(second, first.user, Role.CUSTOMER),
            return_exceptions=True,
        )
        assert sum(isinstance(result, Refusal) for result in results) == 1
        roles = [(await world.accounts.user(who.user)).role for who in (first, second)]
        assert sorted(roles) == ["ADMIN", "CUSTOMER"]
        survivor = first if roles[0] is Role.ADMIN else second
        await world.accounts.set_role(survivor, admin.user, Role.ADMIN)
        await world.accounts.set_role(admin, survivor.user, Role.CUSTOMER)


async def test_lists_page_through_everybody_once(world: World, admin: Principal) -> None:
    for number in range(7):
        await world.add(f"user{number}@example.com")
    seen, cursor = [], ""
    while True:
        page = await world.accounts.list_users(admin, cursor, 3, address=HOME)
        assert len(page.users) <= 3
        seen += [user.email for user in page.users]
        cursor = page.next_cursor
        if not cursor:
            break
    assert seen == ["root@example.com", *(f"user{number}@example.com" for number in range(7))]
    assert len((await world.accounts.list_users(admin, "", 0)).users) == 1
    assert len((await world.accounts.list_users(admin, "", 10_000)).users) == 8


async def test_looking_at_others_is_in_the_audit_trail(world: World, admin: Principal, user: User) -> None:
    assert await world.accounts.read_user(admin, user.id, address=HOME) == user
    await world.accounts.list_users(admin, "", 10, address=HOME)
    [read] = await world.entries(user.id, "user.read")
    assert (read.actor, read.address) == (admin.user, HOME)
    assert len(await world.entries("", "user.listed")) == 1


async def test_an_administrator_sets_nobodys_password(world: World, admin: Principal, user: User) -> None:
    """ASVS 6.4.6: there is no such operation; the one there is works on the principal's own account."""
    refused = await refusal_of(world.accounts.change_password(admin, "wrong", NEW_PASSWORD, address=HOME))
    assert refused.code == "invalid_credentials"
    refused = await refusal_of(world.accounts.authorise(admin, Action.PASSWORD_CHANGE, user.id))
    assert refused.code == "forbidden"
