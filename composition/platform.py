"""Accounts, sessions, documents and the storage under them, put together on a hub."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from composition.measures import StorageMeasures, add_gauges, add_histograms
from composition.outbox import OutboxParts, open_outbox
from composition.outbox_watch import OutboxWatch
from composition.storage_watch import StorageWatch
from composition.traced_storage import trace_storage
from services.accounts.service import open_accounts
from services.identity.backchannel_logout import BackchannelLogout
from services.identity.id_token import IdTokenVerifier
from services.identity.linked_identities import LinkedIdentities
from services.identity.providers import IdentityProviders
from services.identity.security_events import SecurityEvents
from services.identity.seen_tokens import SeenTokens
from sessions.audit import Audit
from sessions.login_sessions import LoginSessions
from sessions.rpc import register as register_rpc
from sessions.secret_mark import AnotherSecret, require_same_secret
from sessions.signing_keys import SigningKeys
from sessions.state.documents import open_state
from storage.database import CannotOpen
from storage.migration import prepare_schema
from storage.opening import is_embedded, open_storage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from composition.config import PlatformConfig
    from hub.clock import Clock
    from hub.hub import Hub
    from hub.tokens.jwks import Fetch
    from services.accounts.service import Accounts
    from sessions.state.documents import StateDocuments
    from storage.database import Storage

    Tasks = list[tuple[str, Coroutine[object, object, None]]]


@asynccontextmanager
async def open_prepared_storage(config: PlatformConfig) -> AsyncIterator[Storage]:
    """The storage with the schema that this program needs.

    Raises:
        CannotOpen: with what the operator can do about it.
        StorageUnavailable
    """
    async with open_storage(config.storage) as storage:
        may_migrate = config.may_migrate or is_embedded(config.storage)
        await prepare_schema(storage.auth, config.storage, may_migrate=may_migrate)
        try:
            await require_same_secret(storage.auth, config.sessions.secret, config.sessions.previous_secret)
        except AnotherSecret as exc:
            raise CannotOpen(str(exc)) from exc
        yield storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What a node has beyond its hub."""

    outbox: OutboxParts
    keys: SigningKeys
    sessions: LoginSessions
    accounts: Accounts
    documents: StateDocuments
    audit: Audit
    logout: BackchannelLogout
    events: SecurityEvents
    watch: StorageWatch
    outbox_watch: OutboxWatch

    @property
    def num_unpublished(self) -> float:
        """Events and writes that are still on their way."""
        return self.outbox.num_unpublished + self.documents.measures()["state_waiting"]

    def tasks(self) -> Tasks:
        """The work that must go on as long as the node lives, by name."""
        return [
            *self.outbox.tasks(),
            *self.sessions.tasks(),
            *self.accounts.tasks(),
            *self.documents.tasks(),
            ("storage_watch", self.watch.run()),
            ("outbox_watch", self.outbox_watch.run()),
        ]


@asynccontextmanager
async def open_platform(config: PlatformConfig, hub: Hub, clock: Clock, fetch: Fetch) -> AsyncIterator[Platform]:
    """Everything that stands on the storage, ready to serve; the hub knows its authority and its methods then.

    Raises:
        CannotOpen, StorageUnavailable
    """
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(open_prepared_storage(config))
        if hub.tracer is not None:
            storage = trace_storage(storage, hub.tracer)
        leaving = await stack.enter_async_context(open_outbox(config.outbox, storage, hub, clock))
        outbox = leaving.outbox
        audit = Audit(storage.auth, clock)
        keys = SigningKeys(storage.auth, config.sessions, clock)
        sessions = LoginSessions(config.sessions, storage, hub, outbox, audit, keys, clock)
        await sessions.prepare()
        hub.authority = sessions.authority
        documents = await open_state(storage.business, outbox, clock, config.sessions.state)
        register_rpc(hub.rpc, sessions, documents)
        providers = IdentityProviders(config.identity_providers, clock, fetch)
        verifier = IdTokenVerifier(providers, clock)
        accounts = await stack.enter_async_context(
            open_accounts(config.accounts, storage.auth, sessions, audit, clock, verifier)
        )
        platform = Platform(
            outbox=leaving,
            keys=keys,
            sessions=sessions,
            accounts=accounts,
            documents=documents,
            audit=audit,
            logout=BackchannelLogout(providers, sessions, SeenTokens(storage.auth, clock, "logout"), clock),
            events=SecurityEvents(
                providers, sessions, LinkedIdentities(storage.auth), SeenTokens(storage.auth, clock, "event"), clock
            ),
            watch=StorageWatch(storage, clock),
            outbox_watch=OutboxWatch(storage.relay, clock),
        )
        counting = (documents, accounts, verifier, platform.logout, platform.events, storage.notifications)
        measures = StorageMeasures(storage)
        add_gauges(hub, (*leaving.measured(), *counting, measures, platform.outbox_watch))
        add_histograms(hub, {"storage_unit_s": measures.unit_s})
        yield platform
