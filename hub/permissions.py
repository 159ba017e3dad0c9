"""Who may do what in a channel: one pure decision per operation, deny by default (docs/protocol.md section 6.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from hub.config import ChannelOptions


class Actor(Struct, frozen=True, gc=False):
    """What a decision needs to know about the one who asks."""

    user: str
    is_subscribed: bool
    is_insecure: bool


def may_subscribe(options: ChannelOptions, actor: Actor) -> bool:
    """Whether a subscription without token is allowed, on a channel that is neither private nor user-limited."""
    if actor.is_insecure:
        return True
    return options.allow_subscribe_for_client and _has_user(actor, options.allow_subscribe_for_anonymous)


def may_publish(options: ChannelOptions, actor: Actor) -> bool:
    return _may(
        actor,
        client=options.allow_publish_for_client,
        subscriber=options.allow_publish_for_subscriber,
        anonymous=options.allow_publish_for_anonymous,
    )


def may_see_presence(options: ChannelOptions, actor: Actor) -> bool:
    return _may(
        actor,
        client=options.allow_presence_for_client,
        subscriber=options.allow_presence_for_subscriber,
        anonymous=options.allow_presence_for_anonymous,
    )


def may_read_history(options: ChannelOptions, actor: Actor) -> bool:
    return _may(
        actor,
        client=options.allow_history_for_client,
        subscriber=options.allow_history_for_subscriber,
        anonymous=options.allow_history_for_anonymous,
    )


def _may(actor: Actor, *, client: bool, subscriber: bool, anonymous: bool) -> bool:
    if actor.is_insecure:
        return True
    return (client or (subscriber and actor.is_subscribed)) and _has_user(actor, anonymous)


def _has_user(actor: Actor, anonymous: bool) -> bool:
    return bool(actor.user) or anonymous
