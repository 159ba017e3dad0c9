"""What comes from outside cannot forge a line of the log (CWE-117)."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from observability.logging import configure_logging
from services.accounts.permissions import Action, require
from sessions.principal import Principal
from sessions.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    configure_logging()
    stream = io.StringIO()
    [handler] = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    yield stream
    root.handlers, root.level = handlers, level
    root.setLevel(level)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(owner=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@example('x\r\n{"event": "login", "user": "root"}')
@example("\x1b[2J\u2028\u2029\x85\x00")
def test_each_entry_is_one_line_of_json_whatever_it_tells(lines: io.StringIO, owner: str) -> None:
    lines.seek(0)
    lines.truncate()
    with pytest.raises(Refusal):
        require(Principal("ann", "sid", "did", frozenset({"CUSTOMER"})), Action.USER_READ, owner)
    [line] = lines.getvalue().splitlines()
    assert line.isascii()
    entry = msgspec.json.decode(line)
    assert entry["event"] == "permission_refused"
    assert entry["user"] == "ann"
