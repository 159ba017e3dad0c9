"""Log-ins through identity providers, on both databases: whom an identity means, and what it can never take over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from hub.tokens.claims import KeysUnavailable
from services.accounts.identity import ExternalIdentity
from services.accounts.service import open_accounts
from services.accounts.user import Role, Status
from sessions.refusal import Kind
from tests.contract.accounts_world import CONFIG, EMAIL, HOME, ISSUER, PASSWORD, PHONE, World, open_world, refusal_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.accounts.user import User
    from sessions.login_session import Tokens
    from sessions.refusal import Refusal
    from storage.database import Storage


@pytest.fixture
async def world(storage: Storage) -> AsyncIterator[World]:
    async with open_world(storage) as opened:
        yield opened


def identity(  # each test says what matters to it
    subject: str = "subject-1",
    email: str = EMAIL,
    *,
    email_verified: bool = True,
    links_by_email: bool = False,
    creates_users: bool = True,
    name: str = "Ann Lee",
) -> ExternalIdentity:
    return ExternalIdentity(ISSUER, subject, email, email_verified, name, "idp-sid-1", links_by_email, creates_users)


async def login(world: World, who: ExternalIdentity) -> tuple[User, Tokens]:
    world.verifier.identities["token"] = who
    return await world.accounts.login_external(who.issuer, "token", PHONE, address=HOME)


async def refused(world: World, who: ExternalIdentity) -> Refusal:
    return await refusal_of(login(world, who))


async def test_who_is_new_becomes_a_customer_and_is_known_from_then_on(world: World) -> None:
    user, tokens = await login(world, identity())
    assert (user.email, user.name, user.role) == (EMAIL, "Ann Lee", Role.CUSTOMER)
    session = tokens.session
    assert (session.method, session.issuer, session.idp_subject, session.idp_sid) == (
        "identity_provider",
        ISSUER,
        "subject-1",
        "idp-sid-1",
    )
    again, _ = await login(world, identity(email="moved@example.com", name="Other"))
    assert again == user
    [entry] = await world.entries(user.id, "user.registered")
    assert entry.detail == {"issuer": ISSUER, "subject": "subject-1"}


async def test_an_identity_is_issuer_and_subject(world: World) -> None:
    first, _ = await login(world, identity())
    other, _ = await login(world, ExternalIdentity("https://other.example", "subject-1"))
    assert other.id != first.id


async def test_such_a_user_has_no_password(world: World) -> None:
    await login(world, identity())
    for password in ("", PASSWORD):
        assert (await world.refused_login(password=password)).code == "invalid_credentials"


@pytest.mark.parametrize(
    "who",
    [
        identity(email_verified=False),
        identity(email=""),
        identity(email="no address"),
    ],
)
async def test_an_address_that_cannot_be_believed_is_not_taken(world: World, who: ExternalIdentity) -> None:
    user, _ = await login(world, who)
    assert user.email == f"{user.id}@no-address.invalid"
    assert await world.add() is not None  # the address is free for its owner


async def test_a_name_that_would_be_refused_is_left_out(world: World) -> None:
    user, _ = await login(world, identity(name="Ann\nLee"))
    assert user.name == ""
    user, _ = await login(world, identity("subject-2", "b@example.com", name="x" * 500))
    assert user.name == "x" * 64


async def test_an_existing_account_is_not_linked_unless_that_is_configured(world: World) -> None:
    owner = await world.add()
    user, _ = await login(world, identity())
    assert user.id != owner.id
    assert user.email.endswith("@no-address.invalid")
    await world.login()


async def test_linking_takes_away_the_password_that_nobody_has_vouched_for(world: World) -> None:
    owner = await world.add()
    user, _ = await login(world, identity(links_by_email=True))
    assert user.id == owner.id
    assert (await world.refused_login(password=PASSWORD)).code == "invalid_credentials"
    ended = ("revoke_all", owner.id, "identity_provider", f"identity_provider:{ISSUER}", HOME)
    assert world.sessions.calls == [ended]
    assert [entry.action for entry in await world.entries(owner.id)] == [
        "user.registered",
        "identity.linked",
        "login.failed",
    ]
    world.sessions.calls.clear()
    await login(world, identity(links_by_email=True))
    assert world.sessions.calls == []


@pytest.mark.parametrize(
    "who",
    [
        identity(links_by_email=True, email_verified=False),
        identity(links_by_email=True, email="\uff41nn@example.com"),  # folds to it, and may be another mailbox there
        identity(links_by_email=True, email=""),
    ],
)
async def test_linking_needs_the_same_verified_address(world: World, who: ExternalIdentity) -> None:
    owner = await world.add()
    user, _ = await login(world, who)
    assert user.id != owner.id
    assert world.sessions.calls == []


async def test_an_administrator_is_never_linked_by_address(world: World) -> None:
    admin = await world.add(role=Role.ADMIN)
    user, tokens = await login(world, identity(links_by_email=True))
    assert user.id != admin.id
    assert tokens.session.roles == {"CUSTOMER"}
    assert world.sessions.calls == []
    await world.login()


async def test_who_becomes_an_administrator_while_being_linked_is_not(world: World) -> None:
    admin = await world.add("root@example.com", Role.ADMIN)
    owner = await world.add()
    revoke_all = world.sessions.revoke_all

    async def promote(*arguments: Any, **named: Any) -> int:
        await world.accounts.set_role(world.principal(admin), owner.id, Role.ADMIN)
        return await revoke_all(*arguments, **named)

    world.sessions.revoke_all = promote  # type: ignore[method-assign]  # what happens between look-up and link
    user, _ = await login(world, identity(links_by_email=True))
    world.sessions.revoke_all = revoke_all  # type: ignore[method-assign]  # as above
    assert user.id != owner.id
    assert ("revoke_all", owner.id) not in [call[:2] for call in world.sessions.calls]
    await world.login()


async def test_unknown_users_are_refused_where_none_are_made(world: World) -> None:
    refusal = await refused(world, identity(creates_users=False))
    assert (refusal.kind, refusal.code) == (Kind.UNAUTHORIZED, "invalid_credentials")
    assert await world.rows("users") == []
    [entry] = await world.entries("", "login.failed")
    assert entry.detail == {"why": "no such user", "issuer": ISSUER}


async def test_a_disabled_user_is_refused_like_an_unknown_one(world: World) -> None:
    admin = await world.add("root@example.com", Role.ADMIN)
    user, _ = await login(world, identity())
    await world.accounts.set_status(world.principal(admin), user.id, Status.DISABLED)
    opened = len(world.sessions.opened)
    disabled, unknown = await refused(world, identity()), await refused(world, identity("x", creates_users=False))
    assert (disabled.kind, disabled.code, disabled.detail) == (unknown.kind, unknown.code, unknown.detail)
    assert len(world.sessions.opened) == opened


async def test_a_user_disabled_during_login_gets_no_session(world: World) -> None:
    admin = world.principal(await world.add("root@example.com", Role.ADMIN))
    user, _ = await login(world, identity())
    opened = len(world.sessions.opened)
    world.sessions.before_open = lambda: world.accounts.set_status(admin, user.id, Status.DISABLED)
    assert (await refused(world, identity())).code == "invalid_credentials"
    assert len(world.sessions.opened) == opened


async def test_a_bad_token_is_refused_in_our_words_and_throttled_by_address(world: World) -> None:
    codes = []
    for _ in range(51):
        refusal = await refusal_of(world.accounts.login_external(ISSUER, "forged", PHONE, address=HOME))
        assert "provider's own words" not in refusal.detail
        codes.append(refusal.code)
    assert codes == ["invalid_credentials"] * 50 + ["too_many_attempts"]


async def test_success_does_not_count(world: World) -> None:
    for _ in range(60):
        await login(world, identity())


async def test_without_identity_providers_nobody_logs_in_with_one(world: World) -> None:
    async with open_accounts(CONFIG, world.database, world.sessions, world.audit, world.clock) as accounts:
        refusal = await refusal_of(accounts.login_external(ISSUER, "token", PHONE, address=HOME))
    assert refusal.code == "invalid_credentials"


async def test_a_provider_whose_keys_cannot_be_had_is_passed_on(world: World) -> None:
    class Away:
        async def verify(self, issuer: str, token: str) -> ExternalIdentity:
            raise KeysUnavailable("away")

    async with open_accounts(CONFIG, world.database, world.sessions, world.audit, world.clock, Away()) as accounts:
        with pytest.raises(KeysUnavailable):
            await accounts.login_external(ISSUER, "token", PHONE, address=HOME)


async def test_a_provider_whose_keys_cannot_be_had_uses_up_no_attempts(world: World) -> None:
    class Away:
        async def verify(self, issuer: str, token: str) -> ExternalIdentity:
            raise KeysUnavailable("away")

    async with open_accounts(CONFIG, world.database, world.sessions, world.audit, world.clock, Away()) as accounts:
        for _ in range(60):  # more than the throttle lets fail
            with pytest.raises(KeysUnavailable):
                await accounts.login_external(ISSUER, "token", PHONE, address=HOME)
    await login(world, identity())


async def test_the_first_login_twice_at_once_makes_one_user(world: World) -> None:
    results = await asyncio.gather(*(login(world, identity()) for _ in range(6)))
    assert len({user.id for user, _ in results}) == 1
    assert len(await world.rows("users")) == 1
    assert len(await world.rows("identities")) == 1
