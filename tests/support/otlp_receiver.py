"""An OpenTelemetry collector as far as a test needs one: it takes OTLP over HTTP, protobuf and JSON, and can fail.

Browsers may post to it too (CORS). `fault` says how it treats what comes from now on; `stop()` closes its port, and
`start()` opens the same one again.
"""

from __future__ import annotations

import asyncio
import base64
import enum
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web
from google.protobuf import json_format  # type: ignore[import-untyped]  # its types are a package of their own
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.patience import PATIENCE_S, eventually
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

HOST = "127.0.0.1"

PROTOBUF = "application/x-protobuf"

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Allow-Private-Network": "true",
}

Value = str | int | float | bool


class Fault(enum.Enum):
    """What happens to a request."""

    NONE = "none"
    BLACK_HOLE = "black hole"  # it is read, and never answered
    SLOW = "slow"  # it is answered after `delay_s`
    UNAVAILABLE = "unavailable"  # 503, which clients may repeat
    REFUSED = "refused"  # 400, which they may not
    GARBAGE = "garbage"  # what comes back is not HTTP


@dataclass(frozen=True, kw_only=True)
class ReceivedSpan:
    """One span as it was exported. Ids are hexadecimal, `parent_id` is "" for none; times nanoseconds."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Value]
    links: tuple[tuple[str, str], ...]
    is_failed: bool
    status_message: str
    trace_state: str
    resource: dict[str, Value] = field(repr=False)


class OtlpReceiver:
    """Listens on a free port of the loopback interface.

    Attributes:
        spans: in the order in which they came.
        metric_requests, log_requests: as they came.
        bodies: everything that came, decompressed, for tests that look for what must not be in it.
        num_requests: those that failed included.
        headers: of the last request, by lower-case name.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.endpoint = f"http://{HOST}:{self.port}"
        self.fault = Fault.NONE
        self.delay_s = 1.0
        self.spans: list[ReceivedSpan] = []
        self.metric_requests: list[ExportMetricsServiceRequest] = []
        self.log_requests: list[ExportLogsServiceRequest] = []
        self.bodies: list[bytes] = []
        self.num_requests = 0
        self.headers: dict[str, str] = {}
        self._runner: web.AppRunner | None = None

    def env(self) -> dict[str, str]:
        """What a node's environment needs to export here soon: every 100 ms instead of every 5 s."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_METRIC_EXPORT_INTERVAL": "200",
        }

    def trace(self, trace_id: str) -> list[ReceivedSpan]:
        """Its spans, by their start."""
        return sorted((span for span in self.spans if span.trace_id == trace_id), key=lambda span: span.start_ns)

    def named(self, name: str, trace_id: str | None = None) -> list[ReceivedSpan]:
        return [span for span in self.spans if span.name == name and trace_id in {None, span.trace_id}]

    async def received(self, *names: str, trace_id: str | None = None, within_s: float = PATIENCE_S) -> None:
        """Wait until a span of each name has come; what has come is in the failure."""
        try:
            await eventually(lambda: all(self.named(name, trace_id) for name in names), within_s)
        except BaseException as exc:
            exc.add_note(f"received: {[(span.name, span.trace_id) for span in self.spans]}")
            raise

    async def start(self) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        for path, take in (("traces", self._take_spans), ("metrics", self._take_metrics), ("logs", self._take_logs)):
            app.router.add_post(f"/v1/{path}", self._handler(take))
            app.router.add_options(f"/v1/{path}", _preflight)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self.port).start()

    async def stop(self) -> None:
        """Down: connections are refused from now on."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # --- one request ------------------------------------------------------------------------------------------------

    def _handler(self, take: Callable[[bytes, str], None]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            self.num_requests += 1
            self.headers = {name.lower(): value for name, value in request.headers.items()}
            body = await request.read()
            if self.fault is not Fault.NONE:
                answer = await self._failed(request)
                if answer is not None:
                    return answer
            self.bodies.append(body)
            take(body, request.content_type)
            return web.Response(body=b"", content_type=request.content_type, headers=CORS)

        return handle

    async def _failed(self, request: web.Request) -> web.StreamResponse | None:
        """The answer of the fault; None: go on."""
        if self.fault is Fault.SLOW:
            await asyncio.sleep(self.delay_s)
            return None
        if self.fault is Fault.BLACK_HOLE:
            await asyncio.Event().wait()
        if self.fault is Fault.GARBAGE and request.transport is not None:
            request.transport.write(b"\x00\xffnot HTTP\r\n\r\n" * 10)
            request.transport.close()
        return web.Response(status=503 if self.fault is Fault.UNAVAILABLE else 400)

    def _take_spans(self, body: bytes, content_type: str) -> None:
        request = ExportTraceServiceRequest()
        _decode(request, body, content_type)
        self.spans += _spans(request)

    def _take_metrics(self, body: bytes, content_type: str) -> None:
        request = ExportMetricsServiceRequest()
        _decode(request, body, content_type)
        self.metric_requests.append(request)

    def _take_logs(self, body: bytes, content_type: str) -> None:
        request = ExportLogsServiceRequest()
        _decode(request, body, content_type)
        self.log_requests.append(request)


@asynccontextmanager
async def otlp_receiver() -> AsyncIterator[OtlpReceiver]:
    """One that listens; gone afterwards."""
    receiver = OtlpReceiver()
    await receiver.start()
    try:
        yield receiver
    finally:
        await receiver.stop()


async def _preflight(_request: web.Request) -> web.Response:
    return web.Response(status=204, headers=CORS)


def _decode(message: Any, body: bytes, content_type: str) -> None:
    if content_type == PROTOBUF:
        message.ParseFromString(body)
    else:
        json_format.ParseDict(_with_base64_ids(json.loads(body)), message, ignore_unknown_fields=True)


def _with_base64_ids(value: Any) -> Any:
    """OTLP's JSON writes ids in hexadecimal, where protobuf's JSON has base64."""
    if isinstance(value, list):
        return [_with_base64_ids(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64encode(bytes.fromhex(each)).decode()
        if name in {"traceId", "spanId", "parentSpanId"}
        else _with_base64_ids(each)
        for name, each in value.items()
    }


def _spans(request: ExportTraceServiceRequest) -> Iterator[ReceivedSpan]:
    for part in request.resource_spans:
        resource = _attributes(part.resource.attributes)
        for scope in part.scope_spans:
            for span in scope.spans:
                yield ReceivedSpan(
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    name=span.name,
                    kind=span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
                    start_ns=span.start_time_unix_nano,
                    end_ns=span.end_time_unix_nano,
                    attributes=_attributes(span.attributes),
                    links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                    is_failed=span.status.code == span.status.STATUS_CODE_ERROR,
                    status_message=span.status.message,
                    trace_state=span.trace_state,
                    resource=resource,
                )


def _attributes(attributes: Iterable[Any]) -> dict[str, Value]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value") for each in attributes}
