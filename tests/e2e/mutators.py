"""Users who go on writing to their documents whatever the database does, and know what they were promised."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.support.patience import PATIENCE_S, TIME_SCALE, eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.e2e.devices import Device, Devices
    from tests.support.api_client import Answer
    from tests.support.raw_client import RawClient

KEY = "cart"

ANSWER_WITHIN_S = 2 * TIME_SCALE
"""Each write is answered by then, one way or the other."""

NORMAL_WITHIN_S = 5 * TIME_SCALE
"""After its return, the database is used again by then."""

BACK_WITHIN_S = 30 * TIME_SCALE
"""A node that has been killed has a successor by then."""

PAGE_OF_CHANGES = 1_000

MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}


@dataclass
class Mutator:
    """One user: a device that writes over REST, and a live connection that follows the document.

    Attributes:
        promised: the version that each acknowledged mutation got.
        refusals: writes answered with 503.
        unanswered: writes whose connection to the node broke.
    """

    device: Device
    live: RawClient
    promised: dict[str, int] = field(default_factory=dict)
    refusals: int = 0
    unanswered: int = 0

    async def write_until(self, is_enough: Callable[[], bool]) -> None:
        """The mutation that is under way then is seen through."""
        number = 0
        while not is_enough():
            number += 1
            while f"mutation-{number}" not in self.promised:
                await self._try(f"mutation-{number}", number)

    async def _try(self, mutation: str, number: int) -> None:
        """As docs/sessions.md says: what was not acknowledged is repeated with the same id."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                answer = await self._write(mutation, number)
        except aiohttp.ClientError:
            self.unanswered += 1
            await eventually(self.device.node.readiness, BACK_WITHIN_S)
            return
        if answer.status == 200:
            self.promised[mutation] = answer.json["version"]
            return
        assert answer.status == 503, answer
        assert answer.json["code"] == "unavailable"
        assert int(answer.headers["retry-after"]) > 0
        self.refusals += 1

    async def _write(self, mutation: str, number: int) -> Answer:
        headers = {**MERGE_PATCH, "Idempotency-Key": mutation}
        return await self.device.call("PATCH", f"/v1/state/{KEY}", {"number": number}, headers)

    async def check_log(self) -> None:
        """Versions have no gap, each mutation is there once, and every promise is kept as it was made."""
        log = await self.log()
        assert [change["version"] for change in log] == list(range(1, len(log) + 1))
        assert len({change["mutation"] for change in log}) == len(log)
        assert {change["mutation"]: change["version"] for change in log} == self.promised
        value = (await self.device.call("GET", f"/v1/state/{KEY}")).json
        assert value == log[-1]["patch"] == {"number": len(log)}

    async def has_seen_everything(self) -> bool:
        """The live connection was never closed, and each version has come to it, once.

        In order too, but for those whose commit the node has not heard of: a sweep of the outbox brings them, and a
        device that sees the gap asks for the changes (docs/sessions.md section 5).
        """
        channel = f"state:{KEY}#{self.device.user}"
        await self.live.settled()
        seen = [pub["data"]["version"] for pub in self.live.unread("pub", channel)]
        assert len(seen) == len(set(seen)), f"twice: {seen}"
        return set(seen) == set(self.promised.values())

    async def log(self) -> list[dict[str, Any]]:
        log: list[dict[str, Any]] = []
        while True:
            path = f"/v1/state/{KEY}/changes?since={len(log)}&limit={PAGE_OF_CHANGES}"
            page = (await self.device.call("GET", path)).json
            assert page["complete"]
            log += page["changes"]
            if len(log) == page["version"]:
                return log


class Mutators:
    def __init__(self, members: list[Mutator]) -> None:
        self.members = members
        self._is_enough = False
        self._tasks = [asyncio.create_task(member.write_until(lambda: self._is_enough)) for member in members]

    async def finish(self) -> None:
        """Let each see its last mutation through. One that was answered wrongly, or not in time, fails here."""
        self._is_enough = True
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*self._tasks)

    async def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def are_refused(self) -> None:
        """Wait until each of them has met the failure."""
        await self._eventually_more(lambda member: member.refusals, PATIENCE_S)

    async def are_cut_off(self) -> None:
        """Wait until each of them has lost a request to a node that is gone."""
        await eventually(lambda: all(member.unanswered for member in self.members))

    async def are_answered(self) -> None:
        """Wait until each of them has got more through."""
        await self._eventually_more(lambda member: len(member.promised), NORMAL_WITHIN_S)

    async def check_logs(self) -> None:
        await asyncio.gather(*(member.check_log() for member in self.members))

    async def check(self) -> None:
        """The logs; and no request was cut off, no live connection was closed, and everything has come to it."""
        await self.check_logs()
        assert [member.unanswered for member in self.members] == [0] * len(self.members)
        for member in self.members:
            await eventually(member.has_seen_everything)

    async def _eventually_more(self, count: Callable[[Mutator], int], within_s: float) -> None:
        before = [count(member) for member in self.members]

        def has_more() -> bool:
            return all(count(member) > then for member, then in zip(self.members, before, strict=True))

        await eventually(lambda: has_more() or self._has_failed(), within_s)
        for task in self._tasks:
            if task.done():
                task.result()

    def _has_failed(self) -> bool:
        return any(task.done() for task in self._tasks)


@asynccontextmanager
async def mutating(devices: Devices, count: int) -> AsyncIterator[Mutators]:
    """So many users who write until this ends."""
    mutators = Mutators([await _mutator(devices) for _ in range(count)])
    try:
        yield mutators
        await mutators.finish()
    finally:
        await mutators.cancel()


async def _mutator(devices: Devices) -> Mutator:
    device = await devices.log_in(await devices.register())
    live = await devices.connect(device)
    await live.call("subscribe", channel=f"state:{KEY}#{device.user}")
    return Mutator(device, live)
