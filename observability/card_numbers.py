"""Card numbers in text: 13 to 19 digits that begin and end as those of a card do, whole or in groups."""

from __future__ import annotations

import itertools
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

_MARKED: Final = re.compile(
    r"(?<![0-9])[0-9]{4}([./_+\t\u2007-\u2015\u202f\u200b]|\x20{2,3}|\r?\n)"
    r"(?:[0-9]{4}\1[0-9]{4}\1[0-9]{1,7}|[0-9]{6}\1[0-9]{4,5})(?![0-9])"
)
"""In the groups that are printed on cards, with the same separator of any kind between them: of dots and slashes there
are too many in dates, versions and addresses for less."""

_FOREIGN_DIGIT: Final = re.compile(r"(?![0-9])\d")

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
    if len(text) < _FEWEST:
        return text
    if not text.isascii() and _FOREIGN_DIGIT.search(text) is not None:
        return _masked_foreign(text)
    if _MARKED.search(text) is not None:
        text = _MARKED.sub(_masked_groups, text)
    return _RUN.sub(_masked_run, text) if _ENOUGH.search(text) is not None else text


def _masked_foreign(text: str) -> str:
    """Digits of other scripts count as ours; they stay what they are where no card number is among them."""
    ours = _FOREIGN_DIGIT.sub(lambda match: str(int(match[0])), text)
    masked = mask_card_numbers(ours)
    return text if masked == ours else masked


def _masked_groups(match: re.Match[str]) -> str:
    number = match[0]
    if not is_card_number("".join(_GROUP.findall(number))):
        return number
    starred = list(number)
    places = [place for place, character in enumerate(number) if character.isdigit()]
    for place in places[_FIRST_KEPT:-_LAST_KEPT]:
        starred[place] = "*"
    return "".join(starred)


def is_card_number(digits: str) -> bool:
    """Whether so many digits, with this beginning, pass the check of ISO/IEC 7812-1 (Luhn)."""
    return _FEWEST <= len(digits) <= _MOST and _PREFIX.match(digits) is not None and _luhn_sum(digits) % 10 == 0


def _luhn_sum(digits: str) -> int:
    return _luhn_sums(digits, len(digits) % 2)[-1]


def _luhn_sums(digits: str, doubled: int) -> list[int]:
    """The sum of the first n digits, for every n, where those at even places (0) or at odd ones (1) count double."""
    values = [_DOUBLED[int(digit)] if place % 2 == doubled else int(digit) for place, digit in enumerate(digits)]
    return [0, *itertools.accumulate(values)]


def _masked_run(match: re.Match[str]) -> str:
    """Neighbouring groups may be one number; whatever else stands beside it in the run is left."""
    run = match[0]
    if len(run) < _FEWEST or _UUID.fullmatch(run):
        return run
    groups = [group.span() for group in _GROUP.finditer(run)]
    groups = groups[_is_in_id(match.string, match.start(), -1) : len(groups) - _is_in_id(match.string, match.end(), 1)]
    places = [place for start, end in groups for place in range(start, end)]
    starred = list(run)
    for first, last in _card_numbers("".join(run[start:end] for start, end in groups), groups):
        for place in places[first + _FIRST_KEPT : last - _LAST_KEPT]:
            starred[place] = "*"
    return "".join(starred)


def _card_numbers(digits: str, groups: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Where in the digits of a run one begins and ends: with a group each. Every window costs two look-ups."""
    ends = list(itertools.accumulate(end - start for start, end in groups))
    sums = _luhn_sums(digits, 0), _luhn_sums(digits, 1)
    for number, start in enumerate([0, *ends][:-1]):
        if _PREFIX.match(digits, start) is None:
            continue
        for end in ends[number : number + _MOST]:
            if end - start > _MOST:
                break
            told = sums[end % 2]
            if end - start >= _FEWEST and (told[end] - told[start]) % 10 == 0:
                yield start, end


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
