"""How long commands take, and so how many there were, by method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hub.histogram import Histogram
from hub.protocol import messages

if TYPE_CHECKING:
    from collections.abc import Mapping

METHOD_OF: Final[Mapping[type, str]] = {
    messages.PublishRequest: "publish",
    messages.RPCRequest: "rpc",
    messages.ConnectRequest: "connect",
    messages.SubscribeRequest: "subscribe",
    messages.UnsubscribeRequest: "unsubscribe",
    messages.PresenceRequest: "presence",
    messages.PresenceStatsRequest: "presence_stats",
    messages.HistoryRequest: "history",
    messages.PingRequest: "ping",
    messages.SendRequest: "send",
    messages.RefreshRequest: "refresh",
    messages.SubRefreshRequest: "sub_refresh",
}
"""By the type of the request: looking that up costs less than carrying a name through the dispatch."""


class CommandTimes:
    """One histogram per method: from the decoded command to its answer, refused ones included.

    Attributes:
        of: by the type of the request, for who measures.
    """

    def __init__(self) -> None:
        self.of = {request: Histogram() for request in METHOD_OF}

    def histograms(self) -> dict[str, Histogram]:
        return {f"command_s.{METHOD_OF[request]}": histogram for request, histogram in self.of.items()}
