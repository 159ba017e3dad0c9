"""Card numbers in text: 13 to 19 digits that begin and end as those of a card do, whole or in groups."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_FEWEST: Final = 13
_MOST: Final = 19
_FIRST_KEPT: Final = 6
_LAST_KEPT: Final = 4

_RUN: Final = re.compile(r"[0-9]+(?:[ \xa0-][0-9]+)*+", re.ASCII)
"""Digits, with one space or dash between groups."""

_ENOUGH: Final = re.compile(r"[0-9](?:[ \xa0-]?[0-9]){12}", re.ASCII)
"""Most texts have no such thing, and looking is cheaper than replacing."""

_GROUP: Final = re.compile(r"[0-9]+")
_FRACTION: Final = re.compile(r"[0-9]\.\Z", re.ASCII)
_HEX_DIGITS: Final = frozenset("0123456789abcdefABCDEF")
_MAX_WORD_CHARS: Final = 64

# Visa 4, Mastercard 2221-2720 and 51-55, American Express 34 and 37, Diners 30 36 38 39, JCB 35, Maestro 50 56-58,
# Discover, Maestro and UnionPay 6.
_PREFIX: Final = re.compile(r"4|5[0-8]|2[2-7]|3[04-9]|6")

_UUID: Final = re.compile(r"[0-9]{8}-[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{12}")

_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def mask_card_numbers(text: str) -> str:
    """The text with the middle digits of every card number starred: six first and four last stay (PCI DSS 3.4.1)."""
    return _RUN.sub(_masked_run, text) if _ENOUGH.search(text) is not None else text


def is_card_number(digits: str) -> bool:
    """Whether so many digits, with this beginning, pass the check of ISO/IEC 7812-1 (Luhn)."""
    return _FEWEST <= len(digits) <= _MOST and _PREFIX.match(digits) is not None and _luhn_sum(digits) % 10 == 0


def _luhn_sum(digits: str) -> int:
    last_first = [int(digit) for digit in reversed(digits)]
    return sum(last_first[::2]) + sum(_DOUBLED[digit] for digit in last_first[1::2])


def _masked_run(match: re.Match[str]) -> str:
    """Neighbouring groups may be one number; whatever else stands beside it in the run is left."""
    run = match[0]
    if len(run) < _FEWEST or _UUID.fullmatch(run):
        return run
    groups = [group.span() for group in _GROUP.finditer(run)]
    groups = groups[_is_in_id(match.string, match.start(), -1) : len(groups) - _is_in_id(match.string, match.end(), 1)]
    starred = list(run)
    for first in range(len(groups)):
        for start, end in _windows(groups[first : first + _MOST]):
            if is_card_number(_digits(run[start:end])):
                _star(starred, start, end)
    return "".join(starred)


def _windows(groups: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """From the first group on: where so many of them end that they have the digits of a card."""
    num_digits = 0
    for start, end in groups:
        num_digits += end - start
        if num_digits > _MOST:
            return
        if num_digits >= _FEWEST:
            yield groups[0][0], end


def _is_in_id(text: str, at: int, step: int) -> bool:
    """Whether the digits on this side of a run go on as a hexadecimal number, which is an id, or as a decimal one."""
    if step < 0 and _FRACTION.search(text, max(0, at - 2), at):
        return True
    edge = at - 1 if step < 0 else at
    letters = 0
    while 0 <= edge < len(text) and text[edge].isalnum() and letters < _MAX_WORD_CHARS:
        if text[edge] not in _HEX_DIGITS:
            return False
        letters += 1
        edge += step
    return letters > 0


def _digits(text: str) -> str:
    return text.replace(" ", "").replace("-", "").replace("\xa0", "")


def _star(characters: list[str], start: int, end: int) -> None:
    """Put stars over the digits between, and leave the separators."""
    places = [place for place in range(start, end) if characters[place].isdigit() or characters[place] == "*"]
    for place in places[_FIRST_KEPT:-_LAST_KEPT]:
        characters[place] = "*"
