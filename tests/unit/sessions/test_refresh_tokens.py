"""What refresh tokens are made of."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.identifiers import new_id
from sessions.refresh_tokens import RefreshTokenMint
from sessions.sealing import Seal, SealBroken, derive_key

SECRET = b"the secret of all nodes of a test"
MINT = RefreshTokenMint(SECRET)
SID = new_id()
TOKEN = MINT.first(SID, 1_700_000_000_000)


def test_a_token_is_recognised_with_its_session_and_time() -> None:
    assert MINT.recognise(TOKEN.text) == TOKEN
    assert (TOKEN.sid, TOKEN.issued_ms) == (SID, 1_700_000_000_000)
    assert TOKEN.text not in repr(TOKEN)


def test_no_two_are_alike() -> None:
    assert len({MINT.first(SID, 0).text for _ in range(1_000)}) == 1_000


def test_a_successor_can_be_made_again_from_token_and_nonce_and_from_nothing_less() -> None:
    nonce = MINT.nonce()
    successor = MINT.successor(TOKEN, nonce, TOKEN.issued_ms + 5)
    assert MINT.successor(TOKEN, nonce, TOKEN.issued_ms + 5) == successor
    assert MINT.recognise(successor.text) == successor
    assert MINT.successor(TOKEN, MINT.nonce(), TOKEN.issued_ms + 5) != successor
    assert MINT.successor(MINT.first(SID, TOKEN.issued_ms), nonce, TOKEN.issued_ms + 5) != successor


@pytest.mark.parametrize("used_ms", [-1, 0, TOKEN.issued_ms - 1, TOKEN.issued_ms, TOKEN.issued_ms + 1])
def test_a_successor_is_younger_whatever_the_clock_says(used_ms: int) -> None:
    assert MINT.successor(TOKEN, "nonce", used_ms).issued_ms > TOKEN.issued_ms


def test_another_secret_recognises_nothing() -> None:
    assert RefreshTokenMint(b"another secret, as long as the first").recognise(TOKEN.text) is None


def test_every_bit_counts() -> None:
    raw = base64.urlsafe_b64decode(TOKEN.text)
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        assert MINT.recognise(base64.urlsafe_b64encode(changed).decode()) is None


@given(st.one_of(st.text(max_size=200), st.text("abcXYZ019-_", min_size=96, max_size=96)))
def test_no_text_is_recognised_or_breaks_anything(text: str) -> None:
    assert MINT.recognise(text) is None


@given(st.binary(max_size=100), st.text(max_size=20))
def test_what_is_sealed_opens_for_what_it_belongs_to_only(content: bytes, belongs_to: str) -> None:
    seal = Seal(SECRET, "test")
    sealed = seal.close(content, belongs_to)
    assert seal.open(sealed, belongs_to) == content
    assert seal.close(content, belongs_to) != sealed
    for other in (Seal(SECRET, "other"), Seal(b"x" * 32, "test")):
        with pytest.raises(SealBroken):
            other.open(sealed, belongs_to)
    with pytest.raises(SealBroken):
        seal.open(sealed, belongs_to + "x")


@pytest.mark.parametrize("sealed", ["", "x", "AAAA", "ü", "A" * 100])
def test_what_is_not_sealed_does_not_open(sealed: str) -> None:
    with pytest.raises(SealBroken):
        Seal(SECRET, "test").open(sealed, "")


def test_a_short_secret_is_none() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        derive_key(b"x" * 31, "test")
    assert derive_key(SECRET, "a") != derive_key(SECRET, "b")
