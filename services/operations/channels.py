"""The namespace that operations bring along, and its three channels: what is new, pushed to those who watch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hub.config import ChannelOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.config import ChannelConfig

OPS: Final = "ops"

OVERVIEW: Final = "ops:overview"
LOGS: Final = "ops:logs"
TRACES: Final = "ops:traces"

CHANNEL_OF: Final[Mapping[str, str]] = {"overview": OVERVIEW, "logs": LOGS, "traces": TRACES}
"""By topic, as `ops.watch` names them."""

OPS_OPTIONS: Final = ChannelOptions(channel_regex=r"(?!)")
"""No name that a client sends is one of this namespace, `client.insecure` or not: the server alone subscribes anybody.

Nothing is kept, nobody is listed: who comes late has missed what was before.
"""


def with_operations_namespace(config: ChannelConfig) -> ChannelConfig:
    """The configuration with the namespace; one of its own by this name is refused before (settings.rules)."""
    return replace(config, namespaces={**config.namespaces, OPS: OPS_OPTIONS})
