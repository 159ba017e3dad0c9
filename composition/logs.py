"""What a node adds to the log of its process: the memory of the last lines, and the lines about connections."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from hub.observer import beside
from observability.connection_log import ConnectionLog
from observability.log_memory import LogMemory
from observability.logging import standard_error

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from hub.clock import Clock
    from hub.gauges import Measured
    from hub.hub import Hub
    from observability.config import LogConfig


class NodeLogs:
    """The parts.

    Attributes:
        memory: implements services.operations.ports.LogStore.
    """

    def __init__(self, config: LogConfig, clock: Clock) -> None:
        self.memory = LogMemory(config.keep_lines)
        self._connections = ConnectionLog(clock, config.max_connection_lines_per_s)
        self._has_connections = config.max_connection_lines_per_s > 0

    def observe(self, hub: Hub) -> None:
        """Be told of connections, beside whoever is told already. Before the first one."""
        if self._has_connections:
            hub.observer = beside(hub.observer, self._connections)

    def tasks(self) -> list[tuple[str, Coroutine[object, object, None]]]:
        return [("log.connections", self._connections.run())] if self._has_connections else []

    def measured(self) -> list[Measured]:
        written = standard_error()
        return [self.memory, self._connections, *([written] if written is not None else [])]


@contextmanager
def open_logs(config: LogConfig, clock: Clock) -> Iterator[NodeLogs]:
    """Keep what is logged as long as the block runs."""
    logs = NodeLogs(config, clock)
    with logs.memory.attached():
        yield logs
