"""Settings as the frozen values that other packages take: units in their names, secrets out of their wrapping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.config import (
    ConsoleConfig,
    DrainConfig,
    EdgeConfig,
    EventsConfig,
    HealthConfig,
    ListenConfig,
    MetricsConfig,
    RestConfig,
    ServerAPIConfig,
    WebSocketConfig,
)
from hub.config import ChannelConfig, ChannelOptions, ClientConfig, HubConfig, PersonalChannelConfig, TokenConfig

if TYPE_CHECKING:
    from settings.channel_model import ChannelOptionSettings, ChannelSettings, DataFormat
    from settings.client_model import PersonalChannelSettings, TokenSettings
    from settings.model import Settings
    from settings.server_model import HttpApiSettings, HttpServerSettings


def hub_config(settings: Settings) -> HubConfig:
    return HubConfig(
        client=_client_config(settings),
        channel=_channel_config(settings.channel),
        node_name=settings.node.name,
    )


def edge_config(settings: Settings) -> EdgeConfig:
    return EdgeConfig(
        listen=_listen_config(settings.http_server),
        websocket=_websocket_config(settings),
        server_api=_server_api_config(settings.http_api),
        events=EventsConfig(path=_path(settings.events.handler_prefix), max_batch=settings.events.max_batch),
        health=HealthConfig(
            is_enabled=settings.health.enabled,
            handler_prefix=_path(settings.health.handler_prefix),
        ),
        metrics=MetricsConfig(
            is_enabled=settings.prometheus.enabled, handler_prefix=_path(settings.prometheus.handler_prefix)
        ),
        console=ConsoleConfig(
            is_enabled=settings.console.enabled, handler_prefix=_path(settings.console.handler_prefix)
        ),
        rest=_rest_config(settings),
        drain=DrainConfig(
            delay_s=settings.shutdown.drain_delay,
            window_s=settings.shutdown.drain_window,
            timeout_s=settings.shutdown.timeout,
        ),
    )


def token_config(token: TokenSettings) -> TokenConfig:
    return TokenConfig(
        hmac_secrets=_hmac_secrets(token),
        rsa_public_key=token.rsa_public_key,
        ecdsa_public_key=token.ecdsa_public_key,
        eddsa_public_key=token.eddsa_public_key,
        jwks_public_endpoint=token.jwks_public_endpoint,
        jwks_refresh_interval_s=token.jwks_refresh_interval,
        audience=token.audience,
        audience_regex=token.audience_regex,
        issuer=token.issuer,
        issuer_regex=token.issuer_regex,
        user_id_claim=token.user_id_claim or "sub",
        leeway_s=token.leeway,
        cache_size=token.cache_size,
    )


def _hmac_secrets(token: TokenSettings) -> tuple[tuple[str, float], ...]:
    """The current secret first: it is the one that signs."""
    pairs = (
        (token.hmac_secret_key.get_secret_value(), 0),
        (token.hmac_previous_secret_key.get_secret_value(), token.hmac_previous_secret_key_valid_until),
    )
    return tuple((secret, valid_until_s) for secret, valid_until_s in pairs if secret)


def _client_config(settings: Settings) -> ClientConfig:
    client = settings.client
    return ClientConfig(
        insecure=client.insecure,
        allow_anonymous_connect_without_token=client.allow_anonymous_connect_without_token,
        disallow_anonymous_connection_tokens=client.disallow_anonymous_connection_tokens,
        token=token_config(client.token),
        subscription_token=token_config(client.subscription_token) if client.subscription_token.enabled else None,
        subscribe_to_user_personal_channel=_personal_channel_config(client.subscribe_to_user_personal_channel),
        connect_include_server_time=client.connect_include_server_time,
        ping_interval_s=client.ping_interval,
        pong_timeout_s=client.pong_timeout,
        presence_update_interval_s=client.presence_update_interval,
        presence_ttl_s=client.presence_ttl,
        stale_close_delay_s=client.stale_close_delay,
        expired_close_delay_s=client.expired_close_delay,
        expired_sub_close_delay_s=client.expired_sub_close_delay,
        channel_position_check_delay_s=client.channel_position_check_delay,
        channel_limit=client.channel_limit,
        user_connection_limit=client.user_connection_limit,
        queue_max_size_bytes=client.queue_max_size,
        write_timeout_s=settings.websocket.write_timeout,
        history_max_publication_limit=client.history_max_publication_limit,
        recovery_max_publication_limit=client.recovery_max_publication_limit,
        command_rate_limit_per_s=client.command_rate_limit,
        command_rate_burst=client.command_rate_burst,
        rpc_timeout_s=client.rpc_timeout,
        rpc_ping_enabled=settings.rpc.ping.enabled,
    )


def _personal_channel_config(personal: PersonalChannelSettings) -> PersonalChannelConfig:
    return PersonalChannelConfig(
        enabled=personal.enabled,
        personal_channel_namespace=personal.personal_channel_namespace,
        single_connection=personal.single_connection,
    )


def _channel_config(channel: ChannelSettings) -> ChannelConfig:
    data_format = channel.publication_data_format
    return ChannelConfig(
        without_namespace=_channel_options(channel.without_namespace, data_format),
        namespaces={namespace.name: _channel_options(namespace, data_format) for namespace in channel.namespaces},
        max_length_bytes=channel.max_length,
        history_meta_ttl_s=channel.history_meta_ttl,
    )


def _channel_options(options: ChannelOptionSettings, default_format: DataFormat) -> ChannelOptions:
    """Most of them have the hub's names; durations get their unit."""
    durations = {"history_ttl", "history_meta_ttl"}
    values = options.model_dump(exclude={"name", "publication_data_format", *durations})
    return ChannelOptions(
        **values,
        history_ttl_s=options.history_ttl,
        history_meta_ttl_s=options.history_meta_ttl,
        publication_data_format=options.publication_data_format or default_format,
    )


def _listen_config(server: HttpServerSettings) -> ListenConfig:
    return ListenConfig(
        address=server.address,
        port=server.port,
        internal_address=server.internal_address or (server.address if server.internal_port else ""),
        internal_port=server.internal_port,
    )


def _websocket_config(settings: Settings) -> WebSocketConfig:
    return WebSocketConfig(
        is_disabled=settings.websocket.disabled,
        handler_prefix=_path(settings.websocket.handler_prefix),
        message_size_limit_bytes=settings.websocket.message_size_limit,
        allowed_origins=settings.client.allowed_origins,
        connection_limit=settings.client.connection_limit,
        connection_rate_limit_per_s=settings.client.connection_rate_limit,
        user_id_http_header=settings.client.user_id_http_header,
    )


def _server_api_config(api: HttpApiSettings) -> ServerAPIConfig:
    return ServerAPIConfig(
        is_disabled=api.disabled,
        handler_prefix=_path(api.handler_prefix),
        key=api.key.get_secret_value(),
        is_insecure=api.insecure,
        error_mode=api.error_mode,
        max_body_bytes=api.max_request_body_size,
    )


def _rest_config(settings: Settings) -> RestConfig:
    rest = settings.rest
    return RestConfig(
        allowed_origins=settings.client.allowed_origins,
        trusted_proxies=settings.http_server.trusted_proxies,
        rate_per_address_per_s=rest.address_rate_limit,
        burst_per_address=rest.address_rate_burst,
        rate_per_user_per_s=rest.user_rate_limit,
        burst_per_user=rest.user_rate_burst,
    )


def _path(prefix: str) -> str:
    return prefix.rstrip("/")
