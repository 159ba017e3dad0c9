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

    from hub.clock import Clock
    from services.accounts.config import ThrottleConfig
    from services.accounts.password_hashing import PasswordHashing
    from services.accounts.session_keeper import SessionKeeper
    from services.accounts.store import UserStore
    from services.accounts.throttle import Throttle
    from services.accounts.user import Credentials, User
    from sessions.audit import Audit
    from sessions.login_session import DeviceInfo, Tokens
    from storage.database import Database, Transaction

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

    def __init__(  # noqa: PLR0913, PLR0917  # what it is put together from
        self,
        database: Database,
        store: UserStore,
        sessions: SessionKeeper,
        passwords: PasswordHashing,
        throttle: Throttle,
        audit: Audit,
        limits: ThrottleConfig,
        clock: Clock,
    ) -> None:
        self._database = database
        self._store = store
        self._sessions = sessions
        self._passwords = passwords
        self._throttle = throttle
        self._audit = audit
        self._limits = limits
        self._clock = clock
        self.num_failed = 0

    async def log_in(self, email: str, password: str, device: DeviceInfo, *, address: str) -> tuple[User, Tokens]:
        """See `Accounts.login`."""
        folded = email_address.fold(email)
        password_policy.check_length(password, "password")
        account = await self._store.by_email(self._database, folded)
        attempts = await self._attempts(account, folded, device, address)
        async with self._throttle.counting(attempts):
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
                account = await self._store.by_id(self._database, account.user.id)
        raise await self._refusal(account, device, address, "changed meanwhile")

    async def _attempts(
        self, account: Credentials | None, folded: str, device: DeviceInfo, address: str
    ) -> Sequence[Attempt]:
        """A device that was logged in before has a bucket of its own, so that strangers cannot lock its owner out."""
        limits = self._limits
        user_id = account.user.id if account else NOBODY
        if await self._sessions.has_known_device(user_id, device.id) and account:
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
        now_ms = int(self._clock.now_s() * 1000)
        if await self._database.run(lambda tx: self._store.replace_password(tx, account, new_hash, now_ms)):
            return type(account)(account.user, new_hash)
        return account

    async def _open(
        self, account: Credentials, device: DeviceInfo, address: str, attempts: Sequence[Attempt]
    ) -> tuple[User, Tokens]:
        user = account.user

        async def admit(tx: Transaction) -> frozenset[str]:
            """In the unit of work that opens the session: a password change or a ban is before it or after it."""
            nonlocal user
            held = await self._store.hold(tx, user.id)
            if held is None or held.password_hash != account.password_hash or not held.user.is_active:
                raise _Changed
            await self._throttle.give_back(tx, attempts)
            user = held.user
            return user.roles

        tokens = await self._sessions.open(
            user.id, device, address=address, roles=user.roles, method="password", admit=admit
        )
        return user, tokens

    async def _refusal(self, account: Credentials | None, device: DeviceInfo, address: str, why: str) -> Refusal:
        """The one answer, with an entry in the audit trail that says more."""
        subject = account.user.id if account else ""

        async def work(tx: Transaction) -> None:
            await self._audit.record(
                tx,
                "login.failed",
                actor=ANONYMOUS,
                subject=subject,
                address=address,
                detail={"why": why, "device": device.id},
            )

        self.num_failed += 1
        await self._database.run(work)
        return invalid_credentials()


def invalid_credentials() -> Refusal:
    return Refusal(Kind.UNAUTHORIZED, "invalid_credentials", "the e-mail address or the password is wrong")
