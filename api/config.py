"""What the edges can be told: frozen values that `settings` fills.

Durations are seconds, sizes are bytes, 0 is "no limit".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenConfig:
    """Where the server listens. Without an internal port everything answers on the one port."""

    address: str = ""
    """Empty: all interfaces, IPv4 and IPv6."""
    port: int = 8000
    internal_address: str = ""
    internal_port: int = 0
    is_shared: bool = False
    """Other processes listen on the same ports, and the kernel spreads the connections (SO_REUSEPORT)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketConfig:
    """The WebSocket endpoint and who may open it."""

    is_disabled: bool = False
    handler_prefix: str = "/connection/websocket"
    message_size_limit_bytes: int = 65_536
    allowed_origins: tuple[str, ...] = ()
    connection_limit: int = 0
    connection_rate_limit_per_s: float = 0
    user_id_http_header: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAPIConfig:
    """The HTTP API for backends. Without a key every call is refused, unless `is_insecure`."""

    is_disabled: bool = False
    handler_prefix: str = "/api"
    key: str = field(default="", repr=False)
    is_insecure: bool = False
    error_mode: Literal["", "transport"] = ""
    max_body_bytes: int = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsConfig:
    """CloudEvents over HTTP, for callers with the key of the server API."""

    path: str = "/v1/events"
    max_batch: int = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthConfig:
    """Health checks: `/healthz` and `/readyz` always, Centrifugo's `/health` where enabled."""

    is_enabled: bool = False
    handler_prefix: str = "/health"
    max_loop_lag_s: float = 1.0
    """A loop that is later than this makes the node unready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsConfig:
    """Metrics for Prometheus."""

    is_enabled: bool = False
    handler_prefix: str = "/metrics"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleConfig:
    """The page for administrators and operators."""

    is_enabled: bool = False
    handler_prefix: str = "/console"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestConfig:
    """The REST API under `/v1`.

    Attributes:
        allowed_origins: pages that may read answers and rely on the cookie, beside our own.
        trusted_proxies: addresses and networks that are believed about the client's address.
        rate_per_address_per_s: requests of one address (IPv6: /64), 0 for no limit; `burst_per_address` at once.
        rate_per_user_per_s: the same for one user.
    """

    allowed_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    rate_per_address_per_s: float = 50
    burst_per_address: int = 200
    rate_per_user_per_s: float = 20
    burst_per_user: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainConfig:
    """How a node leaves (design section 10): readiness off, pause, then connections are sent away over a window."""

    delay_s: float = 0.0
    """Between readiness off and the first goodbye: the time a load balancer needs to notice."""
    window_s: float = 5.0
    """Over which connections are told to go, evenly, so that they do not all come back at once."""
    timeout_s: float = 30.0
    """After which whatever is left is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeConfig:
    """Everything the edges are told."""

    listen: ListenConfig = field(default_factory=ListenConfig)
    websocket: WebSocketConfig = field(default_factory=WebSocketConfig)
    server_api: ServerAPIConfig = field(default_factory=ServerAPIConfig)
    events: EventsConfig = field(default_factory=EventsConfig)
    health: HealthConfig = field(default_factory=HealthConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    console: ConsoleConfig = field(default_factory=ConsoleConfig)
    rest: RestConfig = field(default_factory=RestConfig)
    drain: DrainConfig = field(default_factory=DrainConfig)
