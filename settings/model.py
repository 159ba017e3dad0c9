"""The root of the tree."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from settings.accounts_model import (
    AccountsSettings,
    IdentityProviderSettings,
    RestSettings,
    SessionsSettings,
    StateSettings,
)
from settings.channel_model import ChannelSettings
from settings.client_model import ClientSettings
from settings.consumer_model import ConsumerSettings, EventIntakeSettings
from settings.database_model import DatabaseSettings
from settings.engine_model import EngineSettings
from settings.observability_model import (
    ConsoleSettings,
    LogSettings,
    OpentelemetrySettings,
    PrometheusSettings,
    SentrySettings,
)
from settings.outbox_model import OutboxSettings
from settings.server_model import (
    HealthSettings,
    HttpApiSettings,
    HttpServerSettings,
    NodeSettings,
    RpcSettings,
    ShutdownSettings,
    WebsocketSettings,
)
from settings.sink_model import SinkSettings


class Settings(BaseSettings):
    """Everything that can be set. Immutable; secrets are masked in its repr and its dumps.

    Made by settings.loading.load_settings, which hands over the sources; `Settings()` would read the environment the
    way pydantic-settings does, without checking it.
    """

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    http_server: HttpServerSettings = Field(HttpServerSettings(), description="Where to listen.")
    websocket: WebsocketSettings = Field(WebsocketSettings(), description="The client endpoint.")
    client: ClientSettings = Field(ClientSettings(), description="Connections.")
    channel: ChannelSettings = Field(ChannelSettings(), description="Channels.")
    rpc: RpcSettings = Field(RpcSettings(), description="Calls of clients.")
    http_api: HttpApiSettings = Field(HttpApiSettings(), description="The server API.")
    health: HealthSettings = Field(HealthSettings(), description="Centrifugo's health endpoint.")
    database: DatabaseSettings = Field(DatabaseSettings(), description="Where accounts and sessions are kept.")
    accounts: AccountsSettings = Field(AccountsSettings(), description="Users, passwords and tokens.")
    sessions: SessionsSettings = Field(SessionsSettings(), description="Log-ins on devices.")
    state: StateSettings = Field(StateSettings(), description="Documents that a user's devices share.")
    rest: RestSettings = Field(RestSettings(), description="The REST API under `/v1`.")
    identity_providers: tuple[IdentityProviderSettings, ...] = Field(
        (), description="OpenID providers whose users may log in."
    )
    consumers: tuple[ConsumerSettings, ...] = Field((), description="Queues and streams whose messages are published.")
    outbox: OutboxSettings = Field(OutboxSettings(), description="How what was committed leaves.")
    sinks: tuple[SinkSettings, ...] = Field((), description="Who else gets the platform's events.")
    events: EventIntakeSettings = Field(EventIntakeSettings(), description="Events over HTTP.")
    engine: EngineSettings = Field(EngineSettings(), description="Where channels live.")
    node: NodeSettings = Field(NodeSettings(), description="This node.")
    shutdown: ShutdownSettings = Field(ShutdownSettings(), description="How the process ends.")
    console: ConsoleSettings = Field(ConsoleSettings(), description="The page for administrators and operators.")
    prometheus: PrometheusSettings = Field(PrometheusSettings(), description="Metrics.")
    opentelemetry: OpentelemetrySettings = Field(OpentelemetrySettings(), description="Traces.")
    sentry: SentrySettings = Field(SentrySettings(), description="Reports of errors.")
    log: LogSettings = Field(LogSettings(), description="What is written about it.")
