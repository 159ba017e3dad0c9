"""Carries out orders, one at a time."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any

from bench.load import on_request, orders
from bench.load.accounts import Roster
from bench.load.arrivals import ArrivalReport, run_arrivals
from bench.load.closed_loop import run_closed_loop
from bench.load.dialects import DIALECTS, Refused
from bench.load.dialer import Dialer
from bench.load.fan_out import FanOutReport, for_seconds, run_fan_out
from bench.load.fleet import Fleet, open_fleet
from bench.load.publisher import Publisher, open_publisher
from bench.load.redis_feed import feed
from bench.load.requests import command_answers, http_connections, messages, publish_request
from bench.load.responses import response_end
from bench.load.revocations import Revocations
from bench.load.stall import RssWatch, StallWatch, open_stalled
from bench.load.swarm import Swarm
from bench.load.target import Target
from bench.load.tokens import TokenMint
from bench.process_tree import ProcessTree


class Generator:
    """Keeps the connections between orders."""

    def __init__(self) -> None:
        self._kept: list[socket.socket] = []
        self._swarm: Swarm | None = None
        self._publisher: Publisher | None = None
        self._fleet: Fleet | None = None
        self._roster: Roster | None = None
        self._mints: dict[str, TokenMint] = {}

    def carry_out(self, order: orders.Order) -> orders.Answer:
        handler = _HANDLERS[type(order)]
        try:
            return handler(self, order)
        except (Refused, OSError) as refusal:
            self.close()
            return orders.Failed(str(refusal) or type(refusal).__name__)

    def open(self, order: orders.Open) -> orders.Opened:
        dialect = DIALECTS[order.target.dialect]
        tokens = self._tokens(order.target, order.count) if order.with_tokens else [""] * order.count
        openings = [dialect.opening(order.channel, token) for token in tokens]
        started_ns, busy_from_ns = time.monotonic_ns(), time.process_time_ns()
        self._kept += Dialer(order.target, dialect, order.channel).dial(openings)
        elapsed_ns, busy_ns = time.monotonic_ns() - started_ns, time.process_time_ns() - busy_from_ns
        return orders.Opened(order.count, elapsed_ns / 1e9, busy_ns / elapsed_ns)

    def gather(self, order: orders.Gather) -> orders.Done:
        dialect = DIALECTS[order.target.dialect]
        self._swarm = Swarm(self._kept, dialect)
        self._publisher = open_publisher(order.target, dialect, order.channel)
        return orders.Done()

    def fan_out(self, order: orders.FanOut) -> orders.FannedOut:
        return orders.FannedOut(self._run(order, for_seconds(order.seconds)))

    def flood(self, order: orders.Flood) -> orders.Flooded:
        watch = RssWatch(ProcessTree(order.server_pid), order.bursts)
        return orders.Flooded(self._run(order, watch.after_burst), watch.growth_bytes)

    def stall(self, order: orders.Stall) -> orders.Stalled:
        swarm, _ = self._gathered()
        dialect = DIALECTS[order.target.dialect]
        with contextlib.closing(open_stalled(order.target, dialect, order.channel, "")) as stalled:
            server = ProcessTree(order.server_pid)
            watch = StallWatch(server, swarm, stalled, give_up_after_s=order.give_up_after_s)
            phase = self._run(order, watch.after_burst)
            return orders.Stalled(phase, watch.report())

    def publishes(self, order: orders.Publishes) -> orders.Looped:
        dialect = DIALECTS[order.target.dialect]
        published = messages(order.per_request, order.message_bytes)
        request = publish_request(order.target, dialect, order.channel, published)
        with contextlib.ExitStack() as stack:
            connections = http_connections(order.target, order.connections)
            for connection in connections:
                stack.enter_context(connection)
            return orders.Looped(run_closed_loop(connections, request, response_end, seconds=order.seconds))

    def commands(self, order: orders.Commands) -> orders.Looped:
        dialect = DIALECTS[order.target.dialect]
        request = dialect.command(order.channel, messages(order.per_frame, order.message_bytes))
        answered = command_answers(dialect.answers_to(order.per_frame))
        return orders.Looped(run_closed_loop(self._kept, request, answered, seconds=order.seconds))

    def work(self, order: orders.Work) -> orders.Worked:
        return orders.Worked(on_request.have_done(order.target, order.seconds))

    def wait(self, order: orders.Await) -> orders.Arrived:
        if order.target.dialect == on_request.DIALECT:
            report = on_request.have_taken(order.target, order.count)
            return orders.Arrived(ArrivalReport(report.done, report.elapsed_s, 0.0, 0.0))
        swarm, _ = self._gathered()
        return orders.Arrived(run_arrivals(swarm, order.first, order.count))

    def feed(self, order: orders.Feed) -> orders.Worked:
        with on_request.taking(order.target, order.count) as taken:
            feed(order.doorbell, count=order.count, per_second=order.per_second, message_bytes=order.message_bytes)
            return orders.Worked(taken())

    def enlist(self, order: orders.Enlist) -> orders.Done:
        if self._fleet is not None:
            self._fleet.close()
        self._roster = self._roster or Roster(order.target)
        self._fleet = open_fleet(order.target, self._roster, order.users, order.devices)
        return orders.Done()

    def write(self, order: orders.Write) -> orders.Looped:
        return orders.Looped(self._enlisted().write(order.seconds))

    def write_paced(self, order: orders.WritePaced) -> orders.Paced:
        return orders.Paced(self._enlisted().write_paced(order.per_second, order.seconds))

    def revoke(self, order: orders.Revoke) -> orders.Revoked:
        with contextlib.closing(Revocations(order.target, order.sessions, order.connections)) as revocations:
            return orders.Revoked(revocations.run(order.revocations))

    def close(self, _: orders.Close | None = None) -> orders.Done:
        if self._publisher is not None:
            self._publisher.close()
        if self._swarm is not None:
            self._swarm.close()
        if self._fleet is not None:
            self._fleet.close()
        if self._roster is not None:
            self._roster.close()
        for connection in self._kept:
            connection.close()
        self._kept, self._swarm, self._publisher = [], None, None
        self._fleet, self._roster = None, None
        return orders.Done()

    def _run(self, order: orders.FanOut | orders.Flood | orders.Stall, after_burst: Callable[[], bool]) -> FanOutReport:
        swarm, publisher = self._gathered()
        return run_fan_out(
            swarm, publisher, burst=order.burst, message_bytes=order.message_bytes, after_burst=after_burst
        )

    def _gathered(self) -> tuple[Swarm, Publisher]:
        if self._swarm is None or self._publisher is None:
            raise Refused("nothing is gathered: an earlier phase on this server failed")
        return self._swarm, self._publisher

    def _enlisted(self) -> Fleet:
        if self._fleet is None:
            raise Refused("nobody is enlisted: an earlier phase on this server failed")
        return self._fleet

    def _tokens(self, target: Target, count: int) -> list[str]:
        mint = self._mints.setdefault(target.token_secret, TokenMint(target.token_secret))
        return [mint.token(f"user-{number}") for number in range(count)]


_HANDLERS: dict[type[orders.Order], Callable[[Generator, Any], orders.Answer]] = {
    orders.Open: Generator.open,
    orders.Gather: Generator.gather,
    orders.FanOut: Generator.fan_out,
    orders.Flood: Generator.flood,
    orders.Stall: Generator.stall,
    orders.Publishes: Generator.publishes,
    orders.Commands: Generator.commands,
    orders.Work: Generator.work,
    orders.Await: Generator.wait,
    orders.Feed: Generator.feed,
    orders.Enlist: Generator.enlist,
    orders.Write: Generator.write,
    orders.WritePaced: Generator.write_paced,
    orders.Revoke: Generator.revoke,
    orders.Close: Generator.close,
}
