"""What administrators do to others' accounts. Not: set a password, read state, log in as somebody."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from services.accounts.permissions import Action, require
from services.accounts.user import Role, Status, User, UserPage
from sessions.principal import Principal
from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.clock import Clock
    from services.accounts.session_keeper import SessionKeeper
    from services.accounts.store import UserStore
    from sessions.audit import Audit
    from storage.database import Database, Transaction

MAX_PAGE: Final = 200


class Administration:
    """Roles and status of users. Who asks must be an administrator now, not only when its token was made."""

    def __init__(
        self, database: Database, store: UserStore, sessions: SessionKeeper, audit: Audit, clock: Clock
    ) -> None:
        self._database = database
        self._store = store
        self._sessions = sessions
        self._audit = audit
        self._clock = clock

    async def authorise(self, principal: Principal, action: Action, owner: str = "") -> None:
        """See `Accounts.authorise`."""
        require(principal, action, owner)
        account = await self._store.by_id(self._database, principal.user)
        _require_now(principal, account.user if account else None, action, owner)

    async def read(self, principal: Principal, user_id: str, *, address: str) -> User:
        """See `Accounts.read_user`."""
        require(principal, Action.USER_READ, user_id)

        async def work(tx: Transaction) -> User:
            await self._require_now(tx, principal, Action.USER_READ, user_id)
            user = _found(await self._user(tx, user_id))
            await self._record(tx, "user.read", principal, user_id, address)
            return user

        return await self._database.run(work)

    async def list(self, principal: Principal, cursor: str, limit: int, *, address: str) -> UserPage:
        """See `Accounts.list_users`."""
        require(principal, Action.USER_LIST)
        size = max(1, min(limit, MAX_PAGE))

        async def work(tx: Transaction) -> Sequence[User]:
            await self._require_now(tx, principal, Action.USER_LIST, "")
            await self._record(tx, "user.listed", principal, "", address)
            return await self._store.page(tx, cursor, size + 1)

        users = await self._database.run(work)
        return UserPage(tuple(users[:size]), users[size - 1].id if len(users) > size else "")

    async def change(
        self, principal: Principal, user_id: str, role: Role | None, status: Status | None, *, address: str
    ) -> User:
        """See `Accounts.change_user`."""
        actions, changed = _actions(role, status), None
        for action in actions:
            require(principal, action, user_id)

        async def work(tx: Transaction) -> None:
            nonlocal changed
            admins = await self._store.lock_active_admins(tx)
            for action in actions:
                await self._require_now(tx, principal, action, user_id)
            before = await self._store.lock(tx, user_id)
            old = _found(before.user if before else None)
            after = replace(old, role=role or old.role, status=status or old.status)
            if user_id in admins and not _is_active_admin(after) and admins == {user_id}:
                raise Refusal(Kind.CONFLICT, "last_administrator", "somebody has to be an administrator")
            await self._store.set_rights(tx, after, int(self._clock.now_s() * 1000))
            await self._record_change(tx, principal, old, after, address)
            changed = after

        if status is Status.DISABLED:  # whatever the role: no session is left to have it
            await self._sessions.revoke_all(user_id, "disabled", actor=principal.user, address=address, together=work)
        elif role is not None:
            await self._sessions.set_roles(user_id, frozenset({role.value}), together=work)
        else:
            await self._database.run(work)
        return _found(changed)

    async def _require_now(self, tx: Transaction, principal: Principal, action: Action, owner: str) -> None:
        _require_now(principal, await self._user(tx, principal.user), action, owner)

    async def _user(self, tx: Transaction, user_id: str) -> User | None:
        account = await self._store.by_id(tx, user_id)
        return account.user if account else None

    async def _record_change(
        self, tx: Transaction, principal: Principal, before: User, after: User, address: str
    ) -> None:
        for action, old, new in (
            ("user.role_changed", before.role, after.role),
            ("user.status_changed", before.status, after.status),
        ):
            if old != new:
                detail = {"from": old.value, "to": new.value}
                await self._record(tx, action, principal, after.id, address, detail)

    async def _record(  # an entry's parts
        self,
        tx: Transaction,
        action: str,
        principal: Principal,
        subject: str,
        address: str,
        detail: dict[str, str] | None = None,
    ) -> None:
        await self._audit.record(
            tx,
            action,
            actor=principal.user,
            subject=subject,
            session=principal.sid,
            address=address,
            detail=detail or {},
        )


def _actions(role: Role | None, status: Status | None) -> tuple[Action, ...]:
    wanted = ((role, Action.USER_SET_ROLE), (status, Action.USER_SET_STATUS))
    actions = tuple(action for value, action in wanted if value is not None)
    if not actions:
        raise Refusal(Kind.INVALID, "invalid_field", "a role or a status", field="role")
    return actions


def _require_now(principal: Principal, user: User | None, action: Action, owner: str) -> None:
    """Decide by the role in the database: a token tells what it was up to five minutes ago."""
    roles = user.roles if user and user.is_active else frozenset[str]()
    require(replace(principal, roles=roles), action, owner)


def _is_active_admin(user: User) -> bool:
    return user.role is Role.ADMIN and user.is_active


def _found(user: User | None) -> User:
    if user is None:
        raise Refusal(Kind.NOT_FOUND, "not_found", "no such user")
    return user
