"""Everything a node is told, as the parts take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from api.config import EdgeConfig
    from hub.config import HubConfig
    from services.accounts.config import AccountsConfig
    from services.identity.config import IdentityProviderConfig
    from sessions.config import SessionsConfig
    from storage.config import StorageConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformConfig:
    """Accounts, sessions, documents, and where they are kept.

    Attributes:
        may_migrate: bring the schema up to date at the start.
    """

    storage: StorageConfig
    sessions: SessionsConfig
    accounts: AccountsConfig
    identity_providers: tuple[IdentityProviderConfig, ...] = ()
    may_migrate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """One node.

    Attributes:
        platform: None without accounts.
        data_dir: where what outlives the process is kept; None keeps nothing.
    """

    hub: HubConfig
    edge: EdgeConfig
    platform: PlatformConfig | None = None
    data_dir: Path | None = None
