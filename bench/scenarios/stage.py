"""One subject, running, with the generator at hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from bench.generator import RemoteGenerator
from bench.interference import Interference, Share
from bench.load import orders
from bench.load.target import Target
from bench.pinned import GENERATOR_CORE, SERVER_CORE, all_cores
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
        self.interference = Interference(list(self._shares()))

    @property
    def target(self) -> Target:
        return self.server.target

    @property
    def processes(self) -> ProcessTree:
        return self.server.processes

    @property
    def beside(self) -> ProcessTree | None:
        return self.server.beside

    def ask(self, order: orders.Order, expected: type[A]) -> A:
        return self.generator.ask(order, expected)

    def measured(
        self, order: orders.Order, expected: type[A], *, once_begun: Callable[[], None] | None = None
    ) -> tuple[A, float]:
        """The answer, and the CPU time in microseconds that the server spent meanwhile.

        Args:
            once_begun: what else sets the phase off, when the generator has been told of it.
        """
        self.interference.begin()
        before_ns = self.processes.cpu_ns()
        self.generator.begin(order)
        if once_begun is not None:
            once_begun()
        answer = self.generator.answer(expected)
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

    def _shares(self) -> Iterator[Share]:
        beside = [self.generator.processes, *([self.beside] if self.beside else [])]
        if self.server.is_pinned:
            yield [SERVER_CORE], [self.server.processes]
            yield [GENERATOR_CORE], beside
        else:
            yield all_cores(), [self.server.processes, *beside]

    def _share_of_core(self) -> float:
        before_ns, started_ns = self.processes.cpu_ns(), time.monotonic_ns()
        time.sleep(_WINDOW_S)
        return (self.processes.cpu_ns() - before_ns) / (time.monotonic_ns() - started_ns)
