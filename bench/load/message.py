"""The published message: 128 bytes of JSON that carry their own publish time and number."""

from __future__ import annotations

import re
import time

MARK = b'"t":"'
"""Occurs once per message and nowhere else in any server's envelope, so counting it counts messages."""

STAMP_DIGITS = 19
_NUMBER = re.compile(rb'"n":(\d+)')


def message(number: int, size: int) -> bytes:
    """One JSON object of exactly `size` bytes.

    The time is text, not a number: JavaScript, which decodes and encodes it again, keeps no integer of 19 digits exact.
    """
    head = b'{"t":"%019d","n":%d,"p":"' % (time.monotonic_ns(), number)
    return head + b"x" * (size - len(head) - 2) + b'"}'


def numbers_in(received: bytes) -> list[int]:
    """The numbers of the messages in a transcript, in order of arrival."""
    return [int(digits) for digits in _NUMBER.findall(received)]
