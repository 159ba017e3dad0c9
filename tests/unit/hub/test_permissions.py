"""Every combination of options and actors against rules written down a second time, as the document words them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import pytest

from hub.config import ChannelOptions
from hub.permissions import Actor, may_publish, may_read_history, may_see_presence, may_subscribe

BOTH = (False, True)

ACTORS = [Actor(user, subscribed, insecure) for user, subscribed, insecure in product(["", "42"], BOTH, BOTH)]


class Flags(NamedTuple):
    client: bool
    subscriber: bool
    anonymous: bool


def is_allowed(flags: Flags, actor: Actor) -> bool:
    """Section 6.4, sentence by sentence."""
    if actor.is_insecure:  # `client.insecure` allows everything
        return True
    if not actor.user and not flags.anonymous:  # a client without user id needs the `…_for_anonymous` option as well
        return False
    if flags.client:
        return True
    return flags.subscriber and actor.is_subscribed


Decision = Callable[[ChannelOptions, Actor], bool]


@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("flags", [Flags(*flags) for flags in product(BOTH, repeat=3)])
@pytest.mark.parametrize(
    ("decide", "operation"), [(may_publish, "publish"), (may_see_presence, "presence"), (may_read_history, "history")]
)
def test_publish_presence_and_history(decide: Decision, operation: str, flags: Flags, actor: Actor) -> None:
    named = {f"allow_{operation}_for_{who}": flag for who, flag in flags._asdict().items()}
    assert decide(ChannelOptions(**named), actor) == is_allowed(flags, actor)


@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize(("client", "anonymous"), list(product(BOTH, BOTH)))
def test_subscribe(client: bool, anonymous: bool, actor: Actor) -> None:
    options = ChannelOptions(allow_subscribe_for_client=client, allow_subscribe_for_anonymous=anonymous)
    assert may_subscribe(options, actor) == is_allowed(Flags(client, False, anonymous), actor)


EVERYTHING: dict[str, Any] = {name: True for name in ChannelOptions.__dataclass_fields__ if name.startswith("allow_")}


@pytest.mark.parametrize(
    ("decide", "operation"),
    [
        (may_subscribe, "subscribe"),
        (may_publish, "publish"),
        (may_see_presence, "presence"),
        (may_read_history, "history"),
    ],
)
def test_no_option_of_one_operation_opens_another(decide: Decision, operation: str) -> None:
    others = {name: flag for name, flag in EVERYTHING.items() if f"_{operation}_" not in name}
    assert not decide(ChannelOptions(**others), Actor("42", True, False))
    assert decide(ChannelOptions(**EVERYTHING), Actor("", False, False))


@pytest.mark.parametrize("actor", [actor for actor in ACTORS if not actor.is_insecure])
@pytest.mark.parametrize("decide", [may_subscribe, may_publish, may_see_presence, may_read_history])
def test_everything_is_denied_by_default(decide: Decision, actor: Actor) -> None:
    assert not decide(ChannelOptions(), actor)
