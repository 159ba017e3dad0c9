"""Connections, commands, publications: what the hub and its edges count."""

from __future__ import annotations

from typing import Final

from hub.protocol.codes import DISCONNECTS, ERROR_CODES, UNSUBSCRIBES
from observability.metrics.entry import Entry, counter, gauge, histogram, part_of

CONNECTIONS: Final = (
    gauge("clients_by_transport.*", "clients", "Connections that have connected.", "transport", "encoding"),
    part_of("clients", "syncline_clients"),
    gauge("users", "users", "Users with connections; all anonymous ones are one."),
    gauge("sessions_connected", "sessions_connected", "Login sessions with connections."),
    gauge("devices_connected", "devices_connected", "Devices with connections of login sessions."),
    gauge("connections_open", "connections_open", "Transports that are open, those that have not connected included."),
    counter("connections_refused", "connections_refused", "Upgrades refused: draining, full, too many at once."),
    counter("connections_opened", "connections_opened", "Connections whose connect has succeeded."),
    counter("upgrades_abandoned", "upgrades_abandoned", "Clients that went away while they were upgraded."),
    counter("disconnects.*", "disconnects", "Connections that have ended, by close code.", "code")._replace(
        known=tuple(str(each.code) for each in DISCONNECTS)
    ),
    counter("slow_closed", "slow_clients_closed", "Connections closed because their outbox was over its bound."),
    gauge("congested", "congested_clients", "Connections whose socket takes no more at the moment."),
    gauge("outbox_bytes", "client_backlog_bytes", "Memory that waits for congested sockets."),
    counter("lapses", "lapses", "Times that the process stood still for longer than its lease, and let everybody go."),
)

COMMANDS: Final = (
    histogram("command_s.*", "command_duration_seconds", "From a command to its answer, refused ones too.", "method"),
    part_of("commands", "syncline_command_duration_seconds"),
    counter("bad_frames", "bad_frames", "Transport messages that were not the protocol."),
    counter("reply_errors.*", "reply_errors", "Error replies, by code.", "code")._replace(
        known=tuple(str(each.code) for each in ERROR_CODES)
    ),
    counter("handler_failures", "handler_failures", "Commands that failed by a fault of ours."),
)

SUBSCRIPTIONS: Final = (
    gauge("namespace_channels.*", "channels", "Channels with subscribers here.", "namespace"),
    gauge("namespace_subscriptions.*", "subscriptions", "Subscriptions of connections here.", "namespace"),
    part_of("channels", "syncline_channels"),
    part_of("subscriptions", "syncline_subscriptions"),
    counter("unsubscribes.*", "unsubscribes", "Subscriptions that the server has ended, by code.", "code")._replace(
        known=tuple(str(each.code) for each in UNSUBSCRIBES)
    ),
    counter("recovered", "recoveries", "Subscriptions that asked for what they had missed.", outcome="recovered"),
    counter("unrecovered", "recoveries", outcome="unrecovered"),
    counter("recovered_publications", "recovered_publications", "Publications that recoveries have brought."),
    counter("insufficient_state", "insufficient_state", "Subscriptions told to resynchronise: a gap was found."),
    counter("announcements_lost", "announcements_lost", "Joins that could not be announced."),
    gauge("departures_waiting", "departures_waiting", "Ended subscriptions whose presence is still to be removed."),
    counter("departures_failed", "departures_failed", "Steps of departures that got no answer; leases end them."),
    counter("presence_renewals_failed", "presence_renewals_failed", "Presence leases that could not be renewed."),
)

PUBLICATIONS: Final = (
    counter("namespace_publications.*", "publications", "Publications that the engine has accepted.", "namespace"),
    part_of("publications", "syncline_publications_total"),
    counter("publications_suppressed", "publications_suppressed", "Repeats and outdated versions, not published."),
    counter("namespace_deliveries.*", "deliveries", "Publications handed to connections here.", "namespace"),
    part_of("deliveries", "syncline_deliveries_total"),
    counter("writes", "transport_writes", "Writes to sockets; one carries everything of its tick."),
    histogram("fan_out_subscribers", "fan_out_subscribers", "Connections here that a publication was handed to."),
    histogram("flush_s", "flush_duration_seconds", "Each slice of a flush: at most 256 writes."),
    histogram(
        "publish_to_client_s",
        "publish_to_client_seconds",
        "From the publish to the acknowledgement of a client, of sampled publications: the way back included.",
    ),
)

NODES: Final = (
    counter("control_dropped", "control_messages_dropped", "Operations of other nodes that were too many to keep."),
    counter(
        "control_message_unreadable", "control_messages_unreadable", "Messages of other nodes in another language."
    ),
    counter("survey_questions_dropped", "survey_questions_dropped", "Questions of other nodes left unanswered."),
    counter("surveys_incomplete", "surveys_incomplete", "Questions to all nodes that some did not answer."),
)

HTTP: Final = (
    histogram(
        "http_request_s.*",
        "http_request_duration_seconds",
        "Requests by route template, until the answer begins; WebSockets are none. Unknown paths are one route, "
        "unknown methods one method. Above 2,000 a second one success in eight is measured and counts for eight.",
        "method",
        "route",
        "status",
    ),
    counter("rest_callers_forgotten", "rest_callers_forgotten", "Callers whose rate limit began anew: too many."),
    counter("metrics_scrapes", "metrics_scrapes", "Answers of the metrics endpoint."),
    counter("metrics_scrapes_refused", "metrics_scrapes_refused", "Scrapes refused: others were under way."),
)

ENTRIES: Final[tuple[Entry, ...]] = (*CONNECTIONS, *COMMANDS, *SUBSCRIPTIONS, *PUBLICATIONS, *NODES, *HTTP)
