from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.protocol.json_codec import JSON
from hub.protocol.surrogates import mend_surrogates

LONE = re.compile("[\ud800-\udfff]")

HALVES = ["\\ud83d", "\\uDE80", "\\uD83D", "\\ude80", "\\udbff", "\\udfff", "\\ud800", "\\uDC00"]
OTHER_ESCAPES = ["\\\\", "\\\\ud83d", '\\"', "\\n", "\\/", "\\u0041", "\\ud7ff", "\\ue000", "\\ufffd"]
PIECES = st.sampled_from([*HALVES, *OTHER_ESCAPES, "u", "ud83d", "a", "é", "\U0001f680", " "])
STRINGS = st.lists(PIECES, max_size=12).map(lambda pieces: '"' + "".join(pieces) + '"')
TEXTS = STRINGS | st.tuples(STRINGS, STRINGS, STRINGS).map(lambda three: "{{{}:[{},{{{}:1}}]}}".format(*three))


def mended_value(value: Any) -> Any:
    """The oracle: what Python read, halves replaced."""
    if isinstance(value, str):
        return LONE.sub("\ufffd", value)
    if isinstance(value, list):
        return [mended_value(inner) for inner in value]
    if isinstance(value, dict):
        return {mended_value(name): mended_value(inner) for name, inner in value.items()}
    return value


@given(TEXTS)
@example('"\\\\ud83d"')
@example('"\\\\\\ud83d"')
@example('"\\ud83d\\ud83d\\ude80"')
@example('"\\ude80\\ud83d"')
@example('"\\ud83d\\u0041"')
@example('"\\ud83d\\\\ude80"')
def test_halves_become_replacement_characters_and_nothing_else_changes(text: str) -> None:
    mended = mend_surrogates(text.encode())
    value = json.loads(text)
    assert json.loads(mended) == mended_value(value)
    assert msgspec.json.decode(mended) == mended_value(value)
    if mended_value(value) == value:
        assert mended == text.encode(), "there was nothing to mend"


@given(st.binary(max_size=40))
def test_any_bytes_can_be_looked_through(text: bytes) -> None:
    assert mend_surrogates(mend_surrogates(text)) == mend_surrogates(text)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"\ud83d", "\ufffd"),
        (r"\ude80 \ud83d", "\ufffd \ufffd"),
        (r"\ud83d\ude80", "\U0001f680"),
        (r"\\ud83d", r"\ud83d"),
        (r"\ud83d\ude80\ud83d", "\U0001f680\ufffd"),
    ],
)
def test_halves_in_commands_are_mended_wherever_they_are(written: str, read: str) -> None:
    frame = (
        f'{{"id":1,"publish":{{"channel":"{written}","data":["{written}"]}}}}\n{{"id":2,"rpc":{{"data":"{written}"}}}}'
    )
    publish, rpc = JSON.decode_commands(frame.encode())
    assert isinstance(publish.publish, msgspec.Struct)
    assert isinstance(rpc.rpc, msgspec.Struct)
    assert publish.publish.channel == read
    for data, expected in ((publish.publish.data, [read]), (rpc.rpc.data, read)):
        assert isinstance(data, msgspec.Raw)
        assert msgspec.json.decode(data) == expected
