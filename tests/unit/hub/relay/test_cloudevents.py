"""CloudEvents as the specification has them, with its own SDK as the oracle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from cloudevents.core.bindings import amqp, http, rabbitmq
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from hub.relay.cloudevents import Event, binary_attributes, decode_event, is_json, media_type
from hub.relay.message import Message
from hub.relay.rejection import Rejected

STRUCTURED = "application/cloudevents+json; charset=utf-8"
REQUIRED = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
BINARY = {f"ce-{name}": value for name, value in REQUIRED.items()}


def structured(**members: Any) -> Message:
    return Message(json.dumps({**REQUIRED, **members}).encode(), {}, STRUCTURED)


def rejection_of(message: Message) -> Rejected:
    with pytest.raises(Rejected) as rejected:
        decode_event(message)
    return rejected.value


def data_of(event: Event) -> bytes:
    return bytes(event.data)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
CORE = {"specversion", "id", "source", "type", "data", "time", "subject", "datacontenttype", "dataschema"}
NO_CONTROLS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp", "Co", "Cn"))
WORDS = st.text(NO_CONTROLS, min_size=1, max_size=20)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=20).filter(lambda name: name not in CORE)


def written_forms(event: CloudEvent) -> Iterator[Message]:
    """The event as the SDK writes it for every carrier, both ways."""
    json_format = JSONFormat()
    for written in (http.to_structured(event, json_format), http.to_binary(event, json_format)):
        headers = {name.lower(): unquote(value) for name, value in written.headers.items()}
        yield Message(written.body, headers, headers["content-type"])
    for rabbit in (rabbitmq.to_structured(event, json_format), rabbitmq.to_binary(event, json_format)):
        yield Message(rabbit.body, rabbit.headers, rabbit.content_type or "")
    for message in (amqp.to_structured(event, json_format), amqp.to_binary(event, json_format)):
        yield Message(
            message.application_data, dict(message.application_properties), str(message.properties["content-type"])
        )


@given(WORDS, WORDS, WORDS, st.dictionaries(NAMES, WORDS, max_size=4), st.dictionaries(st.text(max_size=8), VALUES))
def test_it_reads_what_the_sdk_writes(
    event_id: str, source: str, event_type: str, extensions: dict[str, str], data: dict[str, Any]
) -> None:
    attributes = {"id": event_id, "source": source, "type": event_type, **extensions}
    event = CloudEvent({**attributes, "specversion": "1.0", "datacontenttype": "application/json"}, data)
    for message in written_forms(event):
        read = decode_event(message, set(extensions))
        assert read.attributes == attributes
        assert json.loads(data_of(read)) == data


@pytest.mark.parametrize("prefix", ["ce-", "Ce-", "cloudEvents:", "cloudEvents_"])
def test_attributes_stand_in_headers_with_any_of_the_prefixes(prefix: str) -> None:
    headers = {f"{prefix}{name}": value for name, value in REQUIRED.items()} | {"x-other": "1"}
    assert binary_attributes(headers) == REQUIRED
    event = decode_event(Message(b'{"a":1}', headers, "application/json"))
    assert (event.attributes, data_of(event)) == ({"id": "1", "source": "/s", "type": "t"}, b'{"a":1}')


@pytest.mark.parametrize(
    "data", [b"{}", b'{"n": 1.50, "big": 123456789012345678901234567890}', b"[1, 2]", b'"x"', b"null"]
)
def test_the_data_is_what_the_publisher_wrote(data: bytes) -> None:
    body = b'{"specversion":"1.0","id":"1","source":"/s","type":"t","data":' + data + b"}"
    assert data_of(decode_event(Message(body, {}, STRUCTURED))) == data
    assert data_of(decode_event(Message(data, {}))) == data


def test_an_event_without_data_has_null() -> None:
    assert data_of(decode_event(structured())) == b"null"
    assert data_of(decode_event(Message(b"", BINARY))) == b"null"


def test_extensions_are_text_whatever_they_were() -> None:
    event = decode_event(structured(priority=3, urgent=True, nothing=None), {"priority", "urgent", "nothing"})
    assert event.attributes == {"id": "1", "source": "/s", "type": "t", "priority": "3", "urgent": "true"}


def test_plain_json_is_an_event_without_attributes() -> None:
    event = decode_event(Message(b'{"id":"not mine"}', {}, "text/plain"), {"id"})
    assert (event.attributes, event.key) == ({}, "")


def test_the_key_is_source_and_id() -> None:
    assert decode_event(structured(id="a", source="/b")).key == "/b a"


def test_half_an_emoji_is_mended() -> None:
    body = rb'{"specversion":"1.0","id":"1","source":"/s","type":"t","data":"\ud83d"}'
    assert data_of(decode_event(Message(body, {}, STRUCTURED))) == rb'"\ufffd"'
    assert data_of(decode_event(Message(rb'"\ud83d"', {}))) == rb'"\ufffd"'


@pytest.mark.parametrize(
    ("message", "reason", "says"),
    [
        (structured(specversion="0.3"), "unknown_version", "specversion"),
        (structured(specversion=None), "unknown_version", "specversion"),
        (structured(specversion=["1.0"]), "malformed", "specversion"),
        (structured(id=""), "malformed", "id"),
        (structured(type=None), "malformed", "type"),
        (structured(source={}), "malformed", "source"),
        (structured(data_base64="AA=="), "refused", "data_base64"),
        (structured(datacontenttype="application/xml", data="<a/>"), "refused", "application/xml"),
        (Message(b"[]", {}, STRUCTURED), "malformed", "JSON object"),
        (Message(b"{", {}, STRUCTURED), "malformed", "not JSON"),
        (Message(b"[" * 100_000, {}, STRUCTURED), "malformed", "JSON object"),
        (Message(b"{}", {}, "application/cloudevents+avro"), "malformed", "avro"),
        (Message(b"[]", {}, "application/cloudevents-batch+json"), "malformed", "batch"),
        (Message(b"{}", {"ce-id": "1"}), "unknown_version", "specversion"),
        (Message(b"{}", {"ce-specversion": "1.0", "ce-id": "1", "ce-type": "t"}), "malformed", "source"),
        (
            Message(b"<a/>", BINARY, "text/xml"),
            "refused",
            "text/xml",
        ),
        (Message(b"<a/>", {}), "malformed", "one JSON value"),
        (Message(b"", {}), "malformed", "empty"),
        (Message(b'"\xff"', {}), "malformed", "UTF-8"),
        (Message(b"[" * 100 + b"]" * 100, {}), "malformed", "deeper"),
        (structured(data=json.loads("[" * 100 + "]" * 100)), "malformed", "data"),
    ],
)
def test_what_cannot_be_read_is_rejected_and_says_why(message: Message, reason: str, says: str) -> None:
    rejected = rejection_of(message)
    assert rejected.reason == reason
    assert says in rejected.detail


@given(st.binary(max_size=200), st.sampled_from(["", STRUCTURED, "application/json"]))
def test_any_bytes_are_an_event_or_rejected(body: bytes, content_type: str) -> None:
    try:
        event = decode_event(Message(body, {}, content_type))
    except Rejected:
        return
    json.loads(data_of(event))


@pytest.mark.parametrize(
    ("given", "expected"),
    [("", ""), ("Application/JSON ; charset=utf-8", "application/json"), ("a/b+json", "a/b+json")],
)
def test_media_types_are_compared_without_parameters(given: str, expected: str) -> None:
    assert media_type(given) == expected


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [("", True), ("application/json", True), ("application/vnd.x+json", True), ("text/plain", False)],
)
def test_what_counts_as_json(content_type: str, *, expected: bool) -> None:
    assert is_json(content_type) is expected
