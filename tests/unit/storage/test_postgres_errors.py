"""The table from what asyncpg raises to what is done about it."""

from __future__ import annotations

import asyncpg
import pytest
from asyncpg import exceptions

from storage.database import BadValue, StorageUnavailable, UniqueViolation
from storage.postgres_errors import Verdict, domain_error, verdict_on

CASES: list[tuple[BaseException, Verdict]] = [
    (asyncpg.ReadOnlySQLTransactionError(), Verdict.LOST),
    (asyncpg.AdminShutdownError(), Verdict.LOST),
    (asyncpg.CrashShutdownError(), Verdict.LOST),
    (asyncpg.CannotConnectNowError(), Verdict.LOST),
    (asyncpg.TooManyConnectionsError(), Verdict.LOST),
    (asyncpg.ConnectionDoesNotExistError(), Verdict.LOST),
    (asyncpg.ConnectionFailureError(), Verdict.LOST),
    (asyncpg.InvalidPasswordError(), Verdict.LOST),
    (asyncpg.InterfaceError("closed"), Verdict.LOST),
    (exceptions.TargetServerAttributeNotMatched("none is writable"), Verdict.LOST),
    (ConnectionResetError(), Verdict.LOST),
    (TimeoutError(), Verdict.LOST),
    (asyncpg.QueryCanceledError(), Verdict.BUSY),
    (asyncpg.LockNotAvailableError(), Verdict.BUSY),
    (asyncpg.DiskFullError(), Verdict.BUSY),
    (asyncpg.OutOfMemoryError(), Verdict.BUSY),
    (exceptions.PostgresIOError(), Verdict.BUSY),
    (asyncpg.SerializationError(), Verdict.RERUN),
    (asyncpg.DeadlockDetectedError(), Verdict.RERUN),
    (asyncpg.InvalidCachedStatementError(), Verdict.RERUN),
    (exceptions.OutdatedSchemaCacheError("changed"), Verdict.RERUN),
    (asyncpg.UniqueViolationError(), Verdict.UNIQUE),
    (asyncpg.CharacterNotInRepertoireError(), Verdict.BAD_VALUE),
    (asyncpg.DataError(), Verdict.BAD_VALUE),
    (OverflowError(), Verdict.BAD_VALUE),
    (asyncpg.NotNullViolationError(), Verdict.BUG),
    (asyncpg.ForeignKeyViolationError(), Verdict.BUG),
    (asyncpg.UndefinedTableError(), Verdict.BUG),
    (asyncpg.PostgresSyntaxError(), Verdict.BUG),
    (KeyError(), Verdict.BUG),
]


@pytest.mark.parametrize(("exc", "verdict"), CASES, ids=lambda value: type(value).__name__)
def test_each_failure_has_its_verdict(exc: BaseException, verdict: Verdict) -> None:
    assert verdict_on(exc) is verdict


def test_a_verdict_is_an_error_of_the_port_or_goes_up_as_it_is() -> None:
    kinds = {verdict: type(domain_error(OSError("why"), verdict)) for verdict in Verdict}
    assert kinds == {
        Verdict.LOST: StorageUnavailable,
        Verdict.BUSY: StorageUnavailable,
        Verdict.RERUN: StorageUnavailable,
        Verdict.UNIQUE: UniqueViolation,
        Verdict.BAD_VALUE: BadValue,
        Verdict.BUG: type(None),
    }


def test_a_failure_without_words_has_its_name() -> None:
    assert str(domain_error(TimeoutError(), Verdict.LOST)) == "TimeoutError"
