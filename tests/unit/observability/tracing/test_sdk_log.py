"""The SDK's own lines: few, masked, and ours."""

from __future__ import annotations

import logging

import pytest
from opentelemetry.util.re import parse_env_headers

from observability.masking import MASK
from observability.tracing.sdk_log import INTERVAL_S, quiet_sdk_log
from tests.support.clock import FakeClock

EXPORTER = logging.getLogger("opentelemetry.exporter.test")
PROCESSOR = logging.getLogger("opentelemetry.sdk.test")


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int]]:
    """Of each line: what it says, and for how many it stands beside itself."""
    return [(record.__dict__["detail"], record.__dict__["left_out"]) for record in caplog.records]


def test_one_line_a_minute_of_each_logger_which_says_how_many_it_stands_for(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    with quiet_sdk_log(clock):
        for number in range(100):
            EXPORTER.error("failed %d", number)
        PROCESSOR.warning("queue full")
        clock.advance(INTERVAL_S)
        EXPORTER.warning("failed again")

    assert told(caplog) == [("failed 0", 0), ("queue full", 0), ("failed again", 99)]
    assert {(record.name, record.levelname, record.message) for record in caplog.records} == {
        ("observability.tracing.sdk_log", "WARNING", "telemetry_export")
    }


def test_secrets_in_an_endpoint_are_masked(caplog: pytest.LogCaptureFixture) -> None:
    with quiet_sdk_log(FakeClock()):
        EXPORTER.error("cannot reach %s", "http://collector:hunter2@example.com/v1/traces")

    assert told(caplog) == [(f"cannot reach http://{MASK}@example.com/v1/traces", 0)]


@pytest.mark.parametrize("text", ["x-team: s3cr3t", " x-team: s3cr3t , other=1", "one=1,x-team: s3cr3t"])
def test_a_header_that_the_sdk_cannot_read_is_not_repeated(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """With a colon for the equals sign, as people write it."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", text)
    with quiet_sdk_log(FakeClock()):
        parse_env_headers(text)

    ((detail, _),) = told(caplog)
    assert "s3cr3t" not in detail
    assert detail.endswith(MASK)


def test_information_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with quiet_sdk_log(FakeClock()):
        EXPORTER.info("exported")

    assert not caplog.records


def test_a_second_user_changes_nothing_and_the_last_leaves_all_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    sdk = logging.getLogger("opentelemetry")
    before = (list(sdk.handlers), sdk.propagate)
    clock = FakeClock()
    with quiet_sdk_log(clock):
        with quiet_sdk_log(clock):
            EXPORTER.error("one")
        EXPORTER.error("two")

    assert told(caplog) == [("one", 0)]
    assert (list(sdk.handlers), sdk.propagate) == before
