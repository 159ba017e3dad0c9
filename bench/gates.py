"""The bounds that Syncline is held to, and whether this run held them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.results import Metric, Results, Summary
from bench.scenarios import (
    commands,
    connects,
    fan_out,
    http_publish,
    idle_memory,
    mutations,
    observability,
    redis_bus,
    relay_rabbitmq,
    revocation,
    slow_client,
)
from bench.subjects import commits, floors, observed, peers, relay
from bench.subjects.centrifuge import SYNCLINE

Quantity = tuple[Metric, str]


@dataclass(frozen=True)
class Gate:
    """`of`, or the ratio `of / per`, is at most `bound`; with `is_strict`, below it; with `is_minimum`, at least it."""

    title: str
    bound: float
    of: Quantity
    per: Quantity | None = None
    is_strict: bool = False
    is_minimum: bool = False

    @property
    def unit(self) -> str:
        return "x" if self.per else self.of[0].unit

    @property
    def sign(self) -> str:
        if self.is_minimum:
            return ">="
        return "<" if self.is_strict else "<="

    def holds(self, value: float) -> bool:
        if self.is_minimum:
            return value >= self.bound
        return value < self.bound if self.is_strict else value <= self.bound


@dataclass(frozen=True)
class Verdict:
    gate: Gate
    measured: Summary | None

    @property
    def word(self) -> str:
        if self.measured is None:
            return "NOT MEASURED"
        return "PASS" if self.gate.holds(self.measured.median) else "FAIL"


def _syncline(metric: Metric) -> Quantity:
    return (metric, SYNCLINE)


def _below(peer: str) -> Gate:
    metric = fan_out.CPU_ONE_AT_A_TIME
    return Gate(f"delivery, one at a time / {peer}", 1.0, _syncline(metric), (metric, peer), is_strict=True)


def _group_commit(database: str, metrics: mutations.Metrics) -> Gate:
    metric = metrics.per_second_slow
    title = f"mutations, {database}, flush 1 ms / commit each"
    return Gate(title, 3.0, _syncline(metric), (metric, commits.COMMIT_EACH), is_minimum=True)


def _observed() -> Iterator[Gate]:
    """What observing may cost, and that it costs no more when nobody takes what is exported."""
    for title, cpu, per_second in observability.PHASES:
        for name, how in (
            (SYNCLINE, "observed"),
            (observed.REFUSED, observed.REFUSED),
            (observed.UNANSWERED, observed.UNANSWERED),
        ):
            yield Gate(f"{title}, CPU: {how} / not", 1.05, (cpu, name), (cpu, observed.UNOBSERVED))
            yield Gate(f"{title}, rate: not / {how}", 1.05, (per_second, observed.UNOBSERVED), (per_second, name))


_FAN_OUT_FLOOR = (fan_out.CPU_ONE_AT_A_TIME, floors.SEND_LOOP)

GATES = [
    Gate("delivery, one at a time / send loop", 1.5, _syncline(fan_out.CPU_ONE_AT_A_TIME), _FAN_OUT_FLOOR),
    *(_below(peer) for peer in (peers.NCHAN, peers.WEBSOCKETS, peers.NODE_SOCKETIO, peers.PYTHON_SOCKETIO)),
    Gate("delivery, bursts of 16 / send loop", 0.16, _syncline(fan_out.CPU_IN_BURSTS), _FAN_OUT_FLOOR),
    Gate(
        "HTTP publish / bare handler",
        1.5,
        _syncline(http_publish.CPU_SINGLE),
        (http_publish.CPU_SINGLE, floors.HTTP),
    ),
    Gate(
        "HTTP publish in a batch of 100 / single",
        0.05,
        _syncline(http_publish.CPU_BATCH),
        _syncline(http_publish.CPU_SINGLE),
    ),
    Gate(
        "connect and subscribe / bare handshake",
        1.5,
        _syncline(connects.CPU_NO_TOKEN),
        (connects.CPU_NO_TOKEN, floors.WEBSOCKET),
    ),
    Gate(
        "the same with a known token / without a token",
        1.10,
        _syncline(connects.CPU_SAME_TOKEN),
        _syncline(connects.CPU_NO_TOKEN),
    ),
    Gate(
        "client command / bare WebSocket",
        1.5,
        _syncline(commands.CPU_ONE_AT_A_TIME),
        (commands.CPU_ONE_AT_A_TIME, floors.WEBSOCKET),
    ),
    Gate("idle connection: token, presence, a channel", 20.0, _syncline(idle_memory.PER_CONNECTION)),
    Gate("a client that stops reading costs", 1.25, _syncline(slow_client.COST)),
    Gate("and is gone within", 5.0, _syncline(slow_client.GONE_AFTER_FULL)),
    Gate(
        "others' p99 with it / without it",
        1.10,
        _syncline(slow_client.P99_WITH),
        _syncline(slow_client.P99_WITHOUT),
    ),
    _group_commit("SQLite", mutations.SQLITE),
    _group_commit("PostgreSQL", mutations.POSTGRES),
    Gate("on all devices at half load, SQLite, p99", 20.0, _syncline(mutations.SQLITE.p99_everywhere)),
    Gate("on all devices at half load, PostgreSQL, p99", 20.0, _syncline(mutations.POSTGRES.p99_everywhere)),
    Gate("revocation, answer to last close, p99", 100.0, _syncline(revocation.P99)),
    Gate(
        "RabbitMQ to one subscriber / bare consumer",
        0.8,
        _syncline(relay_rabbitmq.PER_SECOND),
        (relay_rabbitmq.PER_SECOND, relay.BARE_CONSUMER),
        is_minimum=True,
    ),
    Gate("Redis bus, CPU of a message received", 4.0, _syncline(redis_bus.CPU_RECEIVE)),
    Gate("Redis bus, CPU of a message published", 6.0, _syncline(redis_bus.CPU_PUBLISH)),
    *_observed(),
]


def verdicts(results: Results) -> list[Verdict]:
    return [Verdict(gate, _measured(gate, results)) for gate in GATES]


def _measured(gate: Gate, results: Results) -> Summary | None:
    return results.ratio(gate.of, gate.per) if gate.per else results.summary(*gate.of)


@dataclass(frozen=True)
class Reference:
    """A ratio of design.md, section 3: the experiment over Centrifugo v6.9.1."""

    title: str
    metric: Metric
    ratio: float


REFERENCES = [
    Reference("delivery, one message at a time", fan_out.CPU_ONE_AT_A_TIME, 0.53),
    Reference("delivery, bursts of 16", fan_out.CPU_IN_BURSTS, 0.34),
    Reference("p50 of that burst", fan_out.P50_IN_BURSTS, 0.37),
    Reference("p99 of that burst", fan_out.P99_IN_BURSTS, 0.25),
    Reference("client command, pipelined", commands.CPU_PIPELINED, 1.0),
    Reference("client command, one at a time", commands.CPU_ONE_AT_A_TIME, 0.56),
    Reference("HTTP publish", http_publish.CPU_SINGLE, 2.0),
    Reference("HTTP publish, of a batch of 100", http_publish.CPU_BATCH, 0.15),
    Reference("handshake, connect and subscribe", connects.CPU_NO_TOKEN, 1.5),
    Reference("idle connection", idle_memory.PER_CONNECTION, 0.33),
]
