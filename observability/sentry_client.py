"""The Sentry SDK, as a client that belongs to nobody but us. Importing this needs the extra `sentry`.

`sentry_sdk.init` would install integrations, hooks and a client for the whole process, and its scopes live in context
variables: a task that serves a connection for hours would keep one. A client by itself does none of that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from sentry_sdk import Client
from sentry_sdk.transport import HttpTransport
from sentry_sdk.utils import BadDsn, Dsn, event_from_exception

from observability.masking import mask_event

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

REQUEST_TIMEOUT_S: Final = 5
"""Of one report, in the SDK's thread; by default the SDK waits 30 s for a black hole."""

MAX_WAITING: Final = 100
"""Reports in the SDK's queue; what comes then is dropped and counted."""

MAX_VALUE_CHARS: Final = 8_192


class DSNRefused(Exception):
    """The DSN is not one; the text says what is wrong and repeats no key."""


class _Transport(HttpTransport):
    """Counts. Methods are called in the SDK's thread, `on_dropped_event` in the caller's too when the queue is full."""

    TIMEOUT = REQUEST_TIMEOUT_S

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(options)
        self.num_sent = self.num_lost = 0

    def _handle_response(self, response: Any, envelope: Any) -> None:
        if 200 <= response.status < 300:  # noqa: PLR2004  # success
            self.num_sent += sum(item.type == "event" for item in envelope.items) if envelope is not None else 0
        super()._handle_response(response, envelope)

    def on_dropped_event(self, _reason: str) -> None:
        self.num_lost += 1


class SentryClient:
    """Implements observability.error_reports.Reporter.

    Raises:
        DSNRefused
    """

    def __init__(self, dsn: str, *, environment: str, release: str, node: str) -> None:
        try:
            Dsn(dsn)
        except BadDsn as exc:
            raise DSNRefused(f"sentry.dsn: {exc}") from None
        self._client: Any = Client(
            dsn=dsn,
            environment=environment or None,
            release=release,
            server_name=node,
            transport=_Transport,
            transport_queue_size=MAX_WAITING,
            default_integrations=False,
            auto_enabling_integrations=False,
            include_local_variables=False,
            max_request_body_size="never",
            max_value_length=MAX_VALUE_CHARS,
            max_breadcrumbs=0,
            traces_sample_rate=None,
            enable_backpressure_handling=False,
            auto_session_tracking=False,
            send_client_reports=False,
            shutdown_timeout=1,
            before_send=_masked,
        )
        self._transport = cast("_Transport", self._client.transport)

    @property
    def num_sent(self) -> int:
        return self._transport.num_sent

    @property
    def num_lost(self) -> int:
        return self._transport.num_lost

    def send(self, event: dict[str, Any], exc: BaseException | None) -> None:
        """As Reporter. No scope is passed and none is made."""
        hint: dict[str, Any] = {}
        if exc is not None:
            told, hint = event_from_exception(
                exc, client_options=self._client.options, mechanism={"type": "logging", "handled": True}
            )
            event = {**told, **event}
        self._client.capture_event(cast("Event", event), hint)

    def close(self, deadline_s: float) -> None:
        self._client.close(timeout=deadline_s)


def _masked(event: Event, hint: Hint) -> Event:  # noqa: ARG001  # the SDK's signature
    """The last thing that happens to an event: exceptions, source lines and everything else in it."""
    return cast("Event", mask_event(cast("dict[str, object]", event)))
