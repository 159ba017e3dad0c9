from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from hub.call_context import take_context
from hub.tracing import TraceContext

CONTEXT = TraceContext("a" * 32, "1" * 16)


def taken(data: bytes) -> tuple[bytes, TraceContext | None]:
    rest, context = take_context(Raw(data))
    assert isinstance(rest, Raw)
    return bytes(rest), context


def test_the_context_is_taken_out_and_the_rest_stays_as_it_was_written() -> None:
    data = b'{"a": {"x" : 1.50}, "traceparent":"%s","tracestate":"v=1","b":[ ]}' % CONTEXT.traceparent().encode()
    assert taken(data) == (b'{"a":{"x" : 1.50},"b":[ ]}', CONTEXT._replace(state="v=1"))


@pytest.mark.parametrize("value", [b'"garbage"', b"1", b"null", b"{}"])
def test_a_broken_one_is_taken_out_and_is_none(value: bytes) -> None:
    assert taken(b'{"traceparent":%s,"a":1}' % value) == (b'{"a":1}', None)


@pytest.mark.parametrize(
    "data", [b"{}", b'{"a":"traceparent"}', b'{"a":{"traceparent":"x"}}', b'["traceparent"]', b'{"traceparent"', b""]
)
def test_everything_else_stays_the_bytes_it_is(data: bytes) -> None:
    raw = Raw(data)
    assert take_context(raw) == (raw, None)
    assert take_context(raw)[0] is raw


def test_no_data() -> None:
    assert take_context(UNSET) == (UNSET, None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("traceparent"), inner),
)


@given(st.binary() | json_values.map(msgspec.json.encode))
def test_anything_can_be_looked_at(data: bytes) -> None:
    take_context(Raw(data))


@given(st.dictionaries(st.text(), json_values))
def test_the_rest_means_the_same(members: dict[str, object]) -> None:
    rest, _ = taken(msgspec.json.encode({**members, "traceparent": CONTEXT.traceparent()}))
    expected = {name: value for name, value in members.items() if name not in ("traceparent", "tracestate")}
    assert msgspec.json.decode(rest) == expected
