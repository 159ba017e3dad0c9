"""`POST /v1/events`: CloudEvents over HTTP, one or a batch, and plain JSON where the routes have a use for it.

An answer of 200 says that the engine has accepted the event: it is in the history of its channels, where they keep one,
and on its way. Without an answer, and after 503, send the same again: what was accepted is known by source and id.
Source: CloudEvents 1.0.2, HTTP binding; RFC 9457 for everything that goes wrong.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import msgspec
from aiohttp import web
from msgspec import Raw

from api.api_key import APIKey
from api.rest.body import read_content
from api.rest.problem import problem, problem_of
from hub.relay.cloudevents import BATCH, STRUCTURED, media_type
from hub.relay.intake import verdicts_on
from hub.relay.message import Message
from hub.relay.message_traces import MessageTraces
from hub.relay.rejection import FAULT, MALFORMED, OVERSIZE, UNKNOWN_VERSION, Rejected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from api.config import EventsConfig, ServerAPIConfig
    from hub.relay.delivery import Delivery
    from hub.relay.intake import Intake
    from hub.relay.routing import Router

STATUS_OF_REASON: Final[Mapping[str, int]] = {MALFORMED: 400, UNKNOWN_VERSION: 400, OVERSIZE: 413, FAULT: 500}
"""Whatever else is wrong with an event is 422: it can be read, and has no place here."""

CONSUMER: Final = "events"
"""What traces call the endpoint."""

EVENTS_PER_SLICE: Final = 100
"""Events of a batch that are looked at before other work of the loop runs."""

_BATCH: Final = msgspec.json.Decoder(list[Raw])
_ENCODER: Final = msgspec.json.Encoder()


class EventsEndpoint:
    """The endpoint of one node.

    Args:
        router: with the routes of `events`.
    """

    def __init__(self, config: EventsConfig, api: ServerAPIConfig, router: Router, intake: Intake) -> None:
        self._config = config
        self._max_bytes = api.max_body_bytes
        self._key = APIKey(api)
        self._router = router
        self._intake = intake

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post(self._config.path, self.handle)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Everything that a request can end with is a document."""
        try:
            if not self._key.admits(request):
                return problem(401, "unauthorized", "the key of the server API is needed, in X-API-Key")
            return await self._serve(request)
        except ConnectionError:
            raise  # the client has gone: nobody reads a document
        except Rejected as rejected:
            status = STATUS_OF_REASON.get(rejected.reason, 422)
            return problem(status, rejected.reason, rejected.detail, field=rejected.field)
        except Exception as exc:  # noqa: BLE001  # every failure has its document, and is logged there
            response = problem_of(exc)
            if isinstance(exc, web.HTTPException) or response.status == web.HTTPBadRequest.status_code:
                response.force_close()
            return response

    async def _serve(self, request: web.Request) -> web.Response:
        body = await read_content(request, self._max_bytes)
        content_type = request.headers.get("Content-Type", "")
        if media_type(content_type) == BATCH:
            return await self._accept_batch(_events_of(body))
        routed = self._router.route(Message(body, _headers(request), content_type))
        (rejected,) = await self._accept([routed])
        if rejected is not None:
            raise rejected
        return _json(200, {"accepted": 1})

    async def _accept_batch(self, events: list[Raw]) -> web.Response:
        """In order; each is accepted or rejected by itself."""
        if len(events) > self._config.max_batch:
            return problem(413, OVERSIZE, f"a batch may hold {self._config.max_batch} events")
        verdicts = await self._accept(await self._routed(events))
        rejected = [_described(number, one) for number, one in enumerate(verdicts) if one is not None]
        answer = {"accepted": len(events) - len(rejected), "rejected": rejected}
        return _json(207 if rejected else 200, answer)

    async def _accept(self, routed: Sequence[list[Delivery] | Rejected]) -> list[Rejected | None]:
        with MessageTraces(self._intake.traces, "http", CONSUMER, is_request=True) as spans:
            followed = [spans.begin(one, self._config.path, dict) for one in routed]
            return await verdicts_on(followed, spans.accepting(self._intake.accept))

    async def _routed(self, events: list[Raw]) -> list[list[Delivery] | Rejected]:
        verdicts: list[list[Delivery] | Rejected] = []
        for number, event in enumerate(events):
            if number % EVENTS_PER_SLICE == EVENTS_PER_SLICE - 1:
                await asyncio.sleep(0)
            try:
                verdicts.append(self._router.route(Message(bytes(event), {}, STRUCTURED)))
            except Rejected as rejected:
                verdicts.append(rejected)
        return verdicts


def _events_of(body: bytes) -> list[Raw]:
    try:
        return _BATCH.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise Rejected(MALFORMED, "the batch is not a JSON list of events") from exc


def _headers(request: web.Request) -> dict[str, str]:
    """As text that is Unicode; attributes as they were before HTTP's percent-encoding."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        text = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        lower = name.lower()
        headers[lower] = unquote(text) if lower.startswith("ce-") else text
    return headers


def _described(number: int, rejected: Rejected) -> dict[str, Any]:
    described: dict[str, Any] = {"index": number, "code": rejected.reason, "detail": rejected.detail}
    return described | ({"field": rejected.field} if rejected.field else {})


def _json(status: int, document: dict[str, Any]) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    return web.Response(body=_ENCODER.encode(document), status=status, content_type="application/json", headers=headers)
