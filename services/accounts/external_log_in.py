"""Logging in with what an identity provider says: whom it means here, and what it may change.

An identity is (issuer, subject) and nothing else. An e-mail address is looked at once, when the identity is new: it may
lead to an account that is there already, if the provider is configured to be believed and says that it has verified it.

Nobody here has verified the address of an account with a password: somebody else may have made it in advance, to share
it with its owner (pre-hijacking). So linking by address takes the password away and ends all sessions of the account.
And it never leads to an administrator, whom an identity provider could otherwise make.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.accounts import email_address
from services.accounts.password_log_in import ANONYMOUS, invalid_credentials
from services.accounts.throttle import Attempt, network_of
from services.accounts.user import MAX_NAME_LENGTH, Credentials, Role, Status, User, clean_name
from sessions.identifiers import new_id
from sessions.refusal import Kind, Refusal
from storage.database import UniqueViolation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.accounts.identity import ExternalIdentity, IdentityVerifier
    from services.accounts.parts import Parts
    from sessions.login_session import DeviceInfo, Tokens
    from storage.database import Transaction

METHOD: Final = "identity_provider"


class _NotLinkable(Exception):
    """The account has become one that must not be linked since it was looked up."""


class ExternalLogIn:
    """Finds, links or makes the account of an identity, and opens sessions; see `Accounts.login_external`."""

    def __init__(self, parts: Parts, verifier: IdentityVerifier | None) -> None:
        self._parts = parts
        self._verifier = verifier
        self.num_failed = 0

    async def log_in(self, issuer: str, token: str, device: DeviceInfo, *, address: str) -> tuple[User, Tokens]:
        """See `Accounts.login_external`."""
        attempts = (Attempt("login.address", network_of(address), self._parts.limits.login_address),)
        async with self._parts.throttle.counting(attempts):
            identity = await self._verified(issuer, token, address)
            account = await self._account_of(identity, address)
            if account is None or not account.user.is_active:
                raise await self._refusal(account, identity.issuer, address, "disabled" if account else "no such user")
            return await self._open(account.user, identity, device, address, attempts)

    async def _verified(self, issuer: str, token: str, address: str) -> ExternalIdentity:
        if self._verifier is None:
            raise await self._refusal(None, "", address, "no identity provider")
        try:
            return await self._verifier.verify(issuer, token)
        except Refusal as refusal:
            if refusal.kind is Kind.UNAUTHORIZED:
                raise await self._refusal(None, "", address, "identity token refused") from refusal
            raise

    async def _account_of(self, identity: ExternalIdentity, address: str) -> Credentials | None:
        """The account behind the identity; linked or made, if it is new and that is allowed."""
        if known := await self._parts.store.by_identity(self._parts.database, identity.issuer, identity.subject):
            return known
        try:
            if (linked := await self._linked(identity, address)) or not identity.creates_users:
                return linked
            return await self._made(identity, address)
        except UniqueViolation:  # the same identity logs in twice at once: the other one was first
            return await self._parts.store.by_identity(self._parts.database, identity.issuer, identity.subject)

    async def _linked(self, identity: ExternalIdentity, address: str) -> Credentials | None:
        email = believed_email(identity)
        if not identity.links_by_email or not email or not email_address.is_plain(identity.email, email):
            return None
        found = await self._parts.store.by_email(self._parts.database, email)
        if found is None or found.user.role is Role.ADMIN:
            return None

        async def link(tx: Transaction) -> None:
            held = await self._parts.store.lock(tx, found.user.id)
            if held is None or held.user.role is Role.ADMIN:
                raise _NotLinkable
            await self._parts.store.replace_password(tx, held, "", self._now_ms())
            await self._add_identity(tx, identity, held.user, address, "identity.linked")

        actor = f"identity_provider:{identity.issuer}"
        try:
            await self._parts.sessions.revoke_all(
                found.user.id, "identity_provider", actor=actor, address=address, together=link
            )
        except _NotLinkable:
            return None
        return await self._parts.store.by_id(self._parts.database, found.user.id)

    async def _made(self, identity: ExternalIdentity, address: str) -> Credentials | None:
        """A new customer. An address that is taken or cannot be believed is not theirs: they get a placeholder."""
        email, user_id = believed_email(identity), new_id()

        async def make(tx: Transaction) -> Credentials | None:
            for candidate in filter(None, (email, email_address.placeholder(user_id))):
                user = User(user_id, candidate, _name_of(identity), Role.CUSTOMER, Status.ACTIVE, self._now_ms())
                if await self._parts.store.add(tx, user, ""):
                    await self._add_identity(tx, identity, user, address, "user.registered")
                    return Credentials(user, "")
            return None

        return await self._parts.database.run(make)

    async def _add_identity(
        self, tx: Transaction, identity: ExternalIdentity, user: User, address: str, action: str
    ) -> None:
        await self._parts.store.add_identity(tx, identity.issuer, identity.subject, user.id, self._now_ms())
        detail = {"issuer": identity.issuer, "subject": identity.subject}
        await self._parts.audit.record(tx, action, actor=user.id, subject=user.id, address=address, detail=detail)

    async def _open(
        self, user: User, identity: ExternalIdentity, device: DeviceInfo, address: str, attempts: Sequence[Attempt]
    ) -> tuple[User, Tokens]:
        async def admit(tx: Transaction) -> frozenset[str]:
            nonlocal user
            held = await self._parts.store.hold(tx, user.id)
            if held is None or not held.user.is_active:
                raise invalid_credentials()
            await self._parts.throttle.give_back(tx, attempts)
            user = held.user
            return user.roles

        tokens = await self._parts.sessions.open(
            user.id,
            device,
            address=address,
            roles=user.roles,
            method=METHOD,
            issuer=identity.issuer,
            idp_subject=identity.subject,
            idp_sid=identity.idp_sid,
            admit=admit,
        )
        return user, tokens

    async def _refusal(self, account: Credentials | None, issuer: str, address: str, why: str) -> Refusal:
        subject = account.user.id if account else ""
        detail = {"why": why, "issuer": issuer}

        async def work(tx: Transaction) -> None:
            await self._parts.audit.record(
                tx, "login.failed", actor=ANONYMOUS, subject=subject, address=address, detail=detail
            )

        self.num_failed += 1
        await self._parts.database.run(work)
        return invalid_credentials()

    def _now_ms(self) -> int:
        return int(self._parts.clock.now_s() * 1000)


def believed_email(identity: ExternalIdentity) -> str:
    """The folded address, if the provider has verified it and it is one; "" otherwise."""
    try:
        return email_address.fold(identity.email) if identity.email_verified else ""
    except Refusal:
        return ""


def _name_of(identity: ExternalIdentity) -> str:
    """What the provider calls the user, as far as we would let the user choose it."""
    try:
        return clean_name(identity.name[:MAX_NAME_LENGTH])
    except Refusal:
        return ""
