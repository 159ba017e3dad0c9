"""Servers that know where the primaries are, asked side by side: one that is down or frozen costs no time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from hub.engines.redis.failures import ServerError
from hub.engines.redis.link import Link
from hub.engines.redis.opening import open_link
from hub.errors import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from hub.clock import Clock
    from hub.engines.redis.config import Address
    from hub.engines.redis.opening import Credentials

T = TypeVar("T")


class Statement(NamedTuple, Generic[T]):
    """What one of them said."""

    source: Address
    answer: T


class Informants:
    """Keeps a connection to each server that it asks again and again.

    Args:
        credentials: what lets us in at each of them.
        connect_timeout_s: for one connection to be open and let in.
        deadline_s: for all answers to one question.

    Attributes:
        failures: why the last question found no answer, by server: for people to read.
    """

    def __init__(self, credentials: Credentials, clock: Clock, *, connect_timeout_s: float, deadline_s: float) -> None:
        self._credentials = credentials
        self._clock = clock
        self._connect_timeout_s = connect_timeout_s
        self._deadline_s = deadline_s
        self._links: dict[Address, Link] = {}
        self.failures: dict[Address, str] = {}

    async def ask(
        self, sources: Iterable[Address], question: Callable[[Link, Address], Awaitable[T]], enough: int
    ) -> list[Statement[T]]:
        """Return what was answered when `enough` of them have, when none is left to wait for, or at the deadline.

        A source that fails or refuses is left out; see `failures`. Connections to others than these are given up.
        """
        wanted = list(dict.fromkeys(sources))
        self._keep_only(set(wanted))
        self.failures = {}
        answers: list[Statement[T]] = []
        is_enough = asyncio.Event()

        async def ask_one(source: Address) -> None:
            try:
                answers.append(Statement(source, await question(await self._link_to(source), source)))
            except (EngineUnavailable, ServerError) as exc:
                self.failures[source] = str(exc)
            if len(answers) >= enough or len(answers) + len(self.failures) == len(wanted):
                is_enough.set()

        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(ask_one(source)) for source in wanted]
            try:
                async with asyncio.timeout(self._deadline_s):
                    await is_enough.wait()
            except TimeoutError:
                self._complain(wanted, answers)
            finally:
                for task in asked:
                    task.cancel()
        return answers

    def close(self) -> None:
        self._keep_only(set())

    async def _link_to(self, source: Address) -> Link:
        link = self._links.get(source)
        if link is None or link.is_closed:
            link = await open_link(source, self._credentials, self._connect_timeout_s, self._new_link)
            self._links[source] = link
        return link

    def _new_link(self) -> Link:
        return Link(self._clock, self._deadline_s)

    def _complain(self, wanted: Iterable[Address], answers: Iterable[Statement[T]]) -> None:
        answered = {statement.source for statement in answers}
        for source in wanted:
            if source not in answered:
                self.failures.setdefault(source, "no answer in time")

    def _keep_only(self, wanted: set[Address]) -> None:
        for source in self._links.keys() - wanted:
            self._links.pop(source).close()


def described(failures: dict[Address, str]) -> str:
    """For the text of an exception."""
    return "; ".join(f"{source}: {why}" for source, why in failures.items())
