"""Which passwords are taken (NIST SP 800-63B-4 3.1.1.2, OWASP ASVS 5.0 6.2): length, and not what guessers try first.

No rule about kinds of characters, no expiry.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

MIN_LENGTH: Final = 8
MAX_LENGTH: Final = 128

MAX_DECORATION: Final = 4
"""Digits and marks around a word that a guesser adds without being asked: `Sunshine2024`, `!princess1`."""

MAX_REPEATED: Final = 4
"""A password that repeats so few characters, `abababab`, is no longer than they are."""

_SERVICE_WORDS = frozenset({"syncline"})

_SEQUENCES = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "qwertzuiopasdfghjklyxcvbnm",
)

_UNWELCOME = frozenset({"Cc", "Cn", "Co", "Cs"})
"""Control characters, and those whose normal form the next version of Unicode may change."""

_WORD = re.compile(r"\w+")


def normalise(password: str) -> str:
    """NFKC, as NIST asks: the same keys on another keyboard or system give the same password. Nothing is cut off."""
    return unicodedata.normalize("NFKC", password)


def prepare() -> None:
    """Read the list of common passwords, 5 ms, before there is a loop that it would hold up."""
    _common_passwords()


def check_length(password: str, field: str) -> None:
    """Refuse what is too long to be anybody's password before anything is computed from it.

    Raises:
        Refusal: INVALID
    """
    if len(password) > MAX_LENGTH:
        raise _invalid(f"at most {MAX_LENGTH} characters", field)


def check(password: str, *, email: str, name: str, field: str) -> None:
    """Whether somebody may have this as a new password.

    Raises:
        Refusal: INVALID, `field`, and in words what is wrong.
    """
    check_length(password, field)
    normal = normalise(password)
    if not MIN_LENGTH <= len(normal) <= MAX_LENGTH:
        raise _invalid(f"{MIN_LENGTH} to {MAX_LENGTH} characters", field)
    if any(unicodedata.category(character) in _UNWELCOME for character in normal):
        raise _invalid("control and unassigned characters are not allowed", field)
    if is_common(normal):
        raise _invalid("too common: it is among the first that are guessed", field)
    if is_personal(normal, email, name):
        raise _invalid("too close to the e-mail address, the name or the service", field)


def is_common(password: str) -> bool:
    """Whether guessers try it first: on the list, with little around a word of it, or a simple pattern."""
    folded = password.casefold()
    common = _common_passwords()
    return folded in common or _core(folded) in common or _is_pattern(folded)


def is_personal(password: str, email: str, name: str) -> bool:
    """Whether it is the address, the name or a part of them, with little around it."""
    folded = password.casefold()
    words = set(_personal_words(email, name))
    return folded in words or _core(folded) in words


def _personal_words(email: str, name: str) -> Iterator[str]:
    local, _, domain = email.casefold().partition("@")
    folded_name = unicodedata.normalize("NFKC", name).casefold()
    yield from (email.casefold(), local, domain, folded_name, "".join(folded_name.split()))
    for text in (local, domain, folded_name):
        yield from _WORD.findall(text)
    yield from _SERVICE_WORDS


def _core(folded: str) -> str:
    """What is left without a few digits and marks at the ends; "" when there are more than a few."""
    start = next((index for index, character in enumerate(folded) if character.isalpha()), len(folded))
    end = next((index for index in range(len(folded), start, -1) if folded[index - 1].isalpha()), start)
    return folded[start:end] if start + len(folded) - end <= MAX_DECORATION else ""


def _is_pattern(folded: str) -> bool:
    return _repeats(folded) or any(folded in line or folded in line[::-1] for line in _SEQUENCES)


def _repeats(folded: str) -> bool:
    return any(folded == (folded[:size] * len(folded))[: len(folded)] for size in range(1, MAX_REPEATED + 1))


@cache
def _common_passwords() -> frozenset[str]:
    text = resources.files("services.accounts").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


def _invalid(detail: str, field: str) -> Refusal:
    return Refusal(Kind.INVALID, "invalid_field", detail, field=field)
