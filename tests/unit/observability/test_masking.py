"""What masking finds, what it leaves alone, and that strangers cannot make it slow."""

from __future__ import annotations

import base64
import hashlib
import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.masking import CUT, MASK, MAX_CHARS, MAX_DEPTH, MAX_ITEMS, mask_event, mask_text, mask_value

CARDS = ["4111111111111111", "5555555555554444", "378282246310005", "6011111111111117", "3530111333300000"]

# --- strategies: secrets of every kind, and prose without any -----------------------------------------------------


def _chance(seed: int, num_bytes: int) -> str:
    """So much chance in base64url, as `secrets` gives it: Hypothesis by itself would shrink it to one letter."""
    raw = b"".join(hashlib.sha256(f"{seed}/{block}".encode()).digest() for block in range(1 + num_bytes // 32))
    return base64.urlsafe_b64encode(raw[:num_bytes]).decode().rstrip("=")


def _jwt(claims: dict[str, str], seed: int) -> str:
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "HS256"}, claims)
    )
    return f"{head}.{body}.{_chance(seed, 32)}"


names = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=12)
seeds = st.integers(0, 2**32)
jwts = st.builds(_jwt, st.dictionaries(names, names, max_size=3), seeds)
keys = st.builds(_chance, seeds, st.sampled_from([32, 48, 72]))
addresses = st.builds(
    lambda local, host, top: f"{local}@{host}.{top}", names, names, st.sampled_from(["com", "example"])
)
passwords = st.text(string.ascii_letters + string.digits + "!$%^*-_.~", min_size=6, max_size=30).map("pw!{}".format)
bare_secrets = st.one_of(jwts, keys, addresses)

named = st.builds(
    lambda form, secret: (form.format(secret), secret),
    st.sampled_from(
        [
            '{{"password": "{}"}}',
            "{{'refresh_token': '{}', 'n': 1}}",
            '{{\\"client_secret\\":\\"{}\\"}}',
            "Authorization: Bearer {}",
            "authorization: Basic {}",
            "X-API-Key: {}",
            "Cookie: session={}; path=/",
            "GET /x?access_token={}&y=1",
            "https://h/?key={}",
            "amqp://guest:{}@host:5672/",
            "api_key={}",
            "[('Authorization', '{}')]",
        ]
    ),
    passwords,
)

words = st.text(string.ascii_letters, min_size=1, max_size=10)
prose = st.lists(st.one_of(words, st.integers(0, 999_999).map(str)), max_size=12).map("  ".join)


def _planted(secret: str, before: str, after: str) -> str:
    return f"{before} {secret} {after}"


@given(bare_secrets, prose, prose)
def test_no_planted_secret_survives(secret: str, before: str, after: str) -> None:
    assert secret not in mask_text(_planted(secret, before, after))


@given(named, prose, prose)
def test_no_secret_with_a_name_survives(planted: tuple[str, str], before: str, after: str) -> None:
    text, secret = planted
    assert secret not in mask_text(_planted(text, before, after))


@given(st.sampled_from(CARDS), st.sampled_from(["", " ", "-"]), prose)
def test_a_card_number_keeps_its_first_six_and_last_four_digits(card: str, separator: str, before: str) -> None:
    grouped = separator.join(card[at : at + 4] for at in range(0, len(card), 4))
    masked = mask_text(f"{before} card {grouped}").rpartition("card")[2]
    assert grouped not in masked
    shown = masked.replace(separator, "").strip() if separator else masked.strip()
    assert shown == card[:6] + "*" * (len(card) - 10) + card[-4:]


@given(prose)
def test_text_without_secrets_stays_what_it_is(text: str) -> None:
    assert mask_text(text) == text


@given(st.one_of(st.text(), st.lists(st.one_of(st.text(), bare_secrets, st.sampled_from(CARDS))).map(" ".join)))
def test_masking_twice_changes_nothing_more(text: str) -> None:
    once = mask_text(text)
    assert mask_text(once) == once


@given(secret=bare_secrets, depth=st.integers(0, MAX_DEPTH - 2), as_list=st.booleans())
def test_no_secret_survives_inside_a_structure(secret: str, depth: int, as_list: bool) -> None:
    value: object = {"text": f"before {secret}", secret: 1}
    for _ in range(depth):
        value = [value] if as_list else {"inner": value}
    assert secret not in json.dumps(mask_event({"outer": value}))


SLIPPED_THROUGH = [
    "password%3Dhunter2abc",
    "%7B%22password%22%3A%22hunter2abc%22%7D",
    "x%253Fapi_key%253Dhunter2abc",
    "Bearer%20hunter2abc",
    "{'password': b'hunter2abc'}",
    '{"password": {"value": "hunter2abc"}}',
    "login failed, password: hunter2abc",
    "redis://:hunter2/abc@host:6379/0",
    "amqp://guest:hunter2?a#bc@host/",
    "eyJhbGciOiJIUzI1NiJ9.\neyJodW50ZXIyYWJjIjoxfQ.\nx",
    base64.b64encode(b'{"password":"hunter2abc"}').decode(),
]


@pytest.mark.parametrize("text", SLIPPED_THROUGH)
def test_what_slipped_through_once_does_no_more(text: str) -> None:
    masked = mask_text(f"see {text} there")
    for part in ("hunter2", "?a#bc", "/abc", "aHVudGVy", "odW50ZXIy", "cGFzc3dv"):
        assert part not in masked
    assert masked.startswith("see ")
    assert mask_text(masked) == masked


@pytest.mark.parametrize(
    "separator", [*"./_+\t\u2009\u2013\u2014\u202f\u200b", "  ", "   ", "\n", "\r\n", "%20", "%C2%A0"]
)
@pytest.mark.parametrize("groups", [(4, 8, 12), (4, 10)])
def test_a_card_number_in_its_printed_groups_is_found_whatever_is_between_them(
    separator: str, groups: tuple[int, ...]
) -> None:
    card = "378282246310005" if len(groups) == 2 else CARDS[0]
    planted = separator.join(card[start:end] for start, end in zip((0, *groups), (*groups, None), strict=True))
    masked = mask_text(f"see {planted} there")
    assert masked.count("*") == len(card) - 10
    assert mask_text(masked) == masked


@pytest.mark.parametrize("zero", ["\u0660", "\u0966", "\uff10", "\U0001d7ce"])
def test_digits_of_other_scripts_are_digits(zero: str) -> None:
    foreign = {digit: chr(ord(zero) + int(digit)) for digit in string.digits}
    assert mask_text("".join(foreign[digit] for digit in CARDS[0])) == "411111******1111"
    harmless = "".join(foreign[digit] for digit in "2026")
    assert mask_text(harmless) == harmless


@pytest.mark.parametrize(
    "text",
    [
        "https://host:8443/path?x=1 and a@b",
        "password: must not be empty",
        "client.token.secret: At least 32 characters",
        "52.10.133.104 4.66.102.3",
        "2026/11/24 20:41 4.11.1",
        "100%25 of %s",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "01912345-6789-7abc-8def-0123456789ab",
        "41111111-1111-4111-8111-111111111111",
        hashlib.sha256(b"x").hexdigest(),
        "a4111111111111111b",
        "0.4111111111111111",
        "2026-11-24T19:35:10.412345Z",
        "1732476910123",
        "4111111111111112",
        "client.token.hmac_secret_key: at least 32 characters",
        "bearer authentication",
        "centrifuge@5.5.3",
        "root@localhost",
        "/v1/users/{user}/sessions",
        'File "/srv/hub/engines/redis/catch_up.py", line 114, in read',
        "personal:cart#0190a7c2-1b7f-7d33-8f43-0123456789ab",
    ],
)
def test_what_only_looks_like_a_secret_is_left(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("password", "x", MASK),
        ("refresh_token", 12, MASK),
        ("Set-Cookie", ["a"], MASK),
        ("api_key", {"a": 1}, MASK),
        ("email", "ann", MASK),
        ("email_verified", True, True),
        ("token", None, None),
        ("trace_id", "4111111111111111" * 2, "4111111111111111" * 2),
        ("timestamp", "2026-11-24T20:08:06.610156Z", "2026-11-24T20:08:06.610156Z"),
        ("timestamp", "4111-1111-1111-1111", "4111-11**-****-1111"),
        ("span_id", "4111 1111 1111 1111", "4111 11** **** 1111"),
        ("count", 3, 3),
        ("number", 4111111111111111, "411111******1111"),
        ("ratio", 0.4111111111111111, 0.4111111111111111),
        ("raw", b"ann@example.com", MASK),
        ("raw", bytearray(b"ann@example.com"), MASK),
        ("amount", 4111111111111111.0, "411111******1111.0"),
        ("raw_headers", ((b"Cookie", b"a=b"),), [["Cookie", MASK]]),
        ("headers", [{"name": "Cookie", "value": "a=b"}], [{"name": "Cookie", "value": MASK}]),
        ("mapping", {b"password": "x"}, {"password": MASK}),
        ("headers", [["Cookie", "a=b"]], [["Cookie", MASK]]),
        ("error", ValueError("password='x'"), 'ValueError("password=***")'),
    ],
)
def test_values_by_their_name_and_kind(name: str, value: object, told: object) -> None:
    assert mask_value(name, value) == told


HOSTILE = ["eyJ", "a", "@", "a@a.b", "token", 'token":"', "'password':\\", "://", "4111 ", "4111-", "1", "bearer "]
HOSTILE += ["eyJaaaaa.", "%40a.", "authorization: ", "\\", "[", "token=", "Aa", "\ud800"]
HOSTILE += ["4 ", "4 4-", "\uff14 ", "%34%20", "%2525", "://a:", "password: ", "'token':{", "4444."]


@pytest.mark.parametrize("unit", HOSTILE)
def test_output_is_bounded_and_a_megabyte_is_no_trap(unit: str) -> None:
    """A rule that took quadratic time would run into the timeout of the test: 10^12 steps."""
    masked = mask_text(unit * (1_000_000 // len(unit)))
    assert len(masked) <= MAX_CHARS
    assert masked.endswith(CUT)


@pytest.mark.parametrize("unit", HOSTILE)
def test_every_rule_is_linear(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("observability.masking.MAX_CHARS", 10_000_000)
    mask_text(unit * (1_000_000 // len(unit)))


@given(bare_secrets, st.integers(0, 300))
def test_no_half_secret_survives_a_cut(secret: str, shift: int) -> None:
    text = "a " * ((MAX_CHARS - shift) // 2) + secret + " b" * 1_000
    masked = mask_text(text)
    assert len(masked) <= MAX_CHARS
    assert secret[: len(secret) // 2] not in masked


def test_structures_are_bounded() -> None:
    deep: dict[str, object] = {}
    deep["me"] = deep
    assert MASK in json.dumps(mask_event(deep))
    wide = mask_event({str(n): n for n in range(MAX_ITEMS + 7)})
    assert wide[CUT] == 7
    assert mask_value("list", list(range(MAX_ITEMS + 1))) == [*range(MAX_ITEMS), CUT]
