"""Opens the error reports of a node, and sends what is left of them when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from observability.error_reports import ErrorReports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from hub.clock import Clock
    from observability.config import ErrorReportsConfig
    from observability.error_reports import Reporter

FLUSH_S: Final = 1.0
"""What has not been sent by then is lost."""

CLOSE_DEADLINE_S: Final = 2.0


class CannotReport(Exception):
    """Error reports are wanted and cannot be had; the text tells the operator why."""


@asynccontextmanager
async def open_error_reports(
    config: ErrorReportsConfig, node: str, version: str, clock: Clock, env: Mapping[str, str] = os.environ
) -> AsyncIterator[ErrorReports | None]:
    """Report what is logged as an error as long as the block runs; None where nothing says where to.

    Open it after a fork: the SDK sends in a thread. SENTRY_DSN, SENTRY_ENVIRONMENT and SENTRY_RELEASE stand in for what
    the configuration leaves empty.

    Raises:
        CannotReport: the extra is missing, or the DSN is none.
    """
    dsn = config.dsn or env.get("SENTRY_DSN", "")
    if not dsn:
        yield None
        return
    reporter = _reporter(
        dsn,
        environment=config.environment or env.get("SENTRY_ENVIRONMENT", ""),
        release=env.get("SENTRY_RELEASE", "") or f"syncline@{version}",
        node=node,
    )
    reports = ErrorReports(reporter, node, clock, config.max_per_minute)
    root = logging.getLogger()
    root.addHandler(reports)
    try:
        yield reports
    finally:
        root.removeHandler(reports)
        await _close(reporter)


def _reporter(dsn: str, *, environment: str, release: str, node: str) -> Reporter:
    try:
        from observability.sentry_client import DSNRefused, SentryClient  # noqa: PLC0415  # needs the extra
    except ImportError as exc:
        raise CannotReport('error reports need the extra "sentry": pip install "syncline[sentry]"') from exc
    try:
        return SentryClient(dsn, environment=environment, release=release, node=node)
    except DSNRefused as exc:
        raise CannotReport(str(exc)) from exc


async def _close(reporter: Reporter) -> None:
    """In a thread: the SDK waits for what it sends."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_DEADLINE_S):
            await asyncio.to_thread(reporter.close, FLUSH_S)
