"""A run: publishers publish, clients follow, things break; then all heals, and what everybody saw is checked."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.lab.breakages import breakages_of
from tests.lab.checkers import check, summary
from tests.lab.clients import LabClient
from tests.lab.history import Fault, Final, History, Logged, show
from tests.lab.lab_config import EXCHANGE, channel_of
from tests.lab.nemesis import Nemesis, plan
from tests.lab.processes import running_world
from tests.lab.publishers import EventsCarrier, HttpCarrier, Lane, OutboxCarrier, RabbitCarrier
from tests.support.patience import TIME_SCALE, eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from tests.lab.checkers import Finding
    from tests.lab.history import AnyOp
    from tests.lab.processes import World
    from tests.lab.publishers import Carrier

SHOWN_FINDINGS = 10

SHOWN_BEFORE = 12
"""Lines of a client's history before its first finding that a failure shows."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run is made of. The same plan breaks the same things at the same times.

    Attributes:
        services: of redis, rabbitmq, postgres.
        carriers: of http, events, rabbitmq, outbox: whoever publishes.
        clients_per_user: devices of each.
        pause_s: between two events of one lane, on average.
        faults_s: how long things break; the run is longer by start, healing and quiet.
        hands: how many things may be broken at once.
        only: breakages whose name contains none of these are left out; all when empty.
        heals_within_s: from the end of the last fault until everybody has everything.
    """

    seed: int
    faults_s: float
    num_nodes: int = 2
    services: frozenset[str] = frozenset({"redis", "rabbitmq", "postgres"})
    carriers: tuple[str, ...] = ("http", "events", "rabbitmq", "outbox")
    num_users: int = 3
    clients_per_user: int = 2
    pause_s: float = 0.4
    hands: int = 2
    only: tuple[str, ...] = ()
    heals_within_s: float = 45 * TIME_SCALE


@dataclass
class Result:
    """What came of it."""

    plan: Plan
    findings: list[Finding]
    ops: Sequence[AnyOp]
    history_file: Path

    @property
    def is_good(self) -> bool:
        """No promise was broken, and when all had healed every publisher got one."""
        counted = summary(self.ops)
        return not self.findings and counted["promised"] == counted["events"] > 0

    def report(self) -> str:
        """The seed, what was done and seen, and the first counter-example."""
        lines = [
            f"seed {self.plan.seed}, {self.plan.faults_s:g} s; history: {self.history_file}",
            *(f"  {name}: {count}" for name, count in summary(self.ops).items()),
            "timeline:",
            *(f"  {op.at_s:8.2f} {op.phase:5} {op.name}" for op in self.ops if isinstance(op, Fault)),
            f"{len(self.findings)} findings",
            *(f"  {finding.checker}: {finding.text}" for finding in self.findings[:SHOWN_FINDINGS]),
        ]
        if self.findings:
            lines += ["the first one's surroundings:", _surroundings(self.ops, self.findings[0])]
        return "\n".join(lines)


async def run(settings: Plan, directory: Path) -> Result:
    """Do it all. The history is written to `directory`, which is there, as it happens, and stays there."""
    file = directory / f"history-{settings.seed}.jsonl"
    with file.open("wb") as lines:
        history = History(lines)
        try:
            await _run_in_a_world(settings, directory / f"nodes-{settings.seed}", history)
        except Exception as exc:
            exc.add_note(Result(settings, _of_a_part(check(history.ops)), history.ops, file).report())
            raise
    return Result(settings, check(history.ops), history.ops, file)


def _of_a_part(findings: list[Finding]) -> list[Finding]:
    """What a run that broke off shows all the same: that things are missing in the end is no wonder."""
    return [finding for finding in findings if finding.checker not in ("lost", "not converged")]


async def _run_in_a_world(settings: Plan, directory: Path, history: History) -> None:
    async with running_world(
        directory, num_nodes=settings.num_nodes, services=settings.services, seed=settings.seed
    ) as world:
        await _Run(settings, world, history).play()


class _Run:
    """One run in a world that stands."""

    def __init__(self, settings: Plan, world: World, history: History) -> None:
        self._settings = settings
        self._world = world
        self._history = history
        self._rng = random.Random(settings.seed)
        self._users = [f"u{number}" for number in range(settings.num_users)]
        self._clients = [client for user in self._users for client in self._clients_of(user)]

    async def play(self) -> None:
        breakages = [breakage for breakage in breakages_of(self._world) if self._is_wanted(breakage.name)]
        steps = plan(self._settings.seed, self._settings.faults_s, breakages, hands=self._settings.hands)
        async with self._following():
            await eventually(self._all_subscribed, self._settings.heals_within_s)
            async with self._publishing():
                await Nemesis(breakages, self._history).run(steps, asyncio.Event())
            for node in self._world.nodes:
                node.check_alive()
            await self._wait_for_quiet()
            await self._note_finals()
            self._note_traces()

    def _is_wanted(self, name: str) -> bool:
        return not self._settings.only or any(part in name for part in self._settings.only)

    # --- clients ------------------------------------------------------------------------------------------------

    def _clients_of(self, user: str) -> list[LabClient]:
        return [
            LabClient(
                name=f"{user}/{number}",
                user=user,
                channel=channel_of(user),
                urls=self._world.ws_urls,
                history=self._history,
                rng=random.Random(f"{self._settings.seed}/{user}/{number}"),
            )
            for number in range(self._settings.clients_per_user)
        ]

    @asynccontextmanager
    async def _following(self) -> AsyncIterator[None]:
        """Every client is there until the end. One that fails ends the run."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(client.run(), name=f"client {client.name}") for client in self._clients]
            yield
            for task in tasks:
                task.cancel()

    def _all_subscribed(self) -> bool:
        return all(client.is_subscribed for client in self._clients)

    # --- publishers ---------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _publishing(self) -> AsyncIterator[None]:
        """Every lane publishes; afterwards each has the promise for its last event, or has waited for it in vain."""
        stop, give_up = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for user in self._users:
                for name in self._settings.carriers:
                    lane = self._lane(user, name)
                    group.create_task(lane.run(stop, give_up), name=f"lane {lane.key}")
            try:
                yield
            finally:
                stop.set()
                timer = asyncio.get_running_loop().call_later(self._settings.heals_within_s, give_up.set)
        timer.cancel()

    def _lane(self, user: str, carrier: str) -> Lane:
        rng = random.Random(f"{self._settings.seed}/{user}/{carrier}")
        made = _CARRIERS[carrier](self._world, rng)
        return Lane(made, user, channel_of(user), self._history, rng, self._settings.pause_s)

    # --- the end ------------------------------------------------------------------------------------------------

    async def _wait_for_quiet(self) -> None:
        """Until nothing waits anywhere and everybody has everything; if that does not happen, a checker says what."""
        try:
            await eventually(self._is_quiet, self._settings.heals_within_s)
        except AssertionError:
            self._history.add(Fault(name=f"no quiet: {await self._world.num_waiting()}", phase="end"))

    async def _is_quiet(self) -> bool:
        if not self._all_subscribed() or self._is_missing():
            return False
        if any((await self._world.num_waiting()).values()):
            return False
        tops = {user: await self._top(user) for user in self._users}
        return all((client.epoch, client.offset) == tops[client.user] for client in self._clients)

    def _is_missing(self) -> bool:
        """Some client lacks an event that was promised."""
        return any(self._history.promised_in(client.channel) - client.known for client in self._clients)

    async def _top(self, user: str) -> tuple[str, int]:
        top = await self._world.call("history", channel=channel_of(user), limit=0)
        return top["epoch"], top["offset"]

    async def _note_finals(self) -> None:
        for client in self._clients:
            try:
                top_epoch, top_offset = await self._top(client.user)
            except AssertionError as exc:
                top_epoch, top_offset = f"unknown: {exc}", 0
            self._history.add(
                Final(
                    client=client.name,
                    user=client.user,
                    channel=client.channel,
                    epoch=client.epoch if client.is_subscribed else "",
                    offset=client.offset,
                    top_epoch=top_epoch,
                    top_offset=top_offset,
                )
            )

    def _note_traces(self) -> None:
        for node in self._world.nodes:
            for text in node.traces():
                self._history.add(Logged(node=node.name, text=text))


_CARRIERS: dict[str, Callable[[World, random.Random], Carrier]] = {
    "http": lambda world, rng: HttpCarrier(world.http_urls, rng),
    "events": lambda world, rng: EventsCarrier(world.http_urls, rng),
    "outbox": lambda world, _rng: OutboxCarrier(world.database_url),
    "rabbitmq": lambda world, _rng: RabbitCarrier(world.rabbitmq_url, EXCHANGE, lambda event: f"lab.{event.user}"),
}


def _surroundings(ops: Sequence[AnyOp], finding: Finding) -> str:
    """What the same client, or the same event, went through just before."""
    if finding.op is None:
        return "  it shows in the end"
    names = {getattr(finding.op, field, None) for field in ("client", "event")} - {None}
    before = [op for op in ops if op.at_s <= finding.op.at_s and _names(op) & names]
    return show(before[-SHOWN_BEFORE:])


def _names(op: AnyOp) -> set[str]:
    return {name for name in (getattr(op, "client", ""), getattr(op, "event", "")) if name}
