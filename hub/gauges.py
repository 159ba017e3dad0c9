"""What a hub can be asked about itself at any moment, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hub.control import DROPPED, UNREADABLE
from hub.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.hub import Hub


class Measured(Protocol):
    """A part that counts several things."""

    def measures(self) -> dict[str, float]:
        """Counters and gauges, by name; always the same names. `name.label` for one of several of a closed set."""


def gauges_of(hub: Hub) -> dict[str, Callable[[], float]]:
    return {
        "deliveries": lambda: hub.fan_out.deliveries,
        "writes": lambda: hub.fan_out.writes,
        "congested": lambda: len(hub.fan_out.congested),
        "outbox_bytes": lambda: sum(outbox.backlog_bytes for outbox in list(hub.fan_out.congested)),
        "clients": lambda: hub.registry.num_clients,
        "users": lambda: hub.registry.num_users,
        "sessions_connected": lambda: hub.registry.num_sessions,
        "devices_connected": lambda: hub.registry.num_devices,
        "channels": lambda: len(hub.index.channels),
        "subscriptions": lambda: hub.index.num_subscriptions,
        "uptime_s": lambda: hub.clock.monotonic_s() - hub.started_at_s,
        "departures_waiting": lambda: hub.departures.num_waiting,
        "departures_failed": lambda: hub.departures.failures,
        "presence_renewals_failed": lambda: hub.presence.failures,
        "control_dropped": lambda: hub.control.count(DROPPED),
        "control_message_unreadable": lambda: hub.control.count(UNREADABLE),
        "survey_questions_dropped": lambda: hub.survey.dropped,
        "surveys_incomplete": lambda: hub.survey.incomplete,
        "lapses": lambda: hub.lapses,
    }


def histograms_of(hub: Hub) -> dict[str, Histogram]:
    """Distributions; durations in seconds."""
    return {
        "fan_out_subscribers": hub.fan_out.sizes,
        "flush_s": hub.fan_out.flush_s,
        "publish_to_client_s": Histogram(),
        "revocation_s": Histogram(),
        **hub.command_times.histograms(),
    }
