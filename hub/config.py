"""What the hub can be told: frozen values that `settings` fills from files, environment and flags.

Defaults are Centrifugo's where it has the option. Durations are seconds, sizes are bytes; 0 means "no limit" for
limits and "off" for features.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelOptions:
    """Options of one namespace, or of channels without a namespace (docs/protocol.md section 6.5)."""

    presence: bool = False
    join_leave: bool = False
    force_push_join_leave: bool = False
    force_positioning: bool = False
    allow_positioning: bool = False
    force_recovery: bool = False
    allow_recovery: bool = False
    force_recovery_mode: Literal["", "stream", "cache"] = ""
    auto_cache_recover: bool = False
    history_size: int = 0
    history_ttl_s: float = 0
    history_meta_ttl_s: float = 0
    allow_subscribe_for_client: bool = False
    allow_subscribe_for_anonymous: bool = False
    allow_publish_for_client: bool = False
    allow_publish_for_subscriber: bool = False
    allow_publish_for_anonymous: bool = False
    allow_presence_for_client: bool = False
    allow_presence_for_subscriber: bool = False
    allow_presence_for_anonymous: bool = False
    allow_history_for_client: bool = False
    allow_history_for_subscriber: bool = False
    allow_history_for_anonymous: bool = False
    allow_user_limited_channels: bool = False
    channel_regex: str = ""
    publication_data_format: Literal["", "json", "json_object"] = ""

    @property
    def has_history(self) -> bool:
        return self.history_size > 0 and self.history_ttl_s > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelConfig:
    """Channel names and the options behind them."""

    without_namespace: ChannelOptions = field(default_factory=ChannelOptions)
    namespaces: dict[str, ChannelOptions] = field(default_factory=dict)
    max_length_bytes: int = 255
    history_meta_ttl_s: float = 720 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenConfig:
    """Keys and claims that make a token ours. Several keys may be active; a `kid` header picks among JWKS keys.

    `hmac_secrets` pairs a secret with the wall-clock second until which it is accepted (0: for ever).
    """

    hmac_secrets: tuple[tuple[str, float], ...] = field(default=(), repr=False)
    rsa_public_key: str = ""
    ecdsa_public_key: str = ""
    eddsa_public_key: str = ""
    jwks_public_endpoint: str = ""
    jwks_refresh_interval_s: float = 3600
    audience: str = ""
    audience_regex: str = ""
    issuer: str = ""
    issuer_regex: str = ""
    user_id_claim: str = "sub"
    leeway_s: float = 0
    cache_size: int = 10_000

    @property
    def is_configured(self) -> bool:
        """Whether any key could verify a token."""
        return bool(
            self.hmac_secrets
            or self.rsa_public_key
            or self.ecdsa_public_key
            or self.eddsa_public_key
            or self.jwks_public_endpoint
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalChannelConfig:
    """A server-side subscription to `#<user>` (or `<namespace>:#<user>`) for every connection with a user."""

    enabled: bool = False
    personal_channel_namespace: str = ""
    single_connection: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """How connections are admitted, kept alive and bounded."""

    insecure: bool = False
    allow_anonymous_connect_without_token: bool = False
    disallow_anonymous_connection_tokens: bool = False
    token: TokenConfig = field(default_factory=TokenConfig)
    subscription_token: TokenConfig | None = None
    subscribe_to_user_personal_channel: PersonalChannelConfig = field(default_factory=PersonalChannelConfig)
    connect_include_server_time: bool = False
    ping_interval_s: float = 25
    pong_timeout_s: float = 8
    presence_update_interval_s: float = 27
    presence_ttl_s: float = 60
    stale_close_delay_s: float = 10
    expired_close_delay_s: float = 25
    expired_sub_close_delay_s: float = 25
    channel_position_check_delay_s: float = 5
    channel_limit: int = 128
    user_connection_limit: int = 0
    queue_max_size_bytes: int = 1 << 20
    write_timeout_s: float = 3
    history_max_publication_limit: int = 300
    recovery_max_publication_limit: int = 300
    command_rate_limit_per_s: float = 200
    command_rate_burst: int = 400
    rpc_timeout_s: float = 5
    rpc_ping_enabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HubConfig:
    """Everything the hub is told.

    Attributes:
        lapse_after_s: a node that did not run for so long may count as gone for the others, which have gone on without
            it; 0 where there are no others.
    """

    client: ClientConfig = field(default_factory=ClientConfig)
    channel: ChannelConfig = field(default_factory=ChannelConfig)
    node_name: str = ""
    version: str = "0.1.0"
    idempotent_result_ttl_s: float = 300
    lapse_after_s: float = 0
