from __future__ import annotations

from typing import Any

import pytest

from composition.config import OperatorAccount
from composition.operations import make_operator
from services.accounts.user import Role
from sessions.refusal import Kind, Refusal

ACCOUNT = OperatorAccount(email="operator@example.com", password="a password that nobody guesses")


class Accounts:
    """Remembers what was made; refuses as the test says."""

    def __init__(self, refusal: Refusal | None = None) -> None:
        self.made: list[tuple[object, ...]] = []
        self._refusal = refusal

    async def create(self, *parts: object, actor: str) -> None:
        if self._refusal is not None:
            raise self._refusal
        self.made.append((*parts, actor))


def told(accounts: Accounts) -> Any:
    return accounts


async def test_it_is_made_in_development_alone() -> None:
    accounts = Accounts()
    await make_operator(None, told(accounts))
    assert accounts.made == []
    await make_operator(ACCOUNT, told(accounts))
    assert accounts.made == [(ACCOUNT.email, ACCOUNT.password, "Operator", Role.OPS, "development")]


async def test_one_that_is_there_stays() -> None:
    await make_operator(ACCOUNT, told(Accounts(Refusal(Kind.CONFLICT, "email_taken"))))


async def test_what_else_goes_wrong_is_told() -> None:
    with pytest.raises(Refusal):
        await make_operator(ACCOUNT, told(Accounts(Refusal(Kind.INVALID, "invalid_field"))))


def test_the_password_is_not_shown() -> None:
    assert ACCOUNT.password not in repr(ACCOUNT)
