"""Publications of a batch that follow each other into the same channel: the engine takes them in one step.

In an engine over a network each step is a round trip, and what is announced in one step reaches each subscriber in one
frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from api.server_api_methods import error_body, prepared, published
from hub.errors import EngineUnavailable, ReplyError
from hub.protocol import codes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from api.server_api_requests import BatchCommand, PublishRequest
    from hub.hub import Hub
    from hub.publishing import Prepared

    Reply = dict[str, Any]


def runs_of(commands: Sequence[BatchCommand | None]) -> Iterator[Sequence[BatchCommand | None]]:
    """The commands in their order: publications of one channel together, everything else by itself."""
    start = 0
    for end in range(1, len(commands) + 1):
        if end == len(commands) or not _belong_together(commands[start], commands[end]):
            yield commands[start:end]
            start = end


def _belong_together(first: BatchCommand | None, next_one: BatchCommand | None) -> bool:
    if first is None or next_one is None or first.publish is UNSET or next_one.publish is UNSET:
        return False
    return first.publish.channel == next_one.publish.channel


async def publish_run(hub: Hub, requests: Sequence[PublishRequest]) -> list[Reply]:
    """Publish to one channel, in this order; each has its own answer, and one that is refused stops no other.

    When the engine gives no answer, all of them say so: some of the first may have been published.
    """
    replies: list[Reply] = []
    accepted: list[tuple[Reply, Prepared]] = []
    for request in requests:
        reply: Reply = {}
        replies.append(reply)
        try:
            accepted.append((reply, prepared(hub, request)))
        except ReplyError as failure:
            reply["error"] = error_body(failure)
    try:
        outcomes = await hub.publishing.publish_prepared(requests[0].channel, [entry for _, entry in accepted])
    except EngineUnavailable:
        for reply, _ in accepted:
            reply["error"] = error_body(ReplyError(codes.INTERNAL))
    else:
        for (reply, _), outcome in zip(accepted, outcomes, strict=True):
            reply["publish"] = published(outcome)
    return replies
