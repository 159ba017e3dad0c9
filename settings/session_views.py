"""The views of accounts, sessions, state and their database; see `settings.views`."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from services.accounts.config import AccountsConfig, Allowance, PasswordHashConfig, ThrottleConfig
from services.identity.config import EventTransmitterConfig, IdentityProviderConfig
from sessions.config import SessionsConfig, StateConfig, TokenIssueConfig
from storage.config import StorageConfig

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr

    from settings.accounts_model import (
        AccountsSettings,
        AllowanceSettings,
        EventsSettings,
        IdentityProviderSettings,
        StateSettings,
        ThrottleSettings,
    )
    from settings.model import Settings

DATABASE_NAME = "syncline.db"


def storage_config(settings: Settings, data_dir: Path) -> StorageConfig:
    database = settings.database
    return StorageConfig(
        url=database.url.get_secret_value(),
        sqlite_path=data_dir / DATABASE_NAME,
        auth_connections=database.auth_connections,
        business_connections=database.business_connections,
        relay_connections=database.relay_connections,
        statement_cache_size=database.statement_cache_size,
        max_waiting=database.max_waiting,
        acquire_deadline_s=database.acquire_timeout,
        command_deadline_s=database.command_timeout,
        unit_deadline_s=database.unit_timeout,
        start_deadline_s=database.start_timeout,
    )


def sessions_config(settings: Settings) -> SessionsConfig:
    sessions = settings.sessions
    return SessionsConfig(
        secret=_derived(settings.accounts.secret_key, "sessions"),
        previous_secret=_derived(settings.accounts.previous_secret_key, "sessions"),
        tokens=_token_issue_config(settings.accounts),
        state=_state_config(settings.state),
        max_per_user=sessions.max_per_user,
        limit_policy=sessions.limit_policy,
        device_offline_grace_s=sessions.device_offline_grace,
        last_seen_interval_s=sessions.last_seen_interval,
        ended_retention_s=sessions.ended_retention,
        revocation_poll_interval_s=sessions.revocation_poll_interval,
        sweep_interval_s=sessions.sweep_interval,
    )


def accounts_config(settings: Settings) -> AccountsConfig:
    accounts = settings.accounts
    password = accounts.password
    previous = accounts.previous_secret_key
    return AccountsConfig(
        secret=_derived(accounts.secret_key, "accounts"),
        previous_secrets=(_derived(previous, "accounts"),) if previous.get_secret_value() else (),
        registration_enabled=accounts.registration_enabled,
        password_hash=PasswordHashConfig(
            memory_kib=password.memory_kib,
            iterations=password.iterations,
            parallelism=password.parallelism,
            workers=password.workers,
            max_waiting=password.max_waiting,
        ),
        throttle=_throttle_config(accounts.throttle),
        throttle_sweep_interval_s=accounts.throttle.sweep_interval,
        failed_attempt_retention_s=accounts.failed_attempt_retention,
    )


def identity_provider_configs(settings: Settings) -> tuple[IdentityProviderConfig, ...]:
    return tuple(map(_identity_provider_config, settings.identity_providers))


def _token_issue_config(accounts: AccountsSettings) -> TokenIssueConfig:
    return TokenIssueConfig(
        issuer=accounts.issuer,
        audience=accounts.audience,
        algorithm=accounts.algorithm,
        access_token_ttl_s=accounts.access_token_ttl,
        leeway_s=accounts.token_leeway,
        cache_size=accounts.token_cache_size,
        key_propagation_s=accounts.key_propagation,
        key_reload_interval_s=accounts.key_reload_interval,
        refresh_idle_ttl_s=accounts.refresh_idle_ttl,
        refresh_absolute_ttl_s=accounts.refresh_absolute_ttl,
        refresh_grace_s=accounts.refresh_grace,
    )


def _state_config(state: StateSettings) -> StateConfig:
    return StateConfig(
        max_document_bytes=state.max_document_size,
        max_depth=state.max_depth,
        max_documents=state.max_documents,
        max_user_bytes=state.max_user_size,
        max_patch_operations=state.max_patch_operations,
        mutation_memory_s=state.mutation_memory,
        changes_kept=state.changes_kept,
        log_quota_bytes=state.log_quota,
        tombstone_ttl_s=state.tombstone_ttl,
        mutation_rate_per_s=state.mutation_rate_limit,
        mutation_burst=state.mutation_rate_burst,
        max_waiting=state.max_waiting,
        max_group=state.max_group,
    )


def _throttle_config(throttle: ThrottleSettings) -> ThrottleConfig:
    return ThrottleConfig(
        login_account=_allowance(throttle.login_account),
        login_device=_allowance(throttle.login_device),
        login_address=_allowance(throttle.login_address),
        register_address=_allowance(throttle.register_address),
        password_change=_allowance(throttle.password_change),
    )


def _allowance(allowance: AllowanceSettings) -> Allowance:
    return Allowance(burst=allowance.burst, interval_s=allowance.interval)


def _identity_provider_config(provider: IdentityProviderSettings) -> IdentityProviderConfig:
    return IdentityProviderConfig(
        name=provider.name,
        issuer=provider.issuer,
        jwks_url=provider.jwks_url,
        client_ids=provider.client_ids,
        algorithms=provider.algorithms,
        jwks_refresh_interval_s=provider.jwks_refresh_interval,
        leeway_s=provider.leeway,
        links_by_email=provider.links_by_email,
        creates_users=provider.creates_users,
        requires_logout_type=provider.requires_logout_type,
        events=_event_transmitter_config(provider.events),
    )


def _event_transmitter_config(events: EventsSettings) -> EventTransmitterConfig:
    return EventTransmitterConfig(
        bearer_tokens=tuple(token.get_secret_value() for token in events.bearer_tokens),
        issuer=events.issuer,
        jwks_url=events.jwks_url,
        audiences=events.audiences,
    )


def _derived(secret: SecretStr, purpose: str) -> bytes:
    """A key of its own for each package that gets one: what one of them gives away says nothing about the other's."""
    text = secret.get_secret_value()
    return hmac.digest(text.encode(), f"syncline {purpose}".encode(), hashlib.sha256) if text else b""
