"""Lines about connections: what they tell, and how many there are at most."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any, cast

import pytest

from hub.connection import Connection
from hub.observer import Observers, beside
from hub.protocol.codes import CONNECTION_CLOSED, SESSION_REVOKED, Disconnect
from hub.tokens.claims import SessionRef
from observability.connection_log import CLOSED, MAX_CODES, OPENED, OTHER_CODES, SUMMED_UP, ConnectionLog
from tests.support.clock import FakeClock


class Stub:
    """What of a connection the log reads."""

    client_id = "c-1"
    user = "ann"
    session: Any = None
    close_reason: Disconnect | None = None

    class transport:  # noqa: N801  # an attribute of a connection
        name = "websocket"

    def __init__(self, opened_at_s: float) -> None:
        self.opened_at_s = opened_at_s


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.INFO):
        yield


def connection(clock: FakeClock, why: Disconnect | None = None, session: SessionRef | None = None) -> Connection:
    stub = Stub(clock.monotonic_s())
    stub.close_reason, stub.session = why, session
    return cast("Connection", stub)


def told(record: logging.LogRecord, *names: str) -> tuple[Any, ...]:
    return (record.message, *(vars(record)[name] for name in names))


def test_a_line_tells_who_why_and_for_how_long(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    log = ConnectionLog(clock, 10)
    gone = connection(clock, SESSION_REVOKED, SessionRef("sid-1", "did-1"))
    log.connected(gone)
    clock.advance(61.5)
    log.disconnected(gone)
    opened, closed = caplog.records
    assert told(opened, "client", "user", "session", "transport") == (OPENED, "c-1", "ann", "sid-1", "websocket")
    assert told(closed, "code", "reason", "duration_s") == (CLOSED, 3590, "session revoked", 61.5)
    assert "session" not in vars(told_of(ConnectionLog(clock, 1), connection(clock), caplog))


def told_of(log: ConnectionLog, who: Connection, caplog: pytest.LogCaptureFixture) -> logging.LogRecord:
    log.connected(who)
    return caplog.records[-1]


def test_what_is_too_many_a_second_is_summed_up_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    log = ConnectionLog(clock, 3)
    for _ in range(10):
        log.connected(connection(clock))
        log.disconnected(connection(clock, CONNECTION_CLOSED))
    assert [record.message for record in caplog.records] == [OPENED, CLOSED] * 3
    log.sum_up()
    assert told(caplog.records[-1], "opened", "closed", "codes") == (SUMMED_UP, 7, 7, {"3000": 7})
    assert log.measures() == {"connection_lines_left_out": 14}
    log.sum_up()
    assert len(caplog.records) == 7, "nothing to sum up, no line"
    log.connected(connection(clock))
    assert caplog.records[-1].message == OPENED, "another second"


def test_a_summary_is_bounded_whatever_codes_backends_choose(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    log = ConnectionLog(clock, 1)
    for code in range(4000, 4501):
        log.disconnected(connection(clock, Disconnect(code, "why")))
    log.sum_up()
    codes = told(caplog.records[-1], "codes")[1]
    assert len(codes) == MAX_CODES + 1
    assert sum(codes.values()) == 500
    assert codes[OTHER_CODES] == 500 - MAX_CODES


@pytest.mark.parametrize(("lines", "level"), [(0, logging.INFO), (10, logging.WARNING)])
def test_none_are_wanted(caplog: pytest.LogCaptureFixture, lines: int, level: int) -> None:
    clock = FakeClock()
    caplog.set_level(level)
    log = ConnectionLog(clock, lines)
    log.connected(connection(clock))
    log.disconnected(connection(clock, CONNECTION_CLOSED))
    log.sum_up()
    assert caplog.records == []
    assert log.num_left_out == 0


def test_a_hub_may_have_several_observers() -> None:
    clock = FakeClock()
    seen: list[tuple[str, str]] = []

    class Noting:
        def __init__(self, name: str) -> None:
            self.name = name

        def connected(self, connection: Connection) -> None:
            seen.append((self.name, "connected"))

        def disconnected(self, connection: Connection) -> None:
            seen.append((self.name, "disconnected"))

        def published(self, connection: Connection, channel: str, data: bytes) -> None:
            seen.append((self.name, channel))

    first, second = Noting("a"), Noting("b")
    assert beside(None, first) is first
    both = beside(first, second)
    assert isinstance(both, Observers)
    both.connected(connection(clock))
    both.published(connection(clock), "news", b"1")
    both.disconnected(connection(clock))
    assert seen == [(name, what) for what in ("connected", "news", "disconnected") for name in ("a", "b")]
