"""Accounts: the door to registration, log-in, profile and administration. REST and the command line come in here."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from services.accounts.administration import Administration
from services.accounts.external_log_in import ExternalLogIn
from services.accounts.parts import Parts
from services.accounts.password_hashing import PasswordHashing
from services.accounts.password_log_in import PasswordLogIn
from services.accounts.profile import Profile
from services.accounts.registration import COMMAND_LINE, Registration
from services.accounts.store import UserStore
from services.accounts.sweep import Sweep
from services.accounts.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from hub.clock import Clock
    from services.accounts.config import AccountsConfig
    from services.accounts.identity import IdentityVerifier
    from services.accounts.permissions import Action
    from services.accounts.session_keeper import SessionKeeper
    from services.accounts.user import Role, Status, User, UserPage
    from sessions.audit import Audit
    from sessions.login_session import DeviceInfo, Tokens
    from sessions.principal import Principal
    from storage.database import Database


@asynccontextmanager
async def open_accounts(  # what it is put together from
    config: AccountsConfig,
    database: Database,
    sessions: SessionKeeper,
    audit: Audit,
    clock: Clock,
    verifier: IdentityVerifier | None = None,
) -> AsyncIterator[Accounts]:
    """The service, and the threads that hash for it until this ends.

    Args:
        database: `Storage.auth`.
        verifier: None when no identity provider is configured.
    """
    with PasswordHashing.running(config) as passwords:
        yield Accounts(config, database, sessions, audit, clock, passwords, verifier)


@asynccontextmanager
async def open_registration(
    config: AccountsConfig, database: Database, audit: Audit, clock: Clock
) -> AsyncIterator[Registration]:
    """Only the making of accounts, for the command line: no sessions, no hub."""
    with PasswordHashing.running(config) as passwords:
        throttle = Throttle(database, config.secret, clock)
        yield Registration(database, UserStore(), passwords, throttle, audit, config, clock)


class Accounts:
    """Who may log in, and what they may do; see `open_accounts`.

    All methods raise StorageUnavailable when the database does not answer; nothing is known to be done then.

    Cancellation: a change happens whole or not at all. A log-in that is cancelled while its session is being opened may
    leave a session that nobody has tokens of, as an answer that gets lost does.
    """

    def __init__(  # what it is put together from
        self,
        config: AccountsConfig,
        database: Database,
        sessions: SessionKeeper,
        audit: Audit,
        clock: Clock,
        passwords: PasswordHashing,
        verifier: IdentityVerifier | None = None,
    ) -> None:
        store = UserStore()
        throttle = Throttle(database, config.secret, clock)
        parts = Parts(database, store, sessions, throttle, audit, config.throttle, clock)
        self._throttle = throttle
        self._passwords = passwords
        self._registration = Registration(database, store, passwords, throttle, audit, config, clock)
        self._by_password = PasswordLogIn(parts, passwords)
        self._external = ExternalLogIn(parts, verifier)
        self._profile = Profile(parts, passwords)
        self._sweep = Sweep(throttle, audit, config, clock)
        self._administration = Administration(database, store, sessions, audit, clock)

    def tasks(self) -> list[tuple[str, Coroutine[object, object, None]]]:
        """What the supervisor runs as long as the node lives, by name."""
        return [("accounts.sweep", self._sweep.run())]

    def measures(self) -> dict[str, float]:
        """Counters and gauges, by name."""
        return {
            "password_hashes": self._passwords.num_computed,
            "password_hashes_unfinished": self._passwords.num_unfinished,
            "password_hashes_refused": self._passwords.num_refused,
            "attempts_throttled": self._throttle.num_refused,
            "account_sweeps_failed": self._sweep.num_failed,
            "logins_failed": self._by_password.num_failed + self._external.num_failed,
        }

    async def register(self, email: str, password: str, name: str, *, address: str) -> None:
        """Make an account with the role CUSTOMER. An address that is taken is no error: nothing tells that it is.

        Raises:
            Refusal: INVALID (`email`, `password`, `name`); FORBIDDEN when registration is switched off; LIMITED.
        """
        await self._registration.register(email, password, name, address=address)

    async def create(self, email: str, password: str, name: str, role: Role, *, actor: str = COMMAND_LINE) -> User:
        """Make an account with any role. For who runs the server: it tells whether the address is taken.

        Raises:
            Refusal: INVALID (`email`, `password`, `name`); CONFLICT `email_taken`.
        """
        return await self._registration.create(email, password, name, role, actor=actor)

    async def login(self, email: str, password: str, device: DeviceInfo, *, address: str) -> tuple[User, Tokens]:
        """Log in.

        Args:
            address: the client's, as text; throttling counts by its network.

        Raises:
            Refusal: UNAUTHORIZED `invalid_credentials`, whatever the reason; INVALID (`email`, `password`) for what
                nobody could have; LIMITED `too_many_attempts` with the time, or `too_many_requests` when too many
                passwords are being checked; CONFLICT `session_limit`.
        """
        return await self._by_password.log_in(email, password, device, address=address)

    async def login_external(self, issuer: str, token: str, device: DeviceInfo, *, address: str) -> tuple[User, Tokens]:
        """Log in with an identity provider's ID token.

        Raises:
            Refusal: UNAUTHORIZED `invalid_credentials`, whatever the reason; LIMITED; CONFLICT `session_limit`.
            hub.tokens.claims.KeysUnavailable: the provider's keys cannot be had.
        """
        return await self._external.log_in(issuer, token, device, address=address)

    async def user(self, user_id: str) -> User:
        """The account, for its own user or for the server itself. For others: `read_user`.

        Raises:
            Refusal: NOT_FOUND
        """
        return await self._profile.user(user_id)

    async def rename(self, user_id: str, name: str) -> User:
        """Give a user another name.

        Raises:
            Refusal: INVALID (`name`); NOT_FOUND
        """
        return await self._profile.rename(user_id, name)

    async def change_password(self, principal: Principal, current: str, new: str, *, address: str) -> None:
        """Change the principal's own password; its other sessions end (`password_changed`), this one goes on.

        Raises:
            Refusal: UNAUTHORIZED `invalid_credentials`: not the current one, or the account has none; LIMITED; INVALID
                (`current_password`, `new_password`).
        """
        await self._profile.change_password(principal, current, new, address=address)

    async def authorise(self, principal: Principal, action: Action, owner: str = "") -> None:
        """Whether the principal may do this now, by its role in the database: for what is done to others' things.

        Raises:
            Refusal: FORBIDDEN
        """
        await self._administration.authorise(principal, action, owner)

    async def read_user(self, principal: Principal, user_id: str, *, address: str = "") -> User:
        """Another user's account; the audit trail tells who has looked.

        Raises:
            Refusal: FORBIDDEN; NOT_FOUND
        """
        return await self._administration.read(principal, user_id, address=address)

    async def list_users(self, principal: Principal, cursor: str, limit: int, *, address: str = "") -> UserPage:
        """A page of all users, oldest first.

        Args:
            cursor: `next_cursor` of the page before, "" to begin.
            limit: at most 200.

        Raises:
            Refusal: FORBIDDEN
        """
        return await self._administration.list(principal, cursor, limit, address=address)

    async def change_user(
        self,
        principal: Principal,
        user_id: str,
        *,
        role: Role | None = None,
        status: Status | None = None,
        address: str = "",
    ) -> User:
        """Give a user another role, another status, or both at once.

        A new role makes the user's live devices fetch new tokens, `disabled` ends all of its sessions; in the same unit
        of work. Repeating it does nothing.

        Raises:
            Refusal: FORBIDDEN; NOT_FOUND; INVALID when neither is given; CONFLICT `last_administrator`.
        """
        return await self._administration.change(principal, user_id, role, status, address=address)

    async def set_role(self, principal: Principal, user_id: str, role: Role, *, address: str = "") -> User:
        """See `change_user`."""
        return await self.change_user(principal, user_id, role=role, address=address)

    async def set_status(self, principal: Principal, user_id: str, status: Status, *, address: str = "") -> User:
        """See `change_user`."""
        return await self.change_user(principal, user_id, status=status, address=address)
