"""Channels, as operators see them on all nodes: who is there, what was published, and a publication of their own."""

from __future__ import annotations

import glob
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from msgspec import UNSET, Raw

from hub.census import count_clients_heard
from hub.channels import namespace_of
from hub.payload import clean_payload
from services.operations.asking import names_of, refusing
from services.operations.channels import OPS
from services.operations.views import (
    ChannelDetailView,
    ChannelsView,
    ChannelView,
    HistoryView,
    MemberView,
    PublicationView,
    PublishedView,
)
from sessions.channels import SESSIONS, STATE
from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from hub.engine import PublishOutcome
    from hub.hub import Hub
    from hub.protocol.messages import Publication
    from services.operations.views import TestPublication

MAX_MEMBERS: Final = 500
MAX_LOOKED_AT: Final = 5_000
"""A channel with more clients is not listed: the engine would hand over all of them at once."""

MAX_HISTORY: Final = 100
MAX_TAGS: Final = 20

CLOSED: Final = frozenset({OPS, SESSIONS, STATE})
"""What users' own documents and sessions are told by: nobody but the platform publishes there, and nobody reads along,
operators included."""

_WILDCARDS: Final = frozenset("*?[")


async def list_channels(hub: Hub, pattern: str, limit: int) -> ChannelsView:
    """Those with the most clients first.

    Args:
        pattern: as of a shell's file names; without any of `*?[`, what the name contains.
    """
    wanted = pattern if not pattern or _WILDCARDS & set(pattern) else f"*{pattern}*"
    with refusing():
        counts, silent = await count_clients_heard(hub, wanted)
    listed = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]
    views = [ChannelView(name=name, namespace=namespace_of(name), num_clients=count) for name, count in listed]
    return ChannelsView(views, len(counts), await names_of(hub, silent))


async def describe_channel(hub: Hub, channel: str) -> ChannelDetailView:
    with refusing():
        options = hub.channels.options(channel)
        counts, silent = await count_clients_heard(hub, glob.escape(channel))
        members, num_members = await _members(hub, channel) if options.presence else (None, 0)
        position = (await hub.history(channel)).position if options.has_history else None
    return ChannelDetailView(
        name=channel,
        namespace=namespace_of(channel),
        num_clients=counts.get(channel, 0),
        options=asdict(options),
        members=members,
        num_members=num_members,
        offset=position.offset if position else None,
        epoch=position.epoch if position else "",
        silent=await names_of(hub, silent),
    )


async def _members(hub: Hub, channel: str) -> tuple[list[MemberView], int]:
    """Some, by user, and how many there are."""
    num_members = (await hub.engine.presence_stats(channel)).num_clients
    if num_members > MAX_LOOKED_AT:
        return [], num_members
    present = await hub.engine.presence(channel)
    members = sorted((info.user, client) for client, info in present.items())
    return [MemberView(client=client, user=user) for user, client in members[:MAX_MEMBERS]], len(members)


async def read_history(hub: Hub, channel: str, limit: int) -> HistoryView:
    """The newest publications.

    Raises:
        Refusal: NOT_FOUND `no_history`; FORBIDDEN for channels of the platform itself.
    """
    require_open(channel)
    with refusing():
        history = await hub.history(channel, limit=min(limit, MAX_HISTORY), reverse=True)
    publications = [_publication(each) for each in history.publications]
    return HistoryView(publications, history.position.offset, history.position.epoch)


def _publication(publication: Publication) -> PublicationView:
    info = publication.info
    return PublicationView(
        data=Raw(b"null") if publication.data is UNSET else publication.data,
        offset=publication.offset,
        tags={} if publication.tags is UNSET else publication.tags,
        user="" if info is UNSET else info.user,
        client="" if info is UNSET else info.client,
    )


async def publish_for_test(hub: Hub, wanted: TestPublication) -> PublishedView:
    """Publish as a backend would; where traces are followed, this one is, whatever the sampling says.

    Raises:
        Refusal: NOT_FOUND, INVALID; FORBIDDEN for channels of the platform itself.
    """
    require_open(wanted.channel)
    tags = {} if wanted.tags is UNSET else wanted.tags
    if len(tags) > MAX_TAGS:
        raise Refusal(Kind.INVALID, "invalid_field", f"at most {MAX_TAGS}", "tags")
    if hub.traces is None:
        return _published(await _publish(hub, wanted), "")
    with hub.traces.always("test publication") as span:
        return _published(await _publish(hub, wanted), span.context.trace_id)


async def _publish(hub: Hub, wanted: TestPublication) -> PublishOutcome:
    with refusing():
        return await hub.publish(wanted.channel, clean_payload(bytes(wanted.data)), tags=wanted.tags)


def _published(outcome: PublishOutcome, trace_id: str) -> PublishedView:
    position = outcome.position
    return PublishedView(position.offset if position else 0, position.epoch if position else "", trace_id)


def require_open(channel: str) -> None:
    """Raises Refusal FORBIDDEN `platform_channel`."""
    if namespace_of(channel) in CLOSED:
        raise Refusal(Kind.FORBIDDEN, "platform_channel", "only the platform itself publishes and reads there")
