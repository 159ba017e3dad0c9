"""Engine, storage, sessions, accounts and the process: what is under the hub and above it."""

from __future__ import annotations

from typing import Final

from observability.metrics.entry import Entry, counter, gauge, histogram

ENGINE: Final = (
    histogram("engine_round_trip_s", "engine_round_trip_seconds", "Calls to Redis answered at the first attempt."),
    counter("idempotency_evictions", "idempotency_keys_evicted", "Idempotency keys forgotten early: too many."),
    gauge("redis_in_flight", "redis_calls_in_flight", "Calls to Redis without an answer yet."),
    gauge("redis_waiting", "redis_calls_waiting", "Calls that wait for a connection to Redis."),
    counter("redis_resent", "redis_calls_resent", "Calls sent again after their connection broke."),
    gauge("redis_channels", "redis_channels", "Channels of Redis that this node listens to."),
    gauge("redis_channels_in_doubt", "redis_channels_in_doubt", "Of these, with something missing, to be read again."),
    gauge("redis_held", "redis_messages_held", "Messages that wait for one before them."),
    counter("redis_gaps", "redis_gaps", "Times that a message of a channel was missing."),
    counter("redis_fetched", "redis_publications_fetched", "Publications read from streams because of that."),
    *(
        counter(f"redis_{kind}", "redis_complaints", help_, kind=kind)
        for kind, help_ in (
            ("canary_lost", "What went wrong with Redis, by kind; docs/operations/redis.md has what each means."),
            ("connect_failed", ""),
            ("control_lost", ""),
            ("error", ""),
            ("lapse", ""),
            ("link_lost", ""),
            ("map_unavailable", ""),
            ("message_failed", ""),
            ("message_lost", ""),
            ("not_executed", ""),
            ("subscribe_refused", ""),
            ("unkept_doubt", ""),
        )
    ),
)

STORAGE: Final = (
    histogram("storage_unit_s", "storage_unit_duration_seconds", "Units of work made durable, waiting included."),
    counter("storage_commits", "storage_units", "Units of work made durable."),
    counter("storage_groups", "storage_commits", "Commits at the database; fewer where units share one."),
    counter("storage_reruns", "storage_units_rerun", "Units begun again because the database asked for it."),
    counter("storage_failures", "storage_failures", "Calls that got no answer, or no place."),
    counter("storage_turned_away", "storage_callers_turned_away", "Of these, refused: too many waited."),
    gauge("storage_waiting", "storage_callers", "Calls that wait for their turn, of all parts."),
    gauge(
        "storage_connections_in_use.*", "storage_connections", "Connections to the database.", "part", state="in_use"
    ),
    gauge("storage_connections_idle.*", "storage_connections", "", "part", state="idle"),
    gauge("storage_callers_waiting.*", "storage_callers_waiting", "Calls that wait for their turn.", "part"),
    counter("notifications_received", "storage_notifications", "Words from other users of the database."),
    gauge("notifications_is_listening", "storage_listening", "1: such words would come."),
)

SESSIONS: Final = (
    histogram("revocation_s", "revocation_seconds", "From the end of a session to its last connection closed here."),
    counter("sessions_opened", "sessions_opened", "Log-ins."),
    counter("sessions_revoked", "sessions_revoked", "Sessions ended by this node."),
    counter("refresh_reused", "refresh_tokens_reused", "Refresh tokens used a second time; their session was ended."),
    gauge("revocations_known", "revocations_known", "Ended sessions remembered until their tokens have expired."),
    counter(
        "revocations_untold", "revocations_untold", "Ends of sessions that other nodes had to find out by themselves."
    ),
    counter("revocation_polls_failed", "revocation_polls_failed", "Looks for ended sessions without an answer."),
    counter(
        "sessions_unproven_sent_away", "sessions_unproven_closed", "Connections closed: nobody could say they may stay."
    ),
    counter("devices_untold", "devices_untold", "Devices that came or went and were not announced."),
    counter("last_seen_dropped", "last_seen_dropped", "Sessions whose last sign of life was not written."),
    gauge("state_waiting", "state_mutations_waiting", "Mutations of shared state that wait for the writer."),
    counter("state_groups", "state_groups", "Units of work that wrote shared state."),
    counter("state_mutations", "state_mutations", "Mutations applied."),
    counter("state_refused_full", "state_mutations_refused", "Mutations refused: too many.", reason="full"),
    counter("state_refused_rate", "state_mutations_refused", reason="rate"),
    counter("state_patches_dropped", "state_patches_dropped", "Patches dropped from logs over their quota."),
    counter("state_changes_forgotten", "state_changes_forgotten", "Changes forgotten after their time."),
    counter("state_documents_purged", "state_documents_purged", "Removed documents forgotten after their time."),
)

ACCOUNTS: Final = (
    counter("logins_failed", "logins_failed", "Log-ins refused."),
    counter("attempts_throttled", "login_attempts_throttled", "Attempts refused before the password was looked at."),
    counter("password_hashes", "password_hashes", "Password hashes computed."),
    gauge("password_hashes_unfinished", "password_hashes_unfinished", "Running and waiting."),
    counter("password_hashes_refused", "password_hashes_refused", "Refused: too many wait."),
    counter("account_sweeps_failed", "account_sweeps_failed", "Sweeps that the database did not answer."),
    counter("identity_id_tokens_refused", "identity_id_tokens_refused", "ID tokens of providers refused."),
    counter("identity_logouts_received", "identity_logouts", "Back-channel log-outs.", outcome="received"),
    counter("identity_logouts_refused", "identity_logouts", outcome="refused"),
    counter("identity_logout_sessions_ended", "identity_logout_sessions_ended", "Sessions ended by them."),
    counter("identity_events_received", "identity_events", "Security events of providers.", outcome="received"),
    counter("identity_events_refused", "identity_events", outcome="refused"),
    counter("identity_events_repeated", "identity_events", outcome="repeated"),
    counter("identity_events_unknown", "identity_events", outcome="unknown"),
    counter("identity_events_untargeted", "identity_events", outcome="untargeted"),
    counter("identity_event_sessions_ended", "identity_event_sessions_ended", "Sessions ended by them."),
)

PROCESS: Final = (
    gauge("build_info.*", "build_info", "1, with the version.", "version"),
    gauge("uptime_s", "uptime_seconds", "Since the node started."),
    gauge("loop_lag_s", "loop_lag_seconds", "How late the event loop was at last look, twice a second."),
    histogram("loop_delay_s", "loop_delay_seconds", "How late the event loop was, of all looks."),
    counter("process_cpu_s", "process_cpu_seconds", "User and system time."),
    gauge("process_rss_bytes", "process_resident_memory_bytes", "Resident memory."),
    gauge("process_open_fds", "process_open_fds", "Open file descriptors; 0 where the kernel does not tell."),
    gauge("process_max_fds", "process_max_fds", "How many there may be."),
    gauge("process_start_s", "process_start_time_seconds", "Start of the process, since the epoch."),
    counter("gc_collections.*", "python_gc_collections", "Runs of the garbage collector.", "generation"),
    counter("gc_collected.*", "python_gc_objects_collected", "Objects that it has freed.", "generation"),
    gauge("workers_silent", "workers_silent", "Workers of this machine that did not answer for this scrape."),
    gauge("measures_unlisted", "measures_unlisted", "Measures without a metric: a fault of ours."),
)

ENTRIES: Final[tuple[Entry, ...]] = (*ENGINE, *STORAGE, *SESSIONS, *ACCOUNTS, *PROCESS)
