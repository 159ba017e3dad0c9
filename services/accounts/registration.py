"""How accounts with a password come to be. Needs no sessions, for the command line makes administrators with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.accounts import email_address, password_policy
from services.accounts.password_log_in import ANONYMOUS
from services.accounts.throttle import Attempt, network_of
from services.accounts.user import Role, Status, User, clean_name
from sessions.identifiers import new_id
from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from hub.clock import Clock
    from services.accounts.config import AccountsConfig
    from services.accounts.password_hashing import PasswordHashing
    from services.accounts.store import UserStore
    from services.accounts.throttle import Throttle
    from sessions.audit import Audit
    from storage.database import Database, Transaction

COMMAND_LINE: Final = "command_line"


class Registration:
    """Makes accounts: for anybody who asks, and for whoever runs the server."""

    def __init__(  # what it is put together from
        self,
        database: Database,
        store: UserStore,
        passwords: PasswordHashing,
        throttle: Throttle,
        audit: Audit,
        config: AccountsConfig,
        clock: Clock,
    ) -> None:
        password_policy.prepare()
        self._database = database
        self._store = store
        self._passwords = passwords
        self._throttle = throttle
        self._audit = audit
        self._config = config
        self._clock = clock

    async def register(self, email: str, password: str, name: str, *, address: str) -> None:
        """See `Accounts.register`."""
        if not self._config.registration_enabled:
            raise Refusal(Kind.FORBIDDEN, "forbidden", "registration is switched off")
        wanted = self._wanted(email, password, name, Role.CUSTOMER)
        limits = self._config.throttle
        attempts = [Attempt("register.address", network_of(address), limits.register_address)]
        async with self._throttle.counting(attempts):
            await self._add(wanted, await self._passwords.hash(password), actor=ANONYMOUS, address=address)

    async def create(self, email: str, password: str, name: str, role: Role, *, actor: str = COMMAND_LINE) -> User:
        """See `Accounts.create`."""
        wanted = self._wanted(email, password, name, role)
        if not await self._add(wanted, await self._passwords.hash(password), actor=actor, address=""):
            raise Refusal(Kind.CONFLICT, "email_taken", "an account with this e-mail address exists", field="email")
        return wanted

    def _wanted(self, email: str, password: str, name: str, role: Role) -> User:
        folded, cleaned = email_address.fold(email), clean_name(name)
        password_policy.check(password, email=folded, name=cleaned, field="password")
        return User(new_id(), folded, cleaned, role, Status.ACTIVE, int(self._clock.now_s() * 1000))

    async def _add(self, user: User, password_hash: str, *, actor: str, address: str) -> bool:
        """Whether the account was made. Either way it is one write and one audit entry, about who has the address."""

        async def work(tx: Transaction) -> bool:
            is_added = await self._store.add(tx, user, password_hash)
            holder = await self._store.by_email(tx, user.email)
            await self._audit.record(
                tx,
                "user.registered" if is_added else "user.registration_repeated",
                actor=actor,
                subject=holder.user.id if holder else "",
                address=address,
                detail={"role": user.role.value},
            )
            return is_added

        return await self._database.run(work)
