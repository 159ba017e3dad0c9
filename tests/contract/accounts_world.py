"""The accounts service over a real database, with login sessions that only remember what they were told."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from services.accounts.config import AccountsConfig, PasswordHashConfig
from services.accounts.password_hashing import PasswordHashing
from services.accounts.service import Accounts
from services.accounts.user import Role, User
from sessions.audit import Audit, AuditEntry
from sessions.identifiers import new_id
from sessions.login_session import DeviceInfo, LoginSession, Tokens
from sessions.principal import Principal
from sessions.refusal import Kind, Refusal
from storage.database import Query
from tests.support.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from services.accounts.identity import ExternalIdentity
    from services.accounts.session_keeper import Together
    from sessions.login_session import Reason
    from storage.database import Database, Dialect, Row, Storage, Transaction, Value

T = TypeVar("T")

SECRET: Final = b"s" * 32
CHEAP: Final = PasswordHashConfig(memory_kib=8, iterations=1)
CONFIG: Final = AccountsConfig(secret=SECRET, password_hash=CHEAP)

PASSWORD: Final = "correct horse battery staple"
NEW_PASSWORD: Final = "another horse, another battery"
EMAIL: Final = "ann@example.com"
PHONE: Final = DeviceInfo("phone-0123456789abcdef")
LAPTOP: Final = DeviceInfo("laptop-0123456789abcde")
STRANGER: Final = DeviceInfo("stranger-0123456789abc")
HOME: Final = "192.0.2.10"

ISSUER: Final = "https://id.example"


@dataclass
class RecordingSessions:
    """Implements SessionKeeper: real units of work for what accounts do in them, and a list of everything else."""

    database: Database
    opened: list[dict[str, Any]] = field(default_factory=list)
    calls: list[tuple[object, ...]] = field(default_factory=list)
    known: set[tuple[str, str]] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    before_open: Callable[[], Awaitable[object]] | None = None
    refuse_open: Refusal | None = None

    async def open(  # the port's signature
        self,
        user_id: str,
        device: DeviceInfo,
        *,
        address: str,
        roles: frozenset[str],
        method: str,
        issuer: str = "",
        idp_subject: str = "",
        idp_sid: str = "",
        admit: Callable[[Transaction], Awaitable[frozenset[str]]] | None = None,
    ) -> Tokens:
        if self.before_open is not None:
            hook, self.before_open = self.before_open, None
            await hook()

        async def work(tx: Transaction) -> frozenset[str]:
            admitted = await admit(tx) if admit else roles
            if self.refuse_open is not None:
                raise self.refuse_open
            return admitted

        admitted = await self.database.run(work)
        self.known.add((user_id, device.id))
        session = LoginSession(
            id=new_id(),
            user_id=user_id,
            device_id=device.id,
            name=device.name,
            platform=device.platform,
            address=address,
            method=method,
            issuer=issuer,
            idp_subject=idp_subject,
            idp_sid=idp_sid,
            roles=admitted,
            created_ms=0,
            last_seen_ms=0,
            expires_ms=0,
        )
        self.opened.append({"user": user_id, "session": session})
        return Tokens("access", 300, "refresh", session)

    async def has_known_device(self, user_id: str, device_id: str) -> bool:
        self.asked.append(user_id)
        return (user_id, device_id) in self.known

    async def set_roles(self, user_id: str, roles: frozenset[str], *, together: Together | None = None) -> None:
        await self._together(together)
        self.calls.append(("set_roles", user_id, roles))

    async def revoke_others(
        self,
        user_id: str,
        sid: str,
        reason: Reason,
        *,
        actor: str,
        address: str = "",
        together: Together | None = None,
    ) -> int:
        await self._together(together)
        self.calls.append(("revoke_others", user_id, sid, reason, actor, address))
        return 1

    async def revoke_all(
        self, user_id: str, reason: Reason, *, actor: str, address: str = "", together: Together | None = None
    ) -> int:
        await self._together(together)
        self.calls.append(("revoke_all", user_id, reason, actor, address))
        return 1

    async def _together(self, together: Together | None) -> None:
        if together is None:
            return

        async def work(tx: Transaction) -> None:
            await together(tx)

        await self.database.run(work)


@dataclass
class FakeVerifier:
    """Implements IdentityVerifier: tokens are keys of a table."""

    identities: dict[str, ExternalIdentity] = field(default_factory=dict)

    async def verify(self, issuer: str, token: str) -> ExternalIdentity:
        identity = self.identities.get(token)
        if identity is None or identity.issuer != issuer:
            raise Refusal(Kind.UNAUTHORIZED, "invalid_credentials", "the provider's own words")
        return identity


@dataclass
class World:
    """One node: the service, what is around it, and short ways to use it."""

    accounts: Accounts
    database: Database
    sessions: RecordingSessions
    verifier: FakeVerifier
    passwords: PasswordHashing
    clock: FakeClock
    audit: Audit

    async def add(self, email: str = EMAIL, role: Role = Role.CUSTOMER, password: str = PASSWORD) -> User:
        return await self.accounts.create(email, password, "", role)

    async def login(
        self, email: str = EMAIL, password: str = PASSWORD, device: DeviceInfo = PHONE, address: str = HOME
    ) -> tuple[User, Tokens]:
        return await self.accounts.login(email, password, device, address=address)

    async def refused_login(
        self, email: str = EMAIL, password: str = "wrong horse", device: DeviceInfo = PHONE, address: str = HOME
    ) -> Refusal:
        return await refusal_of(self.accounts.login(email, password, device, address=address))

    def principal(self, user: User) -> Principal:
        return Principal(user.id, f"sid-of-{user.id}", PHONE.id, user.roles)

    async def entries(self, subject: str, action: str = "") -> list[AuditEntry]:
        """Oldest first."""
        page = await self.audit.list(subject, "", 200)
        return [entry for entry in reversed(page.entries) if action in ("", entry.action)]

    async def rows(self, table: str) -> list[Row]:
        return await self.database.fetch(Query("test.rows", f"SELECT * FROM {table}"))


class StagedDatabase:
    """Implements Database over another: something may happen before and after each call, which are counted."""

    def __init__(
        self,
        database: Database,
        before: Callable[[int], Awaitable[None]] | None = None,
        after: Callable[[int], Awaitable[None]] | None = None,
    ) -> None:
        self._database = database
        self._before = before
        self._after = after
        self.counters = database.counters
        self.num_reads = 0
        self.num_units = 0

    @property
    def num_waiting(self) -> int:
        return self._database.num_waiting

    @property
    def dialect(self) -> Dialect:
        return self._database.dialect

    async def ping(self) -> None:
        await self._database.ping()

    async def fetch(self, query: Query, *values: Value) -> list[Row]:
        self.num_reads += 1
        return await self._stage(self._database.fetch(query, *values))

    async def fetch_one(self, query: Query, *values: Value) -> Row | None:
        self.num_reads += 1
        return await self._stage(self._database.fetch_one(query, *values))

    async def run(self, work: Callable[[Transaction], Coroutine[Any, Any, T]]) -> T:
        self.num_units += 1
        return await self._stage(self._database.run(work))

    async def _stage(self, call: Coroutine[Any, Any, T]) -> T:
        number = self.num_reads + self.num_units - 1
        try:
            if self._before is not None:
                await self._before(number)
            return await call
        finally:
            call.close()
            if self._after is not None:
                await self._after(number)


async def refusal_of(call: Awaitable[object]) -> Refusal:
    try:
        await call
    except Refusal as refused:
        return refused
    raise AssertionError("not refused")


def answer(refusal: Refusal) -> tuple[object, ...]:
    """All that the client sees of it."""
    return (refusal.kind, refusal.code, refusal.detail, refusal.field, refusal.retry_after_s, dict(refusal.extra))


@asynccontextmanager
async def open_world(storage: Storage, config: AccountsConfig = CONFIG) -> AsyncIterator[World]:
    clock = FakeClock()
    sessions, verifier = RecordingSessions(storage.auth), FakeVerifier()
    audit = Audit(storage.auth, clock)
    with PasswordHashing.running(config) as passwords:
        accounts = Accounts(config, storage.auth, sessions, audit, clock, passwords, verifier)
        yield World(accounts, storage.auth, sessions, verifier, passwords, clock, audit)
