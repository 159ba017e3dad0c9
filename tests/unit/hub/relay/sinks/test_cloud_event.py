"""Entries as CloudEvents: what our own consumers and CloudEvents' own library read out of them again."""

from __future__ import annotations

import msgspec
import pytest
from cloudevents.core.bindings.amqp import AMQPMessage, from_binary_event
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from hub.relay.cloudevents import decode_event
from hub.relay.entries import OutboxEntry
from hub.relay.message import Message
from hub.relay.sinks.cloud_event import (
    TemplateInvalid,
    attributes_of,
    check_template,
    filled,
    rfc3339,
    tag_headers,
    trace_headers,
)
from hub.relay.sinks.rabbitmq import RabbitCarrier
from hub.relay.sinks.redis_stream import RedisStreamCarrier

ENTRY = OutboxEntry(
    "01",
    "sessions:#ann",
    b'{"type":"session.created"}',
    tags={"traceparent": "00-1-2-01", "plan": "free"},
    headers={"type": "session.created", "time": "1700000000123"},
)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs")), min_size=1, max_size=20)
ENTRIES = st.builds(
    OutboxEntry,
    id=st.uuids().map(str),
    channel=TEXT,
    data=st.sampled_from([b"1", b'{"a":[1,2]}', '"é"'.encode(), b"null"]),
    headers=st.none() | st.fixed_dictionaries({"type": TEXT, "time": st.integers(0, 1 << 41).map(str)}),
)


def test_attributes_say_what_where_and_when() -> None:
    assert attributes_of(ENTRY, "/shop") == {
        "specversion": "1.0",
        "id": "01",
        "source": "/shop",
        "type": "session.created",
        "subject": "sessions:#ann",
        "datacontenttype": "application/json",
        "partitionkey": "sessions:#ann",
        "time": "2023-11-14T22:13:20.123Z",
        "traceparent": "00-1-2-01",
    }
    assert tag_headers(ENTRY) == {"syncline-tag-plan": "free"}


def test_the_context_of_a_trace_is_where_instrumented_consumers_look_too() -> None:
    entry = msgspec.structs.replace(ENTRY, tags={"traceparent": "00-1-2-01", "tracestate": "a=b", "plan": "free"})
    letter = RabbitCarrier(None, "events", "{type}", "/shop").letter(entry)  # type: ignore[arg-type]  # it sends nothing
    assert trace_headers(entry) == {"traceparent": "00-1-2-01", "tracestate": "a=b"}
    assert trace_headers(entry).items() <= letter.headers.items()
    command = RedisStreamCarrier(None, "orders", 0, "/shop").command(entry)  # type: ignore[arg-type]  # it sends nothing
    fields = dict(zip(command[3::2], command[4::2], strict=True))
    assert trace_headers(entry).items() <= fields.items()


def test_its_key_is_its_id_where_it_has_one_of_its_own() -> None:
    entry = OutboxEntry("01", "news:1", b"1", idempotency_key="order-7")
    attributes = attributes_of(entry, "/shop")
    assert (attributes["id"], attributes["type"]) == ("order-7", "syncline.publication")
    assert "time" not in attributes


@given(ENTRIES)
def test_cloudevents_own_library_reads_our_letters(entry: OutboxEntry) -> None:
    letter = RabbitCarrier(None, "events", "{type}", "/shop").letter(entry)  # type: ignore[arg-type]  # it sends nothing
    message = AMQPMessage({"content-type": letter.content_type}, letter.headers, letter.body)
    event = from_binary_event(message, JSONFormat())
    assert (event.get_id(), event.get_source(), event.get_subject()) == (entry.id, "/shop", entry.channel)
    assert event.get_type() == (entry.headers or {}).get("type", "syncline.publication")


@given(ENTRIES)
def test_our_own_consumers_read_both_forms(entry: OutboxEntry) -> None:
    letter = RabbitCarrier(None, "events", "{type}", "/shop").letter(entry)  # type: ignore[arg-type]  # it sends nothing
    command = RedisStreamCarrier(None, "log", 10, "/shop").command(entry)  # type: ignore[arg-type]  # it sends nothing
    assert command[:6] == ("XADD", "log", "MAXLEN", "~", 10, "*")
    fields = dict(zip(command[6::2], command[7::2], strict=True))
    payload = fields.pop("payload")
    for message in (
        Message(letter.body, letter.headers, letter.content_type),
        Message(payload, fields, str(fields["content-type"])),  # type: ignore[arg-type]  # all of them are text
    ):
        event = decode_event(message, ("subject", "partitionkey"))
        assert bytes(event.data) == entry.data
        assert event.key == f"/shop {entry.id}"
        assert event.attributes["subject"] == event.attributes["partitionkey"] == entry.channel


@pytest.mark.parametrize(
    ("template", "expected"),
    [("{type}", "session.created"), ("a.{namespace}.b", "a.sessions.b"), ("{channel}", "sessions:#ann"), ("x", "x")],
)
def test_templates_are_filled_in(template: str, expected: str) -> None:
    check_template(template)
    assert filled(template, ENTRY) == expected


@pytest.mark.parametrize("template", ["{user}", "{}", "{type", "{type}}", "{0}"])
def test_templates_that_name_nothing_are_refused(template: str) -> None:
    with pytest.raises(TemplateInvalid):
        check_template(template)


def test_times_are_rfc_3339_in_utc() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
