"""One subject, running, with the generator at hand."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TypeVar

from bench.generator import RemoteGenerator
from bench.interference import Interference
from bench.load import orders
from bench.load.target import Target
from bench.pinned import GENERATOR_CORE, SERVER_CORE
from bench.plan import Plan
from bench.process_tree import ProcessTree
from bench.subjects.subject import Server, Subject

A = TypeVar("A", bound=orders.Answer)

_WINDOW_S = 0.05
_QUIET_SHARE = 0.02
_SETTLE_LIMIT_S = 5.0


@dataclass
class Stage:
    subject: Subject
    server: Server
    generator: RemoteGenerator
    plan: Plan
    interference: Interference = field(init=False)

    def __post_init__(self) -> None:
        owners = {SERVER_CORE: self.server.processes, GENERATOR_CORE: self.generator.processes}
        self.interference = Interference(owners)

    @property
    def target(self) -> Target:
        return self.server.target

    @property
    def processes(self) -> ProcessTree:
        return self.server.processes

    def ask(self, order: orders.Order, expected: type[A]) -> A:
        return self.generator.ask(order, expected)

    def measured(self, order: orders.Order, expected: type[A]) -> tuple[A, float]:
        """The answer, and the CPU time in microseconds that the server spent meanwhile."""
        self.interference.begin()
        before_ns = self.processes.cpu_ns()
        answer = self.ask(order, expected)
        cpu_us = (self.processes.cpu_ns() - before_ns) / 1e3
        self.interference.end()
        return answer, cpu_us

    def close_connections(self) -> None:
        """Close whatever the generator keeps, and wait until the server has dealt with it."""
        self.ask(orders.Close(), orders.Done)
        self.settle()

    def settle(self) -> None:
        """Wait until the server is idle, so that what is left of one phase is not counted to the next."""
        deadline = time.monotonic() + _SETTLE_LIMIT_S
        while self._share_of_core() > _QUIET_SHARE and time.monotonic() < deadline:
            pass

    def _share_of_core(self) -> float:
        before_ns, started_ns = self.processes.cpu_ns(), time.monotonic_ns()
        time.sleep(_WINDOW_S)
        return (self.processes.cpu_ns() - before_ns) / (time.monotonic_ns() - started_ns)
