"""Is the process alive, and may it be sent traffic? Liveness never looks at a dependency, or a blip of one would
restart the fleet; readiness looks at everything a new client needs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from aiohttp import web

from hub.errors import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from api.config import HealthConfig
    from hub.hub import Hub
    from hub.relay.source import SourceHealth

    Handler = Callable[[web.Request], Awaitable[web.Response]]

CHECK_DEADLINE_S = 2.0

STUCK_AFTER_S = 10.0
"""Only a loop that is later than this calls for a restart; one that is merely slow is not ready."""

MAX_STORAGE_AGE_S = 5.0
"""A storage that has been silent for longer makes the node unready; it is asked each second."""

MAX_ENGINE_AGE_S = 5.0
"""So does an engine. What is connected stays: its clients catch up when the engine is back."""

OK: Final = "ok"
DEGRADED: Final = "degraded"
UNAVAILABLE: Final = "unavailable"


class Check(NamedTuple):
    """How one part is.

    Attributes:
        age_s: since when it has been so; of what is asked again and again, how old its last sign of life is.
        detail: for operators: what is wrong, or what was measured. Never a secret.
    """

    is_ok: bool
    age_s: float = 0.0
    detail: str = ""

    def told(self) -> dict[str, object]:
        return {"ok": self.is_ok, "age_ms": round(self.age_s * 1000), "detail": self.detail}


class Phase:
    """Something that begins once: whether it has, and since when."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self.since_s = now_s()
        self.has_begun = False

    def begin(self) -> None:
        """A second time changes nothing."""
        if not self.has_begun:
            self.has_begun, self.since_s = True, self._now_s()

    def check(self, is_ok: bool, detail: str) -> Check:
        return Check(is_ok, self._now_s() - self.since_s, detail)


class HealthChecks:
    """`/healthz`, `/readyz`, `/startupz`, and Centrifugo's `/health`.

    Args:
        loop_lag_s: how late the event loop is, at this moment.
        storage_age_s: how long ago the storage has given a sign of life; None without a storage.
        engine_age_s: the same of the engine, for one that is outside of this process.

    Attributes:
        consumers: how the sources of the relay are. Told, and no reason to be unready: clients are served all the same,
            and the messages wait at their broker.
    """

    def __init__(
        self,
        hub: Hub,
        config: HealthConfig,
        loop_lag_s: Callable[[], float],
        storage_age_s: Callable[[], float] | None = None,
        engine_age_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._hub = hub
        self._config = config
        self._loop_lag_s = loop_lag_s
        self._storage_age_s = storage_age_s
        self._engine_age_s = engine_age_s
        self.consumers: Callable[[], Iterable[SourceHealth]] = tuple
        self._start = Phase(hub.clock.monotonic_s)
        self._drain = Phase(hub.clock.monotonic_s)

    @property
    def is_started(self) -> bool:
        return self._start.has_begun

    @property
    def is_draining(self) -> bool:
        return self._drain.has_begun

    def started(self) -> None:
        """The node listens."""
        self._start.begin()

    def draining(self) -> None:
        """It takes no new clients from now on."""
        self._drain.begin()

    # --- routes -----------------------------------------------------------------------------------------------------

    def add_routes(self, app: web.Application) -> None:
        """With all that there is to tell: for the internal port, or the only one."""
        for path, answer in self._answers().items():
            app.router.add_get(path, _handler(answer, has_detail=True))
        if self._config.is_enabled:
            app.router.add_get(self._config.handler_prefix, _centrifugos)

    def add_status_routes(self, app: web.Application) -> None:
        """With the status alone: for a public port beside an internal one."""
        for path, answer in self._answers().items():
            app.router.add_get(path, _handler(answer, has_detail=False))

    def _answers(self) -> dict[str, Callable[[], Awaitable[dict[str, object]]]]:
        return {"/healthz": self._liveness, "/readyz": self.report, "/startupz": self._startup}

    # --- answers ----------------------------------------------------------------------------------------------------

    async def report(self) -> dict[str, object]:
        """What `/readyz` says, within CHECK_DEADLINE_S."""
        checks = {
            "started": self._start.check(self.is_started, "" if self.is_started else "not listening yet"),
            "not_draining": self._drain.check(not self.is_draining, "leaving" if self.is_draining else ""),
            "loop": self._loop(self._config.max_loop_lag_s),
            "engine": await self._engine(),
        }
        if self._storage_age_s is not None:
            checks["storage"] = _by_age(self._storage_age_s(), MAX_STORAGE_AGE_S)
        consumers = {source.name: Check(source.is_attached, source.age_s, source.detail) for source in self.consumers()}
        body: dict[str, object] = {
            "status": _status(checks.values(), consumers.values()),
            "checks": {name: check.told() for name, check in checks.items()},
        }
        return body | ({"consumers": {name: check.told() for name, check in consumers.items()}} if consumers else {})

    async def _liveness(self) -> dict[str, object]:
        loop = self._loop(STUCK_AFTER_S)
        return {"status": _status((loop,)), "loop_lag_ms": round(loop.age_s * 1000, 3)}

    async def _startup(self) -> dict[str, object]:
        return {"status": OK if self.is_started else UNAVAILABLE}

    def _loop(self, max_lag_s: float) -> Check:
        lag_s = self._loop_lag_s()
        return Check(lag_s <= max_lag_s, lag_s, "" if lag_s <= max_lag_s else f"{lag_s:.3f} s late")

    async def _engine(self) -> Check:
        by_age = _by_age(self._engine_age_s(), MAX_ENGINE_AGE_S)
        if not by_age.is_ok:
            return by_age
        try:
            async with asyncio.timeout(CHECK_DEADLINE_S):
                await self._hub.engine.nodes()
        except (EngineUnavailable, TimeoutError) as exc:
            return Check(False, by_age.age_s, str(exc) or "no answer in time")
        return by_age


def _by_age(age_s: float, max_age_s: float) -> Check:
    return Check(age_s <= max_age_s, age_s, "" if age_s <= max_age_s else "no answer")


def _status(needed: Iterable[Check], useful: Iterable[Check] = ()) -> str:
    if not all(check.is_ok for check in needed):
        return UNAVAILABLE
    return OK if all(check.is_ok for check in useful) else DEGRADED


def _handler(answer: Callable[[], Awaitable[dict[str, object]]], *, has_detail: bool) -> Handler:
    async def handle(request: web.Request) -> web.Response:  # noqa: ARG001  # handler signature
        told = await answer()
        body = msgspec.json.encode(told if has_detail else {"status": told["status"]})
        status = 503 if told["status"] == UNAVAILABLE else 200
        return web.Response(
            body=body, status=status, content_type="application/json", headers={"Cache-Control": "no-store"}
        )

    return handle


async def _centrifugos(request: web.Request) -> web.Response:  # noqa: ARG001  # handler signature
    return web.Response(body=b"{}", content_type="application/json")
