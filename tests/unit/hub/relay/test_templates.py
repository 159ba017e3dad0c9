"""Templates: every value in its place, and no value that makes another channel of the name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.channels import is_listed, is_private, namespace_of
from hub.relay.cloudevents import decode_event
from hub.relay.message import Message
from hub.relay.paths import Path, PathInvalid, Scope
from hub.relay.rejection import Rejected
from hub.relay.templates import ChannelTemplate, Template, TemplateInvalid

ENVELOPE = {"specversion": "1.0", "id": "e1", "source": "/shop", "type": "order.paid", "subject": "s", "tenant": "acme"}


def scope_of(data: Any, headers: dict[str, str] | None = None, **attributes: Any) -> Scope:
    body = json.dumps({**ENVELOPE, **attributes, "data": data}).encode()
    message = Message(body, headers or {}, "application/cloudevents+json", "m1", "orders.paid")
    return Scope(message, decode_event(message, {"subject", "tenant", "traceparent"}))


def channel_of(text: str, data: Any, **parts: Any) -> str:
    return ChannelTemplate(text, 255).channel(scope_of(data, **parts))


ORDER = {"customer_id": 42, "lines": [{"sku": "a-1"}, {"sku": "b:2"}], "paid": True, "none": None, "0": "zero"}


@pytest.mark.parametrize(
    ("template", "channel"),
    [
        ("news", "news"),
        ("payments:#{data.customer_id}", "payments:#42"),
        ("{data.lines.0.sku}", "a-1"),
        ("stock:{data.lines.1.sku}", "stock:b:2"),
        ("x:{data.paid}-{data.0}", "x:true-zero"),
        ("{tenant}:{type}/{source}/{subject}/{id}", "acme:order.paid//shop/s/e1"),
        ("by:{routing_key}", "by:orders.paid"),
        ("by:{headers.X-Shop}", "by:shop"),
        ("a{{b}}{{{{c", "a{b}{{c"),
    ],
)
def test_values_stand_where_the_template_says(template: str, channel: str) -> None:
    assert channel_of(template, ORDER, headers={"x-shop": "shop"}) == channel


def test_data_may_be_a_list_or_one_value() -> None:
    assert channel_of("a:{data.1.b}", [0, {"b": "c"}]) == "a:c"
    assert channel_of("a:{data}", "b") == "a:b"


@pytest.mark.parametrize(
    ("template", "data", "says"),
    [
        ("a:{data.b}", {}, "data.b: is missing"),
        ("a:{data.b}", {"b": None}, "data.b: is missing"),
        ("a:{data.b}", "text", "data.b: is missing"),
        ("a:{data.b.c}", {"b": 1}, "data.b.c: is missing"),
        ("a:{data.b}", {"b": ""}, "data.b: is empty"),
        ("a:{data.b}", {"b": {}}, "data.b: is an object or a list"),
        ("a:{data.b}", {"b": "x\ny"}, "data.b: holds characters"),
        ("a:{data.b}", {"b": "x#y"}, "data.b: holds '#'"),
        ("a:#{data.b}", {"b": "1,2"}, "data.b: holds ','"),
        ("{data.b}", {"b": "x:y"}, "data.b: holds ':'"),
        ("{data.b}", {"b": "$y"}, "data.b: holds '$'"),
        ("#{data.b}", {"b": "x:y"}, "data.b: holds ':'"),
        ("a:{data.b}", {"b": "é" * 127}, "longer than 255 bytes"),
        ("a:{traceparent}", {}, "traceparent: is missing"),
        ("a:{headers.x}", {}, "headers.x: is missing"),
    ],
)
def test_a_value_that_does_not_fit_is_rejected_and_named(template: str, data: Any, says: str) -> None:
    with pytest.raises(Rejected) as rejected:
        channel_of(template, data)
    assert rejected.value.reason == "bad_channel"
    assert says in rejected.value.detail


@pytest.mark.parametrize("channel", ["news", "orders:#42", "chat:$room", "dialog#1,2", "$token:only"])
def test_a_trusted_template_takes_any_channel_for_a_value(channel: str) -> None:
    assert ChannelTemplate("{data.to}", 255, is_trusted=True).channel(scope_of({"to": channel})) == channel


@pytest.mark.parametrize("value", ["", "x\ny", "é" * 128, None])
def test_a_trusted_template_takes_no_value_that_is_no_name(value: object) -> None:
    with pytest.raises(Rejected, match="bad_channel"):
        ChannelTemplate("{data.to}", 255, is_trusted=True).channel(scope_of({"to": value}))


@given(st.sampled_from(["shop:{data.a}", "shop:#{data.a}", "{data.a}", "dialog#{data.a}", "$shop:{data.a}"]), st.text())
def test_no_value_changes_whom_or_what_the_channel_is_for(template: str, value: str) -> None:
    try:
        channel = channel_of(template, {"a": value})
    except Rejected:
        return
    plain = template.replace("{data.a}", "x")
    assert namespace_of(channel) == namespace_of(plain)
    assert is_private(channel) == is_private(plain)
    assert ("#" in channel) == ("#" in plain)
    if "#" in plain:
        assert is_listed(value, channel)
        assert channel.rpartition("#")[2].split(",") == [value]


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("", "must name a channel"),
        ("a:{data.b", "without its partner"),
        ("a:data.b}", "without its partner"),
        ("a:{}", "is no path"),
        ("a:{data..b}", "empty member name"),
        ("a:{Data.b}", "is no path"),
        ("a:{customer id}", "is no path"),
        ("a:{headers}", "needs a name"),
        ("a\n", "no channel name may have"),
        ("a" * 256, "longer than 255"),
    ],
)
def test_what_is_no_template_says_why(template: str, says: str) -> None:
    with pytest.raises(TemplateInvalid, match=says):
        ChannelTemplate(template, 255)


def test_a_text_without_a_value_is_none() -> None:
    scope = scope_of({"a": {}, "b": 1})
    assert Template("x{data.b}").render(scope) == "x1"
    assert Template("x{data.c}").render(scope) is None
    assert Template("x{data.a}").render(scope) is None


def test_the_fixed_start_ends_at_the_first_value() -> None:
    assert [Template(text).fixed_start for text in ("a:b", "a:{id}b", "{id}", "")] == ["a:b", "a:", "", ""]


def test_trace_context_is_found_among_the_headers_too() -> None:
    path = Path("traceparent")
    assert path.read(scope_of({}, headers={"Traceparent": "from header"})) == "from header"
    assert path.read(scope_of({}, headers={"Traceparent": "from header"}, traceparent="own")) == "own"


@pytest.mark.parametrize("text", ["", "a.b", "subject.x", "routing_key.x", "é", "a" * 65])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(PathInvalid):
        Path(text)
