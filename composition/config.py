"""Everything a node is told, as the parts take it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hub.relay.consumer_config import RelayConfig
from hub.relay.sinks.config import OutboxConfig
from observability.config import ObservabilityConfig

if TYPE_CHECKING:
    from pathlib import Path

    from api.config import EdgeConfig
    from composition.worker_metrics import WorkerPlace
    from hub.config import HubConfig
    from hub.engines.redis.config import RedisConfig
    from services.accounts.config import AccountsConfig
    from services.identity.config import IdentityProviderConfig
    from services.operations.views import SettingView
    from sessions.config import SessionsConfig
    from storage.config import StorageConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformConfig:
    """Accounts, sessions, documents, and where they are kept.

    Attributes:
        outbox: how events leave, and who else gets them.
        may_migrate: bring the schema up to date at the start.
    """

    storage: StorageConfig
    sessions: SessionsConfig
    accounts: AccountsConfig
    identity_providers: tuple[IdentityProviderConfig, ...] = ()
    outbox: OutboxConfig = field(default_factory=OutboxConfig)
    may_migrate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAccount:
    """An account that a development node makes at its start, unless it is there: somebody has to see the console."""

    email: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """One node.

    Attributes:
        redis: where several nodes meet; None keeps everything in the process.
        relay: what is consumed from brokers, and taken over HTTP.
        platform: None without accounts.
        observability: what operators see.
        settings: all of them as they are in force, for operators to read.
        operator: None but in development.
        worker: which of several processes it is; None when it is alone.
        data_dir: where what outlives the process is kept; None keeps nothing.
    """

    hub: HubConfig
    edge: EdgeConfig
    redis: RedisConfig | None = None
    relay: RelayConfig = field(default_factory=RelayConfig)
    platform: PlatformConfig | None = None
    observability: ObservabilityConfig = field(default_factory=ObservabilityConfig)
    settings: tuple[SettingView, ...] = field(default=(), repr=False)
    operator: OperatorAccount | None = None
    worker: WorkerPlace | None = None
    data_dir: Path | None = None
