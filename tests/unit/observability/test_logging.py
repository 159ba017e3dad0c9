"""What a line of the log is: one event, its context, no secret; and what happens when nobody reads it."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hub.log_context import WHO, Who
from hub.tracing import UNSAMPLED, TraceContext
from observability.log_memory import MAX_FIELD_CHARS, MAX_FIELDS, MAX_LINE_CHARS, MAX_NEW_LINES, LogMemory
from observability.logging import EventFormatter, configure_logging, for_people, standard_error
from tests.support.tracer import current

ROOT = Path(__file__).parents[3]

TRACE = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")

logger = logging.getLogger("tests.logging")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    configure_logging("debug")
    handler = standard_error()
    assert handler is not None
    stream = io.StringIO()
    handler.setStream(stream)
    yield stream
    root.handlers, root.level = handlers, level
    root.setLevel(level)


@pytest.fixture
def memory(written: io.StringIO) -> Iterator[LogMemory]:
    memory = LogMemory(10)
    with memory.attached():
        yield memory


def entries(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_line_tells_the_trace_and_whom_it_was_written_for(written: io.StringIO) -> None:
    who = WHO.set(Who("ann", "sid-1", "c-1"))
    try:
        with current(TRACE):
            logger.info("it_happened", extra={"client": "c-2"})
    finally:
        WHO.reset(who)
    [entry] = entries(written)
    assert (entry["trace_id"], entry["span_id"]) == (TRACE.trace_id, TRACE.span_id)
    assert (entry["user"], entry["session"]) == ("ann", "sid-1")
    assert entry["client"] == "c-2", "what the line says stands"


def test_a_line_of_nobody_in_no_trace_says_nothing_of_either(written: io.StringIO) -> None:
    with current(UNSAMPLED):
        logger.info("it_happened")
    [entry] = entries(written)
    assert set(entry) == {"event", "level", "logger", "timestamp"}


def test_secrets_are_masked_in_events_fields_and_stacks(written: io.StringIO) -> None:
    try:
        raise ValueError("no mailbox ann@example.com")
    except ValueError:
        logger.exception("sent to bob@example.com", extra={"password": "x1", "card": "4111111111111111", "n": 4})
    text = written.getvalue()
    for secret in ("ann@example.com", "bob@example.com", "x1", "4111111111111111"):
        assert secret not in text
    [entry] = entries(written)
    assert entry["event"] == "sent to ***"
    assert "ValueError: no mailbox ***" in entry["exception"]
    assert (entry["password"], entry["card"], entry["n"]) == ("***", "411111******1111", 4)


@pytest.mark.parametrize("broken", ["closed", "no reader"])
def test_a_standard_error_that_is_gone_costs_lines_and_nothing_else(broken: str) -> None:
    """In a process of its own: it is its real standard error."""
    program = (
        "import logging, os, sys\n"
        "from observability.logging import configure_logging, standard_error\n"
        "configure_logging()\n"
        f"sys.stderr.close() if {broken == 'closed'} else None\n"
        "for _ in range(10_000): logging.getLogger('x').info('line')\n"
        "assert standard_error().num_lost > 0\n"
        "print('alive')\n"
        "sys.stdout.flush(); os._exit(0)\n"
    )
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=writer, cwd=ROOT, timeout=50, check=False
        )
    finally:
        os.close(writer)
    assert done.stdout == b"alive\n"


# --- the memory -------------------------------------------------------------------------------------------------------


def test_the_last_lines_are_kept_masked_newest_first(memory: LogMemory) -> None:
    for number in range(12):
        logger.info("event", extra={"number": number, "token": "t"})
    lines = memory.find(limit=3)
    assert [line.fields["number"] for line in lines] == ["11", "10", "9"]
    assert lines[0].fields["token"] == "***"
    assert (lines[0].level, lines[0].logger, lines[0].event) == ("info", "tests.logging", "event")
    assert lines[0].at_ms > 1_600_000_000_000
    assert len(memory.find(limit=100)) == 10


def test_lines_are_found_by_level_and_text(memory: LogMemory) -> None:
    logger.debug("first", extra={"detail": "about Ann"})
    logger.warning("second", extra={"detail": {"to": ["bob"]}})
    logger.error("third")
    assert [line.event for line in memory.find(level="warning", limit=9)] == ["third", "second"]
    assert [line.event for line in memory.find(text="ANN", limit=9)] == ["first"]
    assert [line.event for line in memory.find(text="bob", limit=9)] == ["second"]
    assert [line.event for line in memory.find(text="tests.LOGGING", limit=1)] == ["third"]
    assert memory.find(level="nonsense", text="nothing like it", limit=9) == []


def test_the_live_tail_gets_each_line_once_and_is_told_what_was_too_much(memory: LogMemory) -> None:
    logger.info("a")
    logger.info("b")
    assert [line.event for line in memory.take_new()[0]] == ["a", "b"]
    assert memory.take_new() == ([], 0)
    for _ in range(MAX_NEW_LINES + 5):
        logger.info("c")
    lines, dropped = memory.take_new()
    assert (len(lines), dropped) == (MAX_NEW_LINES, 5)


def test_a_line_in_memory_is_bounded_and_tells_its_trace(memory: LogMemory) -> None:
    with current(TRACE):
        logger.info("long", extra={"detail": "x y " * MAX_FIELD_CHARS})
    [line] = memory.find(limit=1)
    assert line.trace_id == TRACE.trace_id
    assert len(line.fields["detail"]) < MAX_FIELD_CHARS + 10


def test_what_cannot_be_shown_fails_nobody_and_is_told_without_it(written: io.StringIO, memory: LogMemory) -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("no text")

    logger.error("broken", extra={"detail": Broken()})
    [entry], [line] = entries(written), memory.find(limit=9)
    assert entry["level"] == line.level == "error"
    assert entry["why"] == line.fields["why"] == "RuntimeError"
    assert "test_logging.py" in entry["at"]


def test_a_line_is_masked_once_for_all_who_are_shown_it(
    written: io.StringIO, memory: LogMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    masked: list[object] = []

    def counted(event: Mapping[str, object]) -> dict[str, object]:
        masked.append(event)
        return dict(event)

    monkeypatch.setattr("observability.log_events.mask_event", counted)
    logger.info("event")
    assert len(masked) == len(entries(written)) == len(memory.find(limit=9)) == 1


@pytest.mark.parametrize(
    "value",
    [
        10**400,
        float("inf"),
        ["\ud83d", float("nan"), 2**70],
        ["é", float("-inf")],
        "half \ud83d",
        {1: {"a", "b"}},
        b"\xff",
        "\x85\u2028\u202e",
    ],
)
def test_whatever_a_field_is_the_line_is_one_of_ascii_and_can_be_read_again(
    written: io.StringIO, memory: LogMemory, value: object
) -> None:
    logger.info("event", extra={"detail": value})
    [text] = written.getvalue().splitlines()
    assert text.isascii()
    assert json.loads(text)["event"] == "event"
    assert [line.event for line in memory.find(limit=9)] == ["event"]


def test_no_extra_pretends_to_be_the_line_itself(written: io.StringIO) -> None:
    logger.info("event", extra={"event": "login", "level": "critical", "timestamp": "never", "logger": "syncline"})
    [entry] = entries(written)
    assert (entry["event"], entry["level"], entry["logger"]) == ("event", "info", "tests.logging")


def test_a_line_of_many_long_fields_is_kept_short(memory: LogMemory) -> None:
    logger.info("long", extra={f"field_{number}": "a " * 50_000 for number in range(300)})
    [line] = memory.find(limit=1)
    assert len(line.fields) <= MAX_FIELDS
    assert sum(map(len, line.fields.values())) < MAX_LINE_CHARS + MAX_FIELDS * 20


@pytest.mark.parametrize("text", ['say "x"', "back\\slash", "größe", "GRÖSSE", '"to":["bob"', "1,2"])
def test_text_is_found_as_it_is_shown(memory: LogMemory, text: str) -> None:
    logger.info("other")
    logger.info("event", extra={"a": 'Say "X" and back\\slash', "b": "Größe", "c": {"to": ["bob", 1, 2]}, "d": [1, 2]})
    assert [line.event for line in memory.find(text=text, limit=9)] == ["event"]


def test_text_for_people_obeys_no_stranger(written: io.StringIO) -> None:
    """A line that colours, clears or ends: what a terminal would do with it (CWE-117, CWE-150)."""
    handler = standard_error()
    assert handler is not None
    handler.setFormatter(EventFormatter(for_people()))
    hostile = "\x1b[2J\x9b31m\r\nfake [info] line\u202e\u2028\x00\x7f"
    try:
        raise ValueError(hostile)
    except ValueError:
        logger.exception("said %s", hostile, extra={"user": hostile, "deep": [hostile]})
    text = written.getvalue()
    assert [character for character in text if not character.isprintable() and character != "\n"] == []
    assert not [line for line in text.splitlines() if line.startswith("fake")][1:], "only within the stack"


def test_after_it_is_detached_nothing_is_kept() -> None:
    memory = LogMemory(10)
    with memory.attached():
        pass
    logger.error("later")
    assert memory.find(limit=9) == []
