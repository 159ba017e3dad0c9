"""What a hub can be asked about itself at any moment, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.control import DROPPED, UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.hub import Hub


def gauges_of(hub: Hub) -> dict[str, Callable[[], float]]:
    return {
        "deliveries": lambda: hub.fan_out.deliveries,
        "writes": lambda: hub.fan_out.writes,
        "congested": lambda: len(hub.fan_out.congested),
        "departures_waiting": lambda: hub.departures.num_waiting,
        "departures_failed": lambda: hub.departures.failures,
        "presence_renewals_failed": lambda: hub.presence.failures,
        "control_dropped": lambda: hub.control.count(DROPPED),
        "control_message_unreadable": lambda: hub.control.count(UNREADABLE),
        "survey_questions_dropped": lambda: hub.survey.dropped,
        "surveys_incomplete": lambda: hub.survey.incomplete,
        "lapses": lambda: hub.lapses,
    }
