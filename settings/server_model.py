"""What is served where: `http_server`, `websocket`, `http_api`, `health`; and how the process lives and ends."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from settings.section import NO_SECRET, Duration, OptionalPort, Port, PositiveCount, Secret, Section, Words


class RpcPingSettings(Section):
    enabled: bool = Field(False, description="Answer the RPC method `ping`.")


class RpcSettings(Section):
    ping: RpcPingSettings = Field(RpcPingSettings(), description="A built-in method to try a connection with.")


class HttpServerSettings(Section):
    address: str = Field("", description="Address to listen on; every address of both families when empty.")
    port: Port = Field(8000, description="Port to listen on; 0 takes any free one.")
    internal_address: str = Field("", description="Address of the internal port; that of the main port when empty.")
    internal_port: OptionalPort = Field(
        0, description="A second port: server API and health detail answer only there. 0 for none."
    )
    trusted_proxies: Words = Field(
        (), description="Addresses and networks of proxies that are believed about the client's address."
    )


class WebsocketSettings(Section):
    disabled: bool = Field(False, description="Serve no WebSocket.")
    handler_prefix: str = Field("/connection/websocket", description="Path of the endpoint.")
    message_size_limit: PositiveCount = Field(65_536, description="Largest message of a client, in bytes.")
    write_timeout: Duration = Field(3.0, description="How long a stalled client is waited for before it is cut.")


class HttpApiSettings(Section):
    disabled: bool = Field(False, description="Serve no server API.")
    key: Secret = Field(NO_SECRET, description="What callers send as `X-API-Key`.")
    insecure: bool = Field(False, description="Ask callers for no key. Only behind something that does.")
    error_mode: Literal["", "transport"] = Field(
        "", description='"transport" answers errors with HTTP statuses; "" with 200 and an error object.'
    )
    max_request_body_size: PositiveCount = Field(4 << 20, description="Largest request, in bytes.")
    handler_prefix: str = Field("/api", description="Path under which the methods are.")


class HealthSettings(Section):
    enabled: bool = Field(False, description="Serve Centrifugo's health endpoint beside /healthz and /readyz.")
    handler_prefix: str = Field("/health", description="Path of that endpoint.")


class NodeSettings(Section):
    name: str = Field("", description="What this node is called in `info`; made of host name and port when empty.")


class ShutdownSettings(Section):
    timeout: Duration = Field(30.0, description="How long ending may take, all steps together.")
    drain_delay: Duration = Field(
        0.0, description="How long to be unready before the port closes, so that load balancers notice."
    )
    drain_window: Duration = Field(5.0, description="Time over which connections are told to go elsewhere.")
