"""Errors reach Sentry through a real receiver: masked, with their trace; and a Sentry that fails changes nothing."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest
from sentry_sdk import get_client
from sentry_sdk.scope import Scope

from composition.error_reports import CannotReport, open_error_reports
from hub.log_context import WHO, Who
from hub.tracing import CURRENT, TraceContext
from observability.config import ErrorReportsConfig
from tests.support.clock import FakeClock
from tests.support.local_server import local_server
from tests.support.patience import eventually
from tests.support.sentry_receiver import Fault, SentryReceiver, sentry_receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from observability.error_reports import ErrorReports

logger = logging.getLogger("tests.error_reports")

TRACE = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")


@pytest.fixture
async def sentry() -> AsyncIterator[SentryReceiver]:
    async with sentry_receiver() as receiver:
        yield receiver


@asynccontextmanager
async def reporting(
    sentry: SentryReceiver, *, max_per_minute: int = 60, clock: FakeClock | None = None
) -> AsyncIterator[ErrorReports]:
    config = ErrorReportsConfig(dsn=sentry.dsn, environment="test", max_per_minute=max_per_minute)
    async with open_error_reports(config, "node-1", "1.2.3", clock or FakeClock(), {}) as reports:
        assert reports is not None
        yield reports


def fail_with(text: str) -> None:
    password = "not-to-be-told"  # a local variable
    try:
        raise ValueError(text + password[:0])
    except ValueError:
        logger.exception("it_failed", extra={"detail": text, "password": "hunter-2-hunter", "count": 3})


async def test_an_error_is_reported_with_its_trace_its_session_and_where_it_happened(sentry: SentryReceiver) -> None:
    trace, who = CURRENT.set(TRACE), WHO.set(Who("ann", "sid-1", "client-1"))
    try:
        async with reporting(sentry) as reports:
            fail_with("broken")
            [event] = await sentry.received()
            await eventually(lambda: reports.measures()["error_reports_sent"] == 1)
    finally:
        WHO.reset(who)
        CURRENT.reset(trace)
    assert event["contexts"]["trace"] == {"trace_id": TRACE.trace_id, "span_id": TRACE.span_id}
    assert event["tags"] == {"node": "node-1", "session": "sid-1", "client": "client-1"}
    assert (event["release"], event["environment"], event["server_name"]) == ("syncline@1.2.3", "test", "node-1")
    assert event["logentry"]["message"] == "it_failed"
    assert event["extra"] == {"detail": "broken", "password": "***", "count": 3}
    [error] = event["exception"]["values"]
    assert (error["type"], error["value"]) == ("ValueError", "broken")
    frame = error["stacktrace"]["frames"][-1]
    assert frame["function"] == "fail_with"
    assert "vars" not in frame
    assert "user" not in event
    assert "breadcrumbs" not in event


async def test_secrets_are_masked_everywhere_in_an_event(sentry: SentryReceiver) -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlc2lnbmF0dXJl"
    async with reporting(sentry):
        fail_with(f"ann@example.com paid with 4111 1111 1111 1111, Bearer {token}")
        await sentry.received()
    body = sentry.bodies[0].decode()
    for secret in ("ann@example.com", "4111 1111 1111 1111", token, "hunter-2-hunter"):
        assert secret not in body
    assert "4111 11** **** 1111" in body


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError("gone"),
        aiohttp.ClientConnectionResetError("gone"),
        BrokenPipeError(),
        asyncio.CancelledError(),
    ],
)
async def test_how_peers_leave_is_not_reported(sentry: SentryReceiver, error: BaseException) -> None:
    async with reporting(sentry):
        logger.error("peer_left", exc_info=error)
        logger.warning("not_an_error")
        logger.error("this_is")
        [event] = await sentry.received()
    assert event["logentry"]["message"] == "this_is"
    assert len(sentry.events) == 1


async def test_no_more_than_allowed_in_a_minute_and_the_others_are_counted(sentry: SentryReceiver) -> None:
    clock = FakeClock()
    async with reporting(sentry, max_per_minute=20, clock=clock) as reports:
        for _ in range(600):
            logger.error("storm")
            clock.advance(0.1)
        await eventually(lambda: sum(reports.measures().values()) == 600)  # the last one may be on its way
        measures = reports.measures()
    assert 19 <= measures["error_reports_sent"] <= 20
    assert measures["error_reports_sent"] + measures["error_reports_dropped"] == 600


@pytest.mark.parametrize("fault", [*Fault, None])
async def test_a_sentry_that_fails_blocks_nothing_and_ends_in_time(
    sentry: SentryReceiver, fault: Fault | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """None: nobody listens. What fails is counted, except for what hangs until the end."""
    if fault is None:
        await sentry.stop()
    else:
        sentry.fault = fault
    loop = asyncio.get_running_loop()
    late_s = 0.0

    async def watch() -> None:
        nonlocal late_s
        while True:
            before_s = loop.time()
            await asyncio.sleep(0)
            late_s = max(late_s, loop.time() - before_s)

    watching = asyncio.create_task(watch())
    async with reporting(sentry) as reports:
        for _ in range(5):
            fail_with("broken")
        if fault in {Fault.FAILING, None}:
            await eventually(lambda: reports.measures()["error_reports_dropped"] >= 5)
        if fault is Fault.TOO_MANY:
            await eventually(lambda: reports.measures()["error_reports_dropped"] >= 1)
        closing_s = loop.time()
    closing_s = loop.time() - closing_s
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert closing_s < 2.5, "the node must not wait for it"
    assert late_s < 1, "the loop must not wait for it"
    assert "sentry" not in capsys.readouterr().err.lower()


async def test_no_scope_is_kept_whoever_reports(sentry: SentryReceiver) -> None:
    """The SDK's scopes live in context variables: each of 1,000 connections that had an error would hold one."""

    def scopes() -> int:
        gc.collect()
        return sum(isinstance(thing, Scope) for thing in gc.get_objects())

    async def live(number: int, goes: asyncio.Event) -> None:
        fail_with(f"of connection {number}")
        await goes.wait()

    async with reporting(sentry, max_per_minute=100_000) as reports:
        reports._bucket._rate.tolerance_s = 1e9  # every one of them reports
        before, goes = scopes(), asyncio.Event()
        lives = [asyncio.create_task(live(number, goes)) for number in range(1_000)]
        await eventually(lambda: sentry.num_requests > 50)
        assert scopes() == before
        goes.set()
        await asyncio.gather(*lives)


async def test_a_connection_leaves_nothing_behind_in_the_sdk(sentry: SentryReceiver) -> None:
    async with reporting(sentry), local_server() as server:
        clients = [await server.connected() for _ in range(50)]
        gc.collect()
        assert not [thing for thing in gc.get_objects() if isinstance(thing, Scope) and thing.client.is_active()]
        assert not get_client().is_active(), "no client is installed for the process"
        del clients


async def test_without_a_dsn_nothing_is_opened_and_nothing_imported() -> None:
    modules = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith("sentry_sdk")}
    try:
        async with open_error_reports(ErrorReportsConfig(), "node", "1", FakeClock(), {}) as reports:
            assert reports is None
        assert not any(name.startswith("sentry_sdk") for name in sys.modules)
    finally:
        sys.modules.update(modules)


async def test_the_variables_of_the_sdk_stand_in(sentry: SentryReceiver) -> None:
    env = {"SENTRY_DSN": sentry.dsn, "SENTRY_ENVIRONMENT": "staging", "SENTRY_RELEASE": "r-7"}
    async with open_error_reports(ErrorReportsConfig(), "node", "1", FakeClock(), env):
        logger.error("told")
        [event] = await sentry.received()
    assert (event["environment"], event["release"]) == ("staging", "r-7")


@pytest.mark.parametrize("dsn", ["nonsense", "http://host/1", "ftp://s3cret@host/1"])
async def test_a_broken_dsn_stops_the_start_and_is_not_repeated(dsn: str) -> None:
    with pytest.raises(CannotReport, match=r"sentry\.dsn") as caught:
        async with open_error_reports(ErrorReportsConfig(dsn=dsn), "node", "1", FakeClock(), {}):
            pass
    assert "s3cret" not in str(caught.value)


async def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)
    monkeypatch.delitem(sys.modules, "observability.sentry_client", raising=False)
    with pytest.raises(CannotReport, match=r"syncline\[sentry\]"):
        async with open_error_reports(ErrorReportsConfig(dsn="http://k@h/1"), "node", "1", FakeClock(), {}):
            pass
