"""The nemesis breaks what its seed says, one thing once at a time, and leaves nothing broken."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab.history import Fault, History
from tests.lab.nemesis import MAX_LENGTH_S, Breakage, Nemesis, Step, plan
from tests.support.patience import eventually


async def nothing() -> None:
    pass


def breakages() -> list[Breakage]:
    return [
        Breakage(f"{target}: {way}", target, nothing, nothing, stretch=2 if way == "long" else 1, weight=weight)
        for target in ("redis", "n1", "n2")
        for way, weight in (("kill", 1), ("pause", 3), ("long", 1))
    ]


@given(seed=st.integers(), total_s=st.floats(0, 200), hands=st.integers(1, 5))
def test_a_plan_is_its_seeds_and_breaks_no_target_twice_at_once(seed: int, total_s: float, hands: int) -> None:
    steps = plan(seed, total_s, breakages(), hands=hands)
    assert steps == plan(seed, total_s, breakages(), hands=hands)
    targets = {breakage.name: breakage.target for breakage in breakages()}
    for index, step in enumerate(steps):
        assert step.begin_s + step.length_s <= total_s + 0.001
        assert step.length_s <= 2 * MAX_LENGTH_S
        together = [each for each in steps[:index] if each.begin_s + each.length_s > step.begin_s]
        assert len(together) < hands
        assert targets[step.name] not in {targets[each.name] for each in together}


def test_every_breakage_has_its_turn() -> None:
    drawn = Counter(step.name for step in plan(1, 2_000, breakages()))
    assert drawn.keys() == {breakage.name for breakage in breakages()}
    assert drawn["redis: pause"] > drawn["redis: kill"]


def test_another_seed_is_another_plan() -> None:
    assert plan(1, 60, breakages()) != plan(2, 60, breakages())


class Thing:
    """Something that can be broken.

    Attributes:
        log: what was done to it.
    """

    def __init__(self) -> None:
        self.log: list[str] = []

    async def begin(self) -> None:
        self.log.append("begin")

    async def end(self) -> None:
        self.log.append("end")

    def breakage(self, name: str = "it") -> Breakage:
        return Breakage(name, "thing", self.begin, self.end, breaks_streams=True)


async def test_what_was_broken_is_mended_and_both_are_in_the_history() -> None:
    thing, history = Thing(), History()
    await Nemesis([thing.breakage()], history).run([Step(0, 0.001, "it")], asyncio.Event())
    assert thing.log == ["begin", "end"]
    assert [(op.name, op.phase, op.breaks_streams) for op in history.ops if isinstance(op, Fault)] == [
        ("it", "begin", True),
        ("it", "end", True),
    ]


async def test_a_target_that_takes_long_to_mend_is_not_broken_meanwhile() -> None:
    thing = Thing()
    steps = [Step(0, 0.02, "one"), Step(0.01, 0.001, "two")]
    await Nemesis([thing.breakage("one"), thing.breakage("two")], History()).run(steps, asyncio.Event())
    assert thing.log == ["begin", "end", "begin", "end"]


async def test_stopped_it_mends_and_begins_nothing_more() -> None:
    thing, stop = Thing(), asyncio.Event()
    nemesis = Nemesis([thing.breakage()], History())
    task = asyncio.create_task(nemesis.run([Step(0, 3_600, "it"), Step(3_600, 1, "it")], stop))
    await eventually(lambda: thing.log)
    stop.set()
    await task
    assert thing.log == ["begin", "end"]


async def test_cancelled_it_mends() -> None:
    thing = Thing()
    task = asyncio.create_task(Nemesis([thing.breakage()], History()).run([Step(0, 3_600, "it")], asyncio.Event()))
    await eventually(lambda: thing.log)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert thing.log == ["begin", "end"]
