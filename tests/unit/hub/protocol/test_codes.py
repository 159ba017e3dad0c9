from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hub.protocol import codes
from hub.protocol.codes import (
    CLOSE_CODES,
    CONNECTION_CLOSED,
    DISCONNECTS,
    ERROR_CODES,
    MAX_CLOSE_REASON_BYTES,
    UNSUBSCRIBES,
    Disconnect,
    ErrorCode,
    Unsubscribed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

DOCUMENT = Path(codes.__file__).parents[2] / "docs" / "protocol.md"

Numbered = ErrorCode | Disconnect | Unsubscribed


def documented(lead: str) -> dict[int, str]:
    """The numbers and texts of the table in section 2.6 that follows the paragraph beginning with `lead`."""
    section = DOCUMENT.read_text().partition("\n### 2.6 Codes\n")[2].partition("\n### ")[0]
    table = section.partition(f"\n{lead}")[2].partition("\n\n")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (\d+) \| ([^|]+?) \|", table, re.MULTILINE)
    found = {int(code): text for code, text in rows}
    assert len(found) == len(rows), "a number is documented twice"
    return found


@pytest.mark.parametrize(
    ("kind", "listed"), [(ErrorCode, ERROR_CODES), (Disconnect, DISCONNECTS), (Unsubscribed, UNSUBSCRIBES)]
)
def test_every_code_is_listed_once(kind: type[Numbered], listed: Sequence[Numbered]) -> None:
    defined = [value for value in vars(codes).values() if isinstance(value, kind)]
    assert list(listed) == defined
    assert len({value.code for value in listed}) == len(listed)
    assert len({value[1] for value in listed}) == len(listed)


@pytest.mark.parametrize(
    ("lead", "listed"), [("Errors.", ERROR_CODES), ("Disconnects.", DISCONNECTS), ("Unsubscribes.", UNSUBSCRIBES)]
)
def test_the_document_lists_the_same_codes(lead: str, listed: Sequence[Numbered]) -> None:
    assert documented(lead) == {value[0]: value[1] for value in listed}


def test_codes_are_in_the_ranges_that_sdks_act_on() -> None:
    assert all(100 <= error.code < 200 for error in ERROR_CODES)
    written = [disconnect for disconnect in DISCONNECTS if disconnect is not CONNECTION_CLOSED]
    assert all(disconnect.code in CLOSE_CODES and disconnect.code < 4000 for disconnect in written)
    assert all(2000 <= unsubscribed.code < 3000 for unsubscribed in UNSUBSCRIBES)


def test_only_what_may_pass_is_temporary() -> None:
    assert [error.code for error in ERROR_CODES if error.temporary] == [100, 111]


@pytest.mark.parametrize("disconnect", DISCONNECTS)
def test_trap_01_close_reasons_are_plain_text_that_is_not_json(disconnect: Disconnect) -> None:
    """npm `centrifuge` takes a reason that parses as JSON, or an empty one, for a reconnect."""
    reason = disconnect.reason
    assert 0 < len(reason.encode()) <= MAX_CLOSE_REASON_BYTES
    assert reason.isascii()
    assert reason.isprintable()
    with pytest.raises(json.JSONDecodeError):
        json.loads(reason)


def test_trap_03_everything_numbered_has_a_text() -> None:
    assert all(value[1] for value in (*ERROR_CODES, *DISCONNECTS, *UNSUBSCRIBES))


@pytest.mark.parametrize(
    ("code", "is_terminal"),
    [
        (1000, False),
        (2999, False),
        (3000, False),
        (3499, False),
        (3500, True),
        (3999, True),
        (4000, False),
        (4499, False),
        (4500, True),
        (4999, True),
        (5000, False),
    ],
)
def test_terminal_codes_are_those_on_which_sdks_give_up(code: int, is_terminal: bool) -> None:
    assert Disconnect(code, "any").is_terminal == is_terminal


def test_resubscribing_is_asked_for_where_it_can_help() -> None:
    assert [unsubscribed.code for unsubscribed in UNSUBSCRIBES if unsubscribed.code >= 2500] == [2500, 2501, 2502]
