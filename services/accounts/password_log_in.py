"""Logging in by e-mail address and password.

Whoever asks learns nothing about who has an account: known and unknown, without password, disabled and wrong password
take the same steps (the same look-ups, one Argon2 computation, one throttle, one audit entry) and get the same answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.accounts import email_address, password_policy
from services.accounts.throttle import Attempt, network_of
from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.accounts.parts import Parts
    from services.accounts.password_hashing import PasswordHashing
    from services.accounts.user import Credentials, User
    from sessions.login_session import DeviceInfo, Tokens
    from storage.database import Transaction

NOBODY: Final = "00000000-0000-7000-8000-000000000000"
"""Whom an unknown address is looked up as, so that it costs what a known one costs."""

ANONYMOUS: Final = "anonymous"
"""The actor of what somebody did who has not proved to be anybody."""

MAX_TRIES: Final = 3
"""How often a log-in begins anew because the password was changed or hashed anew while it was being checked."""


class _Changed(Exception):
    """The password is not the one that was checked any more."""


class PasswordLogIn:
    """Checks passwords and opens sessions; see `Accounts.login`."""

    def __init__(self, parts: Parts, passwords: PasswordHashing) -> None:
        self._parts = parts
        self._passwords = passwords
        self.num_failed = 0

    async def log_in(self, email: str, password: str, device: DeviceInfo, *, address: str) -> tuple[User, Tokens]:
        """See `Accounts.login`."""
        folded = email_address.fold(email)
        password_policy.check_length(password, "password")
        account = await self._parts.store.by_email(self._parts.database, folded)
        attempts = await self._attempts(account, folded, device, address)
        async with self._parts.throttle.counting(attempts):
            return await self._admitted(account, password, device, address, attempts)

    async def _admitted(
        self,
        account: Credentials | None,
        password: str,
        device: DeviceInfo,
        address: str,
        attempts: Sequence[Attempt],
    ) -> tuple[User, Tokens]:
        for _ in range(MAX_TRIES):
            account = await self._verified(account, password, device, address)
            try:
                return await self._open(account, device, address, attempts)
            except _Changed:
                account = await self._parts.store.by_id(self._parts.database, account.user.id)
        raise await self._refusal(account, device, address, "changed meanwhile")

    async def _attempts(
        self, account: Credentials | None, folded: str, device: DeviceInfo, address: str
    ) -> Sequence[Attempt]:
        """A device that was logged in before has a bucket of its own, so that strangers cannot lock its owner out."""
        limits = self._parts.limits
        user_id = account.user.id if account else NOBODY
        if await self._parts.sessions.has_known_device(user_id, device.id) and account:
            return (Attempt("login.device", f"{folded}\0{device.id}", limits.login_device),)
        return (
            Attempt("login.account", folded, limits.login_account),
            Attempt("login.address", network_of(address), limits.login_address),
        )

    async def _verified(
        self, account: Credentials | None, password: str, device: DeviceInfo, address: str
    ) -> Credentials:
        """The account, if this is its password and it may log in; its hash is up to date then."""
        is_right = await self._passwords.verify(account.password_hash if account else "", password)
        if account is None or not is_right:
            raise await self._refusal(account, device, address, "wrong password" if account else "no such user")
        if not account.user.is_active:
            raise await self._refusal(account, device, address, "disabled")
        return await self._up_to_date(account, password)

    async def _up_to_date(self, account: Credentials, password: str) -> Credentials:
        """Hash the password anew if parameters or the secret have changed. That can wait when the machine is busy."""
        if not self._passwords.is_outdated(account.password_hash):
            return account
        try:
            new_hash = await self._passwords.hash(password)
        except Refusal:
            return account
        now_ms = int(self._parts.clock.now_s() * 1000)
        if await self._parts.database.run(lambda tx: self._parts.store.replace_password(tx, account, new_hash, now_ms)):
            return type(account)(account.user, new_hash)
        return account

    async def _open(
        self, account: Credentials, device: DeviceInfo, address: str, attempts: Sequence[Attempt]
    ) -> tuple[User, Tokens]:
        user = account.user

        async def admit(tx: Transaction) -> frozenset[str]:
            """In the unit of work that opens the session: a password change or a ban is before it or after it."""
            nonlocal user
            held = await self._parts.store.hold(tx, user.id)
            if held is None or held.password_hash != account.password_hash or not held.user.is_active:
                raise _Changed
            await self._parts.throttle.give_back(tx, attempts)
            user = held.user
            return user.roles

        tokens = await self._parts.sessions.open(
            user.id, device, address=address, roles=user.roles, method="password", admit=admit
        )
        return user, tokens

    async def _refusal(self, account: Credentials | None, device: DeviceInfo, address: str, why: str) -> Refusal:
        """The one answer, with an entry in the audit trail that says more."""
        subject = account.user.id if account else ""

        async def work(tx: Transaction) -> None:
            await self._parts.audit.record(
                tx,
                "login.failed",
                actor=ANONYMOUS,
                subject=subject,
                address=address,
                detail={"why": why, "device": device.id},
            )

        self.num_failed += 1
        await self._parts.database.run(work)
        return invalid_credentials()


def invalid_credentials() -> Refusal:
    return Refusal(Kind.UNAUTHORIZED, "invalid_credentials", "the e-mail address or the password is wrong")
