"""Who breaks things, and when: a plan drawn from a seed, carried out on the clock.

The plan depends on the seed, its length and the names of the faults alone, so the same seed breaks the same things at
the same times. What the processes make of it is their own; a history is what tells two runs apart.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tests.lab.history import Fault
from tests.lab.pacing import rest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tests.lab.history import History

MIN_LENGTH_S, MAX_LENGTH_S = 0.3, 4.0
"""How long a fault lasts. Shorter than some deadlines of a node and its clients, longer than others."""

MAX_PAUSE_S = 2.0
"""Between the end of a fault and the next one of the same hand."""


@dataclass(frozen=True)
class Breakage:
    """One way to break one thing.

    Attributes:
        target: what it breaks. Nothing is broken twice at once.
        begin, end: `end` makes whole again what `begin` has broken, and returns once it is.
        breaks_streams: channels may begin a new epoch.
        stretch: it lasts so many times longer than others.
        weight: how often it is drawn, beside the others of its target; targets are drawn alike.
    """

    name: str
    target: str
    begin: Callable[[], Awaitable[object]]
    end: Callable[[], Awaitable[object]]
    breaks_streams: bool = False
    stretch: float = 1.0
    weight: int = 1


class Step(NamedTuple):
    """One fault of a plan, in seconds from its beginning."""

    begin_s: float
    length_s: float
    name: str


def plan(seed: int, total_s: float, breakages: Sequence[Breakage], *, hands: int = 2) -> list[Step]:
    """What will be broken in a run that breaks things for `total_s`, never more than `hands` of them at once."""
    rng = random.Random(seed)
    steps: list[Step] = []
    targets = {breakage.name: breakage.target for breakage in breakages}
    free_at_s = [rng.uniform(0, 1) for _ in range(hands)]
    while (begin_s := min(free_at_s)) < total_s:
        hand = free_at_s.index(begin_s)
        busy = {targets[step.name] for step in steps if step.begin_s + step.length_s > begin_s}
        length_s = 0.0
        if breakage := _choice(rng, [breakage for breakage in breakages if breakage.target not in busy]):
            length_s = breakage.stretch * rng.uniform(MIN_LENGTH_S, MAX_LENGTH_S)
            if begin_s + length_s <= total_s:
                steps.append(Step(round(begin_s, 3), round(length_s, 3), breakage.name))
        free_at_s[hand] = begin_s + length_s + rng.uniform(0, MAX_PAUSE_S)
    return steps


def _choice(rng: random.Random, breakages: Sequence[Breakage]) -> Breakage | None:
    """A target first, then a way to break it: what can break in many ways breaks no more often than the rest."""
    if not breakages:
        return None
    target = rng.choice(list(dict.fromkeys(breakage.target for breakage in breakages)))
    ways = [breakage for breakage in breakages if breakage.target == target]
    return rng.choices(ways, [breakage.weight for breakage in ways])[0]


class Nemesis:
    """Carries a plan out. What it has broken is whole again when `run` returns, however it returns."""

    def __init__(self, breakages: Sequence[Breakage], history: History) -> None:
        self._breakages = {breakage.name: breakage for breakage in breakages}
        self._history = history
        self._targets = {breakage.target: asyncio.Lock() for breakage in breakages}

    async def run(self, steps: Sequence[Step], stop: asyncio.Event) -> None:
        """Return when every step has ended, or `stop` was set."""
        began_s = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as hands:
            for step in steps:
                hands.create_task(self._step(step, began_s, stop), name=f"nemesis: {step.name}")

    async def _step(self, step: Step, began_s: float, stop: asyncio.Event) -> None:
        breakage = self._breakages[step.name]
        if await rest(stop, max(0.0, began_s + step.begin_s - asyncio.get_running_loop().time())):
            return
        async with self._targets[breakage.target]:  # a slow end of the one before delays it
            self._note(breakage, "begin")
            try:
                await breakage.begin()
                await rest(stop, step.length_s)
            finally:
                await breakage.end()
                self._note(breakage, "end")

    def _note(self, breakage: Breakage, phase: str) -> None:
        self._history.add(
            Fault(
                name=breakage.name,
                phase="begin" if phase == "begin" else "end",
                breaks_streams=breakage.breaks_streams,
            )
        )
