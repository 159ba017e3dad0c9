"""What other tests read traces back with: it reads both encodings, and a fault is one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.support.otlp_receiver import Fault, otlp_receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.otlp_receiver import OtlpReceiver

TRACE, SPAN, PARENT = "a" * 32, "b" * 16, "c" * 16

OF_A_BROWSER = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "page"}}]},
            "scopeSpans": [
                {
                    "scope": {"name": "syncline"},
                    "spans": [
                        {
                            "traceId": TRACE,
                            "spanId": SPAN,
                            "parentSpanId": PARENT,
                            "name": "receive news",
                            "kind": 5,
                            "startTimeUnixNano": "1700000000000000001",
                            "endTimeUnixNano": "1700000000000000002",
                            "attributes": [{"key": "n", "value": {"intValue": 3}}],
                            "links": [{"traceId": "d" * 32, "spanId": "e" * 16}],
                            "status": {"code": 2, "message": "no"},
                        }
                    ],
                }
            ],
        }
    ]
}


@pytest.fixture
async def receiver() -> AsyncIterator[OtlpReceiver]:
    async with otlp_receiver() as running:
        yield running


async def post(receiver: OtlpReceiver) -> int:
    headers = {"Content-Type": "application/json"}
    url = f"{receiver.endpoint}/v1/traces"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=json.dumps(OF_A_BROWSER), headers=headers) as answer,
    ):
        return answer.status


async def test_it_reads_what_a_browser_exports(receiver: OtlpReceiver) -> None:
    assert await post(receiver) == 200

    (span,) = receiver.trace(TRACE)
    assert (span.span_id, span.parent_id, span.name, span.kind) == (SPAN, PARENT, "receive news", "consumer")
    assert (span.start_ns, span.end_ns) == (1_700_000_000_000_000_001, 1_700_000_000_000_000_002)
    assert (span.attributes, span.resource) == ({"n": 3}, {"service.name": "page"})
    assert (span.links, span.is_failed, span.status_message) == ((("d" * 32, "e" * 16),), True, "no")


@pytest.mark.parametrize(("fault", "status"), [(Fault.UNAVAILABLE, 503), (Fault.REFUSED, 400)])
async def test_what_is_refused_is_not_there(receiver: OtlpReceiver, fault: Fault, status: int) -> None:
    receiver.fault = fault

    assert await post(receiver) == status
    assert not receiver.spans
    assert receiver.num_requests == 1


async def test_garbage_is_no_answer(receiver: OtlpReceiver) -> None:
    receiver.fault = Fault.GARBAGE

    with pytest.raises(aiohttp.ClientError):
        await post(receiver)


async def test_stopped_it_refuses_connections_and_comes_back_on_the_same_port(receiver: OtlpReceiver) -> None:
    await receiver.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await post(receiver)
    await receiver.start()

    assert await post(receiver) == 200
