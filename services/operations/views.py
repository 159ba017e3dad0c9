"""What operators are told, as values. JSON has the same names; times are milliseconds since the epoch, ages seconds.

`silent` names the nodes that gave no answer in time: what is listed is not all there is.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

Attribute = str | int | float | bool

_LINE = r"^[^\x00-\x1f\x7f]*$(?!\n)"

Name = Annotated[str, Meta(max_length=255, pattern=_LINE)]
"""Of a user, a client, a letter: text of one line."""


class NodeView(Struct, frozen=True, kw_only=True):
    """One node. `metrics` are counters since it started and gauges, by the names of `info`."""

    uid: str
    name: str
    version: str
    uptime_s: float
    num_clients: int
    num_users: int
    num_subs: int
    num_channels: int
    cpu_percent: float = 0
    rss_bytes: int = 0
    metrics: dict[str, float] = {}
    is_silent: bool = False
    health: dict[str, Any] = {}
    """As `/readyz` of that node."""


class NodesView(Struct, frozen=True):
    nodes: list[NodeView]
    asked: str
    """The node that answers."""


class ConnectionView(Struct, frozen=True, kw_only=True):
    """One live connection. `session` and `device` are "" where its token is not of this platform."""

    client: str
    user: str
    session: str
    device: str
    node: str
    node_name: str
    transport: str
    encoding: str
    connected_ms: int
    num_subscriptions: int
    channels: list[str]
    """The first of them, by name."""
    buffered_bytes: int


class ConnectionsView(Struct, frozen=True):
    connections: list[ConnectionView]
    total: int
    """That match, on the nodes that answered; more than are listed when there are many."""
    silent: list[str] = []


class ChannelView(Struct, frozen=True, kw_only=True):
    name: str
    namespace: str
    num_clients: int


class ChannelsView(Struct, frozen=True):
    channels: list[ChannelView]
    total: int
    silent: list[str] = []


class MemberView(Struct, frozen=True, kw_only=True):
    client: str
    user: str


class ChannelDetailView(Struct, frozen=True, kw_only=True):
    """One channel. `members` need presence, `offset` and `epoch` need history: None where the namespace has none."""

    name: str
    namespace: str
    num_clients: int
    options: dict[str, Any]
    members: list[MemberView] | None = None
    num_members: int = 0
    """All of them; there may be more than are listed."""
    offset: int | None = None
    epoch: str = ""
    silent: list[str] = []


class PublicationView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    data: Raw
    offset: int = 0
    tags: dict[str, str] = {}
    user: str = ""
    client: str = ""


class HistoryView(Struct, frozen=True):
    """Newest first."""

    publications: list[PublicationView]
    offset: int
    epoch: str


class PublishedView(Struct, frozen=True, omit_defaults=True):
    offset: int = 0
    epoch: str = ""
    trace_id: str = ""


class RelayView(Struct, frozen=True, kw_only=True):
    """One source, sink or the outbox, on one node."""

    name: str
    kind: Literal["rabbitmq", "redis_stream", "redis_pubsub", "http", "outbox", "sink"]
    node: str
    node_name: str
    is_attached: bool
    age_s: float
    detail: str
    measures: dict[str, float]
    has_dead_letters: bool


class RelaysView(Struct, frozen=True):
    relays: list[RelayView]
    silent: list[str] = []


class DeadLetterView(Struct, frozen=True, kw_only=True):
    """`body` is text; what is not UTF-8 is shown with replacement characters."""

    id: str
    reason: str
    detail: str
    subject: str
    headers: dict[str, str]
    body: str
    is_cut: bool
    """The body is longer than what is shown."""
    dead_since_ms: int
    attempts: int


class DeadLettersView(Struct, frozen=True):
    letters: list[DeadLetterView]


class LettersDoneView(Struct, frozen=True):
    """How many were replayed or removed."""

    count: int


class SpanView(Struct, frozen=True, kw_only=True):
    """One span, as a node of ours made it. Ids are hexadecimal; times nanoseconds since the epoch, as text."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: Literal["internal", "server", "client", "producer", "consumer"]
    node: str
    node_name: str
    start_ns: str
    end_ns: str
    error: str
    attributes: dict[str, Attribute]
    links: list[str] = []


class TraceSummary(Struct, frozen=True, kw_only=True):
    """One trace, as far as its spans have come in. In a list: of all nodes together; pushed: what one node has seen."""

    trace_id: str
    name: str
    """Of its first span."""
    start_ms: int
    duration_ms: float
    num_spans: int
    nodes: list[str]
    channel: str
    """Of what was published in it; "" for none."""
    num_acknowledged: int
    error: str


class TracesView(Struct, frozen=True):
    """Newest first."""

    traces: list[TraceSummary]
    is_enabled: bool
    silent: list[str] = []


class TraceView(Struct, frozen=True):
    """All spans of one trace, by start."""

    trace_id: str
    spans: list[SpanView]
    silent: list[str] = []


class LogLine(Struct, frozen=True, kw_only=True):
    """One line, masked. `fields` is everything else in it, as text."""

    at_ms: int
    level: Literal["debug", "info", "warning", "error", "critical"]
    event: str
    logger: str
    trace_id: str
    session: str
    fields: dict[str, str]
    node: str = ""
    node_name: str = ""


class LogsView(Struct, frozen=True):
    """Newest first."""

    lines: list[LogLine]
    silent: list[str] = []


class SettingView(Struct, frozen=True, kw_only=True):
    """One option as it is in force. Secrets are masked; `source` is where the value came from."""

    key: str
    value: str
    default: str
    source: str
    description: str


class SettingsView(Struct, frozen=True):
    settings: list[SettingView]


# --- pushed over the hub --------------------------------------------------------------------------------------------


class Overview(Struct, frozen=True, kw_only=True):
    """On `ops:overview`, each second, of every node. Rates are per second since the one before."""

    node: str
    node_name: str
    at_ms: int
    num_clients: int
    num_users: int
    num_subs: int
    num_channels: int
    publications_per_s: float
    deliveries_per_s: float
    commands_per_s: float
    errors_per_s: float
    connects_per_s: float
    disconnects_per_s: float
    relay_accepted_per_s: float
    relay_rejected_per_s: float
    outbox_waiting: float
    loop_lag_ms: float
    cpu_percent: float
    rss_bytes: int
    latency_p50_ms: float | None
    """Publish to client, of what was acknowledged in the last 60 s; None when nothing was."""
    latency_p99_ms: float | None


class LogBatch(Struct, frozen=True):
    """On `ops:logs`, at most twice a second of every node. `dropped`: lines left out, because there were too many."""

    lines: list[LogLine]
    dropped: int = 0


class TraceBatch(Struct, frozen=True):
    """On `ops:traces`: summaries that are new or have changed on one node, which each names in `nodes`.

    The later one of an id and node replaces the earlier; those of several nodes are put together as in
    `services.operations.trace_merging`.
    """

    traces: list[TraceSummary]


# --- taken ----------------------------------------------------------------------------------------------------------


class Watch(Struct, forbid_unknown_fields=True):
    """RPC `ops.watch`: what this connection is told about from now on; `[]`: nothing. Ends with the connection."""

    topics: list[Literal["overview", "logs", "traces"]]


class TestPublication(Struct, forbid_unknown_fields=True):
    channel: Name
    data: Raw
    tags: dict[Name, Name] | UnsetType = UNSET


class Letters(Struct, forbid_unknown_fields=True):
    """Which dead letters: some, or with `everything` those that are there when the request begins."""

    ids: list[Name] = []
    everything: bool = False


class Disconnection(Struct, forbid_unknown_fields=True):
    """One connection, never all of a user's. `user` is "" for an anonymous one."""

    user: Name
    client: Annotated[str, Meta(min_length=1, max_length=255, pattern=_LINE)]
    can_reconnect: bool = True
