"""Is the process alive, and may it be sent traffic? Liveness never looks at a dependency, or a blip of one would
restart the fleet; readiness looks at everything a new client needs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from hub.errors import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.config import HealthConfig
    from hub.hub import Hub

CHECK_DEADLINE_S = 2.0

STUCK_AFTER_S = 10.0
"""Only a loop that is later than this calls for a restart; one that is merely slow is not ready."""

MAX_STORAGE_AGE_S = 5.0
"""A storage that has been silent for longer makes the node unready; it is asked each second."""

MAX_ENGINE_AGE_S = 5.0
"""So does an engine. What is connected stays: its clients catch up when the engine is back."""


class HealthChecks:
    """`/healthz`, `/readyz`, `/startupz`, and Centrifugo's `/health`.

    Args:
        loop_lag_s: how late the event loop is, at this moment.
        storage_age_s: how long ago the storage has given a sign of life; None without a storage.
        engine_age_s: the same of the engine, for one that is outside of this process.

    Attributes:
        consumers: which consumers are attached, by name. Told, and no reason to be unready: clients are served all the
            same.
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
        self.consumers: Callable[[], dict[str, bool]] = dict
        self.is_started = False
        self.is_draining = False

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/healthz", self.alive)
        app.router.add_get("/readyz", self.ready)
        app.router.add_get("/startupz", self.started)
        if self._config.is_enabled:
            app.router.add_get(self._config.handler_prefix, self.health)

    async def alive(self, request: web.Request) -> web.Response:  # noqa: ARG002  # handler signature
        lag_s = self._loop_lag_s()
        return _answer(lag_s <= STUCK_AFTER_S, {"loop_lag_ms": round(lag_s * 1000, 3)})

    async def ready(self, request: web.Request) -> web.Response:  # noqa: ARG002  # handler signature
        lag_s = self._loop_lag_s()
        checks = {
            "started": self.is_started,
            "not_draining": not self.is_draining,
            "loop": lag_s <= self._config.max_loop_lag_s,
            "engine": await self._engine_answers(),
        }
        detail: dict[str, object] = {"checks": checks}
        if self._storage_age_s is not None:
            age_s = self._storage_age_s()
            checks["storage"] = age_s <= MAX_STORAGE_AGE_S
            detail["storage_age_ms"] = round(age_s * 1000)
        if consumers := self.consumers():
            detail["consumers"] = consumers
        return _answer(all(checks.values()), detail)

    async def started(self, request: web.Request) -> web.Response:  # noqa: ARG002  # handler signature
        return _answer(self.is_started, {})

    async def health(self, request: web.Request) -> web.Response:  # noqa: ARG002  # handler signature
        return web.Response(body=b"{}", content_type="application/json")

    async def _engine_answers(self) -> bool:
        if self._engine_age_s() > MAX_ENGINE_AGE_S:
            return False
        try:
            async with asyncio.timeout(CHECK_DEADLINE_S):
                await self._hub.engine.nodes()
        except (EngineUnavailable, TimeoutError):
            return False
        return True


def _answer(is_well: bool, detail: dict[str, object]) -> web.Response:  # the one thing it says
    body = msgspec.json.encode({"status": "ok" if is_well else "unavailable", **detail})
    headers = {"Cache-Control": "no-store"}
    return web.Response(body=body, status=200 if is_well else 503, content_type="application/json", headers=headers)
