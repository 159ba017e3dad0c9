"""Accounts over real login sessions and live connections, on both databases: what ends when an account changes."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pytest

from hub.protocol import codes
from services.accounts.service import Accounts, open_accounts
from services.accounts.user import Role, Status
from sessions.refusal import Refusal
from storage.database import StorageUnavailable
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
    refusal_of,
)
from tests.support.session_world import SessionNode, SessionWorld

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from services.accounts.user import User
    from sessions.login_session import DeviceInfo, Tokens
    from sessions.principal import Principal
    from storage.database import Storage


class Platform(NamedTuple):
    """One node with everything on it."""

    accounts: Accounts
    node: SessionNode

    async def login(self, device: DeviceInfo = PHONE, password: str = PASSWORD, email: str = EMAIL) -> Tokens:
        _, tokens = await self.accounts.login(email, password, device, address=HOME)
        return tokens

    async def principal(self, tokens: Tokens) -> Principal:
        return await self.node.sessions.authenticate(tokens.access_token)

    async def devices(self, user: User) -> set[str]:
        """Where the user is logged in."""
        return {session.device_id for session, _ in await self.node.sessions.list(user.id)}


@asynccontextmanager
async def open_platform(storage: Storage, **sessions_config: object) -> AsyncIterator[Platform]:
    node = await SessionWorld(storage).node(**sessions_config)
    async with open_accounts(CONFIG, storage.auth, node.sessions, node.audit, node.clock) as accounts:
        yield Platform(accounts, node)


@pytest.fixture
async def platform(storage: Storage) -> AsyncIterator[Platform]:
    async with open_platform(storage) as opened:
        yield opened


@pytest.fixture
async def user(platform: Platform) -> User:
    return await platform.accounts.create(EMAIL, PASSWORD, "", Role.CUSTOMER)


@pytest.fixture
async def admin(platform: Platform) -> Principal:
    await platform.accounts.create("root@example.com", PASSWORD, "", Role.ADMIN)
    return await platform.principal(await platform.login(LAPTOP, email="root@example.com"))


async def test_a_password_change_closes_the_other_devices_and_leaves_this_one(platform: Platform, user: User) -> None:
    phone, laptop = await platform.login(PHONE), await platform.login(LAPTOP)
    live_phone, live_laptop = await platform.node.connected(phone), await platform.node.connected(laptop)
    await platform.accounts.change_password(await platform.principal(phone), PASSWORD, NEW_PASSWORD, address=HOME)
    assert live_laptop.close_code == codes.SESSION_REVOKED.code
    assert live_phone.close_code == 0
    assert (await refusal_of(platform.node.refresh(laptop.refresh_token))).code == "refresh_token_invalid"
    assert (await refusal_of(platform.principal(laptop))).code == "session_revoked"
    await platform.node.refresh(phone.refresh_token)
    assert await platform.devices(user) == {PHONE.id}


async def test_disabling_closes_everything_and_lets_nobody_back(
    platform: Platform, user: User, admin: Principal
) -> None:
    tokens = [await platform.login(device) for device in (PHONE, LAPTOP)]
    peers = [await platform.node.connected(each) for each in tokens]
    await platform.accounts.set_status(admin, user.id, Status.DISABLED)
    assert [peer.close_code for peer in peers] == [codes.SESSION_REVOKED.code] * 2
    for each in tokens:
        assert (await refusal_of(platform.node.refresh(each.refresh_token))).code == "refresh_token_invalid"
        assert (await refusal_of(platform.principal(each))).code == "session_revoked"
    assert (await refusal_of(platform.login())).code == "invalid_credentials"


async def test_a_new_role_is_in_the_next_token_and_the_old_token_is_not_taken(
    platform: Platform, user: User, admin: Principal
) -> None:
    tokens = await platform.login()
    platform.node.clock.advance(2)  # tokens tell their age in whole seconds
    await platform.accounts.set_role(admin, user.id, Role.VENDOR)
    assert (await refusal_of(platform.principal(tokens))).code == "token_expired"
    platform.node.clock.advance(2)
    refreshed = await platform.node.refresh(tokens.refresh_token)
    assert (await platform.principal(refreshed)).roles == {"VENDOR"}


async def test_no_login_with_the_old_password_survives_a_change(platform: Platform, user: User) -> None:
    """Log-ins that race the change either come before it, and end with it, or are refused."""
    mine = await platform.principal(await platform.login())
    devices = [replace(LAPTOP, id=f"{LAPTOP.id}-{number}") for number in range(9)]
    results = await asyncio.gather(
        *(platform.login(device) for device in devices[:4]),
        platform.accounts.change_password(mine, PASSWORD, NEW_PASSWORD, address=HOME),
        *(platform.login(device) for device in devices[4:]),
        return_exceptions=True,
    )
    refusals = [result for result in results if isinstance(result, Exception)]
    assert all(isinstance(result, Refusal) and result.code == "invalid_credentials" for result in refusals)
    assert await platform.devices(user) == {PHONE.id}


async def test_no_login_survives_being_disabled(platform: Platform, user: User, admin: Principal) -> None:
    devices = [replace(LAPTOP, id=f"{LAPTOP.id}-{number}") for number in range(9)]
    await asyncio.gather(
        *(platform.login(device) for device in devices[:4]),
        platform.accounts.set_status(admin, user.id, Status.DISABLED),
        *(platform.login(device) for device in devices[4:]),
        return_exceptions=True,
    )
    assert await platform.devices(user) == set()


async def test_the_owner_of_a_known_device_gets_in_during_an_attack(platform: Platform, user: User) -> None:
    await platform.node.sessions.revoke_all(user.id, "logout", actor=user.id)
    known = await platform.login(PHONE)
    await platform.node.sessions.revoke(user.id, known.session.id, "logout", actor=user.id)
    for number in range(12):
        device = replace(STRANGER, id=f"{STRANGER.id}{number}")
        await refusal_of(platform.accounts.login(EMAIL, "wrong horse", device, address=f"198.51.{number}.1"))
    assert (await refusal_of(platform.login(LAPTOP))).code == "too_many_attempts"
    await platform.login(PHONE)
    assert await platform.devices(user) == {PHONE.id}


async def test_too_many_sessions_are_refused_after_the_password_only(storage: Storage) -> None:
    async with open_platform(storage, max_per_user=1, limit_policy="refuse") as platform:
        await platform.accounts.create(EMAIL, PASSWORD, "", Role.CUSTOMER)
        await platform.login(PHONE)
        assert (await refusal_of(platform.login(LAPTOP, "wrong horse"))).code == "invalid_credentials"
        assert (await refusal_of(platform.login(LAPTOP))).code == "session_limit"


async def test_logging_in_is_in_the_trail_with_its_session(platform: Platform, user: User) -> None:
    tokens = await platform.login()
    await refusal_of(platform.login(password="wrong horse"))
    await platform.accounts.change_password(await platform.principal(tokens), PASSWORD, NEW_PASSWORD, address=HOME)
    page = await platform.node.audit.list(user.id, "", 50)
    told = [(entry.action, entry.session) for entry in reversed(page.entries)]
    sid = tokens.session.id
    assert told == [("user.registered", ""), ("session.opened", sid), ("login.failed", ""), ("password.changed", sid)]


# --- all or nothing -------------------------------------------------------------------------------------------------


class Failing:
    """Lets the database go away before or after its n-th call; 0 for never."""

    def __init__(self) -> None:
        self.before = 0
        self.after = 0
        self._calls = 0

    def arm(self, *, before: int = 0, after: int = 0) -> None:
        self.before, self.after, self._calls = before, after, 0

    async def step_before(self, _: int) -> None:
        self._calls += 1
        if self._calls == self.before:
            raise StorageUnavailable("away")

    async def step_after(self, _: int) -> None:
        if self._calls == self.after:
            raise StorageUnavailable("away, and nobody knows what has happened")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", range(1, 4))
@pytest.mark.parametrize("change", ["password", "status", "role"])
async def test_an_account_and_its_sessions_change_together_or_not_at_all(
    storage: Storage, change: str, call: int, when: str
) -> None:
    """Whenever the database goes away, no session is left that knows the account from before a change."""
    failing = Failing()
    staged = StagedDatabase(storage.auth, failing.step_before, failing.step_after)
    async with open_platform(replace(storage, auth=staged)) as platform:
        user = await platform.accounts.create(EMAIL, PASSWORD, "", Role.CUSTOMER)
        await platform.accounts.create("root@example.com", PASSWORD, "", Role.ADMIN)
        admin = await platform.principal(await platform.login(LAPTOP, email="root@example.com"))
        mine = await platform.principal(await platform.login(PHONE))
        await platform.login(LAPTOP)
        changes: dict[str, Callable[[], Awaitable[object]]] = {
            "password": lambda: platform.accounts.change_password(mine, PASSWORD, NEW_PASSWORD, address=HOME),
            "status": lambda: platform.accounts.set_status(admin, user.id, Status.DISABLED),
            "role": lambda: platform.accounts.set_role(admin, user.id, Role.VENDOR),
        }
        failing.arm(**{when: call})
        with suppress(StorageUnavailable):
            await changes[change]()
        failing.arm()
        now = await platform.accounts.user(user.id)
        sessions = [session for session, _ in await platform.node.sessions.list(user.id)]
        assert {session.roles for session in sessions} <= {now.roles}
        if not now.is_active:
            assert sessions == []
        elif change == "password":
            row = await platform.accounts._profile._parts.store.by_id(storage.auth, user.id)
            assert row is not None
            is_new = await platform.accounts._passwords.verify(row.password_hash, NEW_PASSWORD)
            assert len(sessions) == (1 if is_new else 2)
