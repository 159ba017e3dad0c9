"""Messages to this node alone: at most once, nothing is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.engines.redis.buses import Buses
    from hub.engines.redis.failures import ServerError
    from hub.engines.redis.keys import ChannelKeys


class Mailbox:
    """A Route."""

    def __init__(self, keys: ChannelKeys, buses: Buses, deliver: Callable[[bytes], None], *, is_sharded: bool) -> None:
        self.name, self.slot, self.is_sharded = keys.doorbell, keys.slot, is_sharded
        self.is_listening = False
        self._buses = buses
        self._deliver = deliver

    def receive(self, data: bytes) -> None:
        self._deliver(data)

    def attached(self) -> None:
        self.is_listening = True

    def detached(self) -> None:
        self.is_listening = False

    def refused(self, error: ServerError) -> None:  # noqa: ARG002  its bus has said so
        self._buses.attach_again(self)
