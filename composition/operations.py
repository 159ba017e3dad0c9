"""What operators see of a node, and how they reach all of them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from composition.dead_letters import open_dead_letters
from composition.relay_reader import keeps_dead_letters
from services.accounts.user import Role
from services.operations.live_feed import LiveFeed
from services.operations.local_node import LocalNode
from services.operations.overview import OverviewMeter
from services.operations.process_meter import ProcessMeter
from services.operations.service import Operations
from services.operations.watching import Watching
from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from composition.config import OperatorAccount
    from composition.platform import Platform
    from hub.clock import Clock
    from hub.hub import Hub
    from hub.relay.consumer_config import RelayConfig
    from hub.relay.dead_letters import DeadLetters
    from services.accounts.service import Accounts
    from services.operations.ports import LogStore, RelayReader, TraceStore
    from services.operations.views import SettingView

    Tasks = list[tuple[str, Coroutine[object, object, None]]]

DEVELOPMENT: Final = "development"
"""Who made that account, in the audit trail."""


async def make_operator(account: OperatorAccount | None, accounts: Accounts) -> None:
    """The account that a development node comes with; one that is there stays as it is.

    Raises:
        StorageUnavailable
    """
    if account is None:
        return
    try:
        await accounts.create(account.email, account.password, "Operator", Role.OPS, actor=DEVELOPMENT)
    except Refusal as refusal:
        if refusal.kind is not Kind.CONFLICT:
            raise


class ConsumerLetters:
    """The dead letters of this configuration's consumers: services.operations.ports.DeadLetterOffice."""

    def __init__(self, config: RelayConfig, clock: Clock) -> None:
        self._consumers = {each.name: each for each in config.consumers if keeps_dead_letters(each)}
        self._clock = clock

    def has(self, consumer: str) -> bool:
        return consumer in self._consumers

    @asynccontextmanager
    async def open(self, consumer: str) -> AsyncIterator[DeadLetters]:
        async with open_dead_letters(self._consumers[consumer], self._clock) as letters:
            yield letters


class KnownSettings:
    """The settings as they were at the start: services.operations.ports.SettingsReader."""

    def __init__(self, views: tuple[SettingView, ...]) -> None:
        self._views = views

    def settings(self) -> list[SettingView]:
        return list(self._views)


class NodeOperations:
    """One node's part in operations. It answers the others in any case, and publishes where there is a console.

    Attributes:
        local: what it knows of itself; it is told of more as the node is put together.
    """

    def __init__(
        self,
        hub: Hub,
        loop_lag_s: Callable[[], float],
        *,
        relays: RelayReader,
        traces: TraceStore | None = None,
        logs: LogStore | None = None,
    ) -> None:
        meter = ProcessMeter(hub.clock)
        self.local = LocalNode(hub, meter, relays=relays, traces=traces, logs=logs)
        self._hub = hub
        self._watching = Watching(hub)
        self._feed = LiveFeed(self.local, OverviewMeter(hub, meter, loop_lag_s), self._watching)
        self.local.serve()
        self._watching.serve()

    def open_console(self, platform: Platform, relay: RelayConfig, settings: tuple[SettingView, ...]) -> Operations:
        """What REST stands on, with the RPC beside it. Once per hub."""
        self._watching.register(platform.accounts.authorise)
        letters = ConsumerLetters(relay, self._hub.clock)
        return Operations(self._hub, platform.sessions, platform.audit, letters, KnownSettings(settings))

    def tasks(self) -> Tasks:
        """The live feed; only where the console has opened."""
        return self._feed.tasks()

    def measures(self) -> dict[str, float]:
        return self._feed.measures()
