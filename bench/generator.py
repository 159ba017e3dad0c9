"""The orchestrator's end of the pipe to the load generator."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from bench.load import orders
from bench.pinned import pinned_pipe
from bench.process_tree import ProcessTree

ROOT = Path(__file__).parent.parent

A = TypeVar("A", bound=orders.Answer)


class PhaseFailed(Exception):
    """The generator could not measure: the server refused, lost messages or fell silent."""


class RemoteGenerator:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is None or process.stdout is None:
            raise TypeError("the generator needs both pipes")
        self.processes = ProcessTree(process.pid)
        self._orders = process.stdin
        self._answers = process.stdout
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder[orders.Answer](orders.Answer).decode

    def ask(self, order: orders.Order, expected: type[A]) -> A:
        """Have an order carried out; returns when the phase is over.

        Raises:
            PhaseFailed: with the generator's reason. Everything it kept is closed.
        """
        self.begin(order)
        return self.answer(expected)

    def begin(self, order: orders.Order) -> None:
        """Have it carried out meanwhile: `answer` is next."""
        self._orders.write(self._encode(order) + b"\n")
        self._orders.flush()

    def answer(self, expected: type[A]) -> A:
        """Wait for the end of what has begun. Raises as `ask`."""
        answer = self._decode(self._answers.readline())
        if isinstance(answer, expected):
            return answer
        raise PhaseFailed(answer.reason if isinstance(answer, orders.Failed) else f"unexpected {answer}")


@contextlib.contextmanager
def running_generator() -> Iterator[RemoteGenerator]:
    with pinned_pipe([sys.executable, "-m", "bench.load"], folder=ROOT) as process:
        yield RemoteGenerator(process)
