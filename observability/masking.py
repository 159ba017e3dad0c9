"""What nobody may read in a log, a span, an error report or a list: found by its form and by its name, and replaced.

One set of rules for all of them. By form: JWTs, our refresh tokens and API keys, bearer and basic credentials, URLs
with a password, e-mail addresses, card numbers. By name: whatever is called a token, a secret, a password, a cookie.
Every rule takes time in proportion to the text, whatever the text is: strangers choose it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from observability.card_numbers import mask_card_numbers

if TYPE_CHECKING:
    from collections.abc import Callable

MASK: Final = "***"

MAX_CHARS: Final = 65_536
"""Of one text; what is longer is cut."""

MAX_ITEMS: Final = 500
"""Of one mapping or list; the others are left out, which an item says."""

MAX_DEPTH: Final = 12

MAX_BYTES: Final = 4 * MAX_CHARS
"""Of bytes that are decoded to be looked at."""

CUT: Final = " [cut]"

_MARGIN_CHARS: Final = 1_024
"""So far back from a cut a space is looked for: half a secret is none of the forms."""

_WORDS: Final = (
    r"token|secret|passw(?:or)?d|passphrase|authorization|cookie|api[_-]?key|private[_-]?key|access[_-]?key|credential"
)

_SECRET_NAME: Final = re.compile(
    rf"{_WORDS}|e-?mail|card_?number|^(?:key|pwd|pan|cvv|cvc|pin|otp|dsn|jwt|signature)$", re.IGNORECASE
)

_VALUE: Final = "value"
_NAMES: Final = ("name", "key")
"""`{"name": "password", "value": "x"}` is a member too."""

_HEX: Final = re.compile(r"[0-9a-f]{16,32}")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,20}(?:Z|[+-][0-9:]{5})")

_OUR_FORMS: Final = {
    "trace_id": _HEX,
    "span_id": _HEX,
    "parent_span_id": _HEX,
    "event_id": _HEX,
    "timestamp": _TIME,
}
"""What is under these names and looks like it is ours, however much it looks like a card number too."""

# The password of `amqp://user:password@host`, and whoever it belongs to; also a password with a slash that nobody has
# escaped. A port is no password.
_URL_USER: Final = re.compile(
    r"(?<=://)(?:[^\s/\"'<>?#]{1,512}@|[^\s/\"'<>?#@:]{0,256}:(?![0-9]{1,5}[/?#])[^\s\"'<>@]{1,512}+@)"
)

_HEADER: Final = re.compile(
    r"((?:authorization|cookie|x-api-key|x-[a-z]{1,20}-token)\\{0,4}[\"']?: {0,8})(?![\"'\\])[^\r\n\"']+", re.IGNORECASE
)

# A member of JSON, or of what Python shows of a mapping; also inside a string, where quotes are escaped.
_MEMBER: Final = re.compile(
    rf"((?:{_WORDS}|e-?mail)[\w-]{{0,32}}\\{{0,4}}[\"']\s{{0,4}}[:,]\s{{0,4}})"
    r"(?:[bru]{0,2}\\{0,4}(?:\"(?:[^\"\\]|\\.)*+(?:\"|\\?$)|'(?:[^'\\]|\\.)*+(?:'|\\?$))"
    r"|\[[^\]]*+\]?|\{[^}]*+\}?|[^\s\"'\[{,}\])\\]++)",
    re.IGNORECASE | re.DOTALL,
)

_ASSIGNED: Final = re.compile(
    rf"((?:{_WORDS})[\w-]{{0,32}}=)(?:\"(?:[^\"\\]|\\.)*+\"?|'(?:[^'\\]|\\.)*+'?|[^\s&\"',;)}}\]#]++)",
    re.IGNORECASE | re.DOTALL,
)

# "password: x7" of a driver's complaint. What is one small word goes on as a sentence; a path of settings is none.
_TOLD: Final = re.compile(
    r"((?<![\w.\"'])(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key):[ \t]{1,4})"
    r"(?![a-z]*+(?:\s|$))[^\s,;\"']++",
    re.IGNORECASE,
)

_QUERY: Final = re.compile(
    r"([?&](?:key|auth|ticket|code|sig|signature|jwt|otp|pwd|email)=)[^\s&\"',;#]+", re.IGNORECASE
)

_CREDENTIALS: Final = re.compile(r"\b(bearer|basic)([ \t]{1,8})([A-Za-z0-9._~+/=-]{6,})", re.IGNORECASE)
_PROSE: Final = frozenset({"authentication", "authorization", "scheme", "schemes", "tokens", "credentials"})

_WORD: Final = re.compile(r"[\w.-]{20,}", re.ASCII)
_PART: Final = re.compile(r"[\w-]{43,}", re.ASCII)
_MIN_JWT_HEADER_CHARS: Final = 8

_ENCODED: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_MAX_DECODED: Final = 3

_DOMAIN: Final = re.compile(r"(?:@|%40)(?:[\w-]{1,63}\.)+[^\W\d_][\w-]{1,62}")
_LOCAL: Final = re.compile(r"[\w.+!#$%^~-]{1,64}\Z")
_MAX_LOCAL_CHARS: Final = 64


# What can hide a card number at most: no quote, space or sign that a rule needs, and shorter than a key of ours.
_PLAIN: Final = re.compile(r"[\w.-]{0,42}", re.ASCII)
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_.-]{1,42}")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_UUID_CHARS: Final = 36
_MAX_NAME_CHARS: Final = 64
_LEAST_CARD: Final = 10**12
_FEWEST_DIGITS: Final = 13


def is_secret_name(name: str) -> bool:
    """Whether what is called so is masked whole, whatever it is."""
    return _is_secret(name) if len(name) <= _MAX_NAME_CHARS else _SECRET_NAME.search(name) is not None


@lru_cache(maxsize=1_024)
def _is_secret(name: str) -> bool:
    """The same few names come with every line. They are short: strangers' long ones are not kept."""
    return _SECRET_NAME.search(name) is not None


def mask_text(text: str) -> str:
    """The text without the secrets in it, at most MAX_CHARS long. Masking twice changes nothing more.

    Of card numbers the first six and the last four digits stay (PCI DSS 3.4.1), of everything else nothing.
    """
    if len(text) == _UUID_CHARS and _UUID.fullmatch(text) is not None:
        return text
    if _PLAIN.fullmatch(text) is not None and "eyJ" not in text:
        # Identifiers, words: most of what is logged.
        return text if len(text) < _FEWEST_DIGITS else mask_card_numbers(text)
    is_long = len(text) > MAX_CHARS
    if is_long:
        text = _cut(text)
    text = _masked_decoded(_masked(text))
    return _cut(text) + CUT if is_long or len(text) > MAX_CHARS else text


def _masked(text: str) -> str:
    for step in _STEPS:
        text = step(text)
    return text


def _masked_decoded(text: str) -> str:
    """A secret may be behind the percent signs of a URL: then the text is told decoded, without it."""
    decoded = text
    for _ in range(_MAX_DECODED):
        if _ENCODED.search(decoded) is None:
            break
        decoded = unquote(decoded)
        masked = _masked(decoded)
        if masked != decoded:
            text = decoded = masked
    return text


def mask_value(name: str, value: object) -> object:
    """What may be told of a value under this name: itself, MASK, or what of it is no secret.

    Truth values and None stay what they are. What is no JSON becomes the text that Python shows of it.
    """
    return _masked_value(name, value, 0)


def mask_event(event: Mapping[str, object]) -> dict[str, object]:
    """A copy of a structure of fields, masked at every depth."""
    return _masked_mapping(event, 0)


def _masked_value(name: str, value: object, depth: int) -> object:
    if value is None or isinstance(value, bool):
        return value
    if is_secret_name(name):
        return MASK
    if isinstance(value, str):
        form = _OUR_FORMS.get(name)
        return value if form is not None and form.fullmatch(value) is not None else mask_text(value)
    return _masked_other(value, depth)


def _masked_other(value: object, depth: int) -> object:
    if isinstance(value, float | int):
        if -_LEAST_CARD < value < _LEAST_CARD:
            return value
        text = repr(value)
        masked = mask_card_numbers(text)
        return value if masked == text else masked
    if depth >= MAX_DEPTH:
        return MASK
    if isinstance(value, Mapping):
        return _masked_mapping(value, depth + 1)
    if isinstance(value, list | tuple | set | frozenset):
        return _masked_list(list(value), depth + 1)
    return mask_text(_text_of(value[:MAX_BYTES]) if isinstance(value, bytes | bytearray) else repr(value))


def _masked_mapping(values: Mapping[str, object], depth: int) -> dict[str, object]:
    masked: dict[str, object] = {}
    for name, value in values.items() if len(values) <= MAX_ITEMS else [*values.items()][:MAX_ITEMS]:
        text = _text_of(name)
        masked[_masked_name(text)] = _masked_value(text, value, depth)
    if _VALUE in values and any(is_secret_name(str(values.get(name, ""))) for name in _NAMES):
        masked[_VALUE] = MASK
    if len(values) > MAX_ITEMS:
        masked[CUT] = len(values) - MAX_ITEMS
    return masked


def _text_of(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes | bytearray) else str(value)


def _masked_name(text: str) -> str:
    """Names may be data: of a mapping by address, say."""
    return text if _PLAIN_NAME.fullmatch(text) else mask_text(text)


def _masked_list(values: list[object], depth: int) -> list[object]:
    """A pair whose first is a name is a member, as headers are listed."""
    match values:
        case [str() | bytes() as name, _] if is_secret_name(_text_of(name)):
            return [_text_of(name), MASK]
    masked = [_masked_value("", value, depth) for value in values[:MAX_ITEMS]]
    return [*masked, CUT] if len(values) > MAX_ITEMS else masked


# --- by form ----------------------------------------------------------------------------------------------------------


def _cut(text: str) -> str:
    """At most MAX_CHARS with what is put behind it, and not in the middle of a word where that can be had."""
    end = MAX_CHARS - len(CUT)
    space = text.rfind(" ", end - _MARGIN_CHARS, end)
    return text[: end - _MARGIN_CHARS if space < 0 else space]


def _mask_url_user(text: str) -> str:
    return _URL_USER.sub(MASK + "@", text) if "://" in text else text


def _mask_members(text: str) -> str:
    return _MEMBER.sub(rf'\1"{MASK}"', text) if '"' in text or "'" in text else text


def _mask_headers(text: str) -> str:
    return _HEADER.sub(rf"\1{MASK}", text) if ":" in text else text


def _mask_assigned(text: str) -> str:
    return _QUERY.sub(rf"\1{MASK}", _ASSIGNED.sub(rf"\1{MASK}", text)) if "=" in text else text


def _mask_told(text: str) -> str:
    return _TOLD.sub(rf"\1{MASK}", text) if ": " in text else text


def _mask_credentials(text: str) -> str:
    return _CREDENTIALS.sub(_credentials, text)


def _credentials(match: re.Match[str]) -> str:
    scheme, space, value = match.groups()
    is_secret = value.lower() not in _PROSE if scheme.lower() == "bearer" else _is_basic(value)
    return f"{scheme}{space}{MASK}" if is_secret else match[0]


def _is_basic(value: str) -> bool:
    try:
        return b":" in base64.b64decode(value, validate=True)
    except binascii.Error:
        return False


def _mask_words(text: str) -> str:
    return _WORD.sub(_word, text)


def _word(match: re.Match[str]) -> str:
    """Each run of the characters that tokens have, by itself."""
    word = match[0]
    start = _jwt_start(word) if "eyJ" in word else -1
    return _PART.sub(_part, word) if start < 0 else _PART.sub(_part, word[:start]) + MASK


def _jwt_start(word: str) -> int:
    """Where a JSON object in base64url begins that a dot follows, or that is the whole part; -1 for nowhere."""
    start = 0
    parts = word.split(".")
    for number, part in enumerate(parts, 1):
        at = part.find("eyJ")
        if at == 0 or (at > 0 and number < len(parts) and len(part) - at >= _MIN_JWT_HEADER_CHARS):
            return start + at
        start += len(part) + 1
    return -1


def _part(match: re.Match[str]) -> str:
    """A refresh token has 96 characters of base64url, a key of ours 43. Hashes and ids here are of one case."""
    part = match[0]
    return part if part == part.lower() or part == part.upper() else MASK


def _mask_addresses(text: str) -> str:
    if "@" not in text and "%40" not in text:
        return text
    kept: list[str] = []
    start = 0
    for match in _DOMAIN.finditer(text):
        local = _LOCAL.search(text, max(start, match.start() - _MAX_LOCAL_CHARS), match.start())
        if local is not None:
            kept += text[start : local.start()], MASK
            start = match.end()
    return "".join(kept) + text[start:]


_STEPS: Final[tuple[Callable[[str], str], ...]] = (
    _mask_url_user,
    _mask_members,
    _mask_headers,
    _mask_assigned,
    _mask_told,
    _mask_credentials,
    _mask_words,
    _mask_addresses,
    mask_card_numbers,
)
