"""What users do to their own accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.accounts import password_policy
from services.accounts.password_log_in import invalid_credentials
from services.accounts.permissions import Action, require
from services.accounts.throttle import Attempt
from services.accounts.user import Credentials, User, clean_name
from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.accounts.parts import Parts
    from services.accounts.password_hashing import PasswordHashing
    from sessions.principal import Principal
    from storage.database import Transaction


class Profile:
    """A user's own name and password."""

    def __init__(self, parts: Parts, passwords: PasswordHashing) -> None:
        self._parts = parts
        self._passwords = passwords

    async def user(self, user_id: str) -> User:
        """See `Accounts.user`."""
        return _found(await self._parts.store.by_id(self._parts.database, user_id)).user

    async def rename(self, user_id: str, name: str) -> User:
        """See `Accounts.rename`."""
        cleaned = clean_name(name)

        async def work(tx: Transaction) -> User:
            _found(await self._parts.store.lock(tx, user_id))
            await self._parts.store.set_name(tx, user_id, cleaned, self._now_ms())
            await self._parts.audit.record(tx, "user.renamed", actor=user_id, subject=user_id)
            return _found(await self._parts.store.by_id(tx, user_id)).user

        return await self._parts.database.run(work)

    async def change_password(self, principal: Principal, current: str, new: str, *, address: str) -> None:
        """See `Accounts.change_password`."""
        require(principal, Action.PASSWORD_CHANGE, principal.user)
        password_policy.check_length(current, "current_password")
        account = _found(await self._parts.store.by_id(self._parts.database, principal.user))
        password_policy.check(new, email=account.user.email, name=account.user.name, field="new_password")
        attempts = (Attempt("password.change", principal.user, self._parts.limits.password_change),)
        async with self._parts.throttle.counting(attempts):
            if not await self._passwords.verify(account.password_hash, current):
                raise await self._refusal(principal, address)
            await self._replace(principal, account, await self._passwords.hash(new), attempts, address)

    async def _replace(
        self, principal: Principal, account: Credentials, new_hash: str, attempts: Sequence[Attempt], address: str
    ) -> None:

        async def replace(tx: Transaction) -> None:
            # Whoever else has just changed it with the same knowledge was first: its word counts, and not this one.
            if not await self._parts.store.replace_password(tx, account, new_hash, self._now_ms()):
                raise invalid_credentials()
            await self._parts.throttle.give_back(tx, attempts)
            await self._record(tx, "password.changed", principal, address)

        await self._parts.sessions.revoke_others(
            principal.user,
            principal.sid,
            "password_changed",
            actor=principal.user,
            address=address,
            together=replace,
        )

    async def _refusal(self, principal: Principal, address: str) -> Refusal:
        await self._parts.database.run(lambda tx: self._record(tx, "password.change_failed", principal, address))
        return invalid_credentials()

    async def _record(self, tx: Transaction, action: str, principal: Principal, address: str) -> None:
        await self._parts.audit.record(
            tx, action, actor=principal.user, subject=principal.user, session=principal.sid, address=address
        )

    def _now_ms(self) -> int:
        return int(self._parts.clock.now_s() * 1000)


def _found(account: Credentials | None) -> Credentials:
    if account is None:
        raise Refusal(Kind.NOT_FOUND, "not_found", "no such user")
    return account
