"""Settings as the configuration of what stands on the storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from composition.config import PlatformConfig
    from settings.model import Settings


def platform_config(settings: Settings, data_dir: Path, *, may_migrate: bool = False) -> PlatformConfig | None:
    """What accounts, sessions and documents are told; None where accounts are off."""
    if not settings.accounts.enabled:
        return None
    from composition.config import PlatformConfig
    from settings.outbox_views import outbox_config
    from settings.session_views import accounts_config, identity_provider_configs, sessions_config, storage_config

    return PlatformConfig(
        storage=storage_config(settings, data_dir),
        sessions=sessions_config(settings),
        accounts=accounts_config(settings),
        identity_providers=identity_provider_configs(settings),
        outbox=outbox_config(settings),
        may_migrate=may_migrate,
    )
