"""What an exception of asyncpg means to the rest of the program."""

from __future__ import annotations

import asyncio
import enum
from typing import Final

import asyncpg

from storage.database import BadValue, StorageUnavailable, UniqueViolation


class Verdict(enum.Enum):
    """What to do about a failure."""

    LOST = "the connections are of no use any more, and perhaps none to this server is"
    BUSY = "the server is well, but did not do this"
    RERUN = "the unit of work is to be done again from the start"
    UNIQUE = "a row with this key is there already"
    BAD_VALUE = "a value that the database does not take"
    BUG = "neither the database nor its data is to blame"


_BY_SQLSTATE: Final = {
    "25006": Verdict.LOST,  # read-only: a primary that has become a standby, and would stay so for this connection
    "57P01": Verdict.LOST,  # shut down by an administrator
    "57P02": Verdict.LOST,  # another process of the server crashed
    "57P03": Verdict.LOST,  # starting up or shutting down
    "57P04": Verdict.LOST,  # the database was dropped
    "57P05": Verdict.LOST,  # idle for too long
    "25P03": Verdict.LOST,  # idle in a transaction for too long
    "25P04": Verdict.LOST,  # a transaction took too long
    "53300": Verdict.LOST,  # too many connections
    "3D000": Verdict.LOST,  # no such database
    "40001": Verdict.RERUN,  # serialisation failure
    "40P01": Verdict.RERUN,  # deadlock
    "23505": Verdict.UNIQUE,
    "57014": Verdict.BUSY,  # statement_timeout
    "55P03": Verdict.BUSY,  # lock_timeout
}

_BY_CLASS: Final = {
    "08": Verdict.LOST,  # connection exceptions
    "28": Verdict.LOST,  # authorisation: the password has been changed
    "53": Verdict.BUSY,  # out of disk, memory or locks
    "58": Verdict.BUSY,  # I/O of the server's
    "22": Verdict.BAD_VALUE,  # data exceptions; asyncpg's own, for what it cannot encode, are 22000
}

_BY_TYPE: Final = (
    (asyncpg.InvalidCachedStatementError, Verdict.RERUN),  # a migration changed the table under a prepared statement
    (asyncpg.exceptions.OutdatedSchemaCacheError, Verdict.RERUN),
    (asyncpg.InterfaceError, Verdict.LOST),
    (asyncpg.InternalClientError, Verdict.LOST),
    (TimeoutError, Verdict.LOST),  # the server's own timeouts are shorter: when ours is hit, it does not answer
    (OSError, Verdict.LOST),
    ((UnicodeEncodeError, OverflowError), Verdict.BAD_VALUE),
)


def verdict_on(exc: BaseException) -> Verdict:
    for kind, verdict in _BY_TYPE:
        if isinstance(exc, kind):
            return verdict
    if isinstance(exc, asyncpg.PostgresError):
        state = exc.sqlstate or ""
        return _BY_SQLSTATE.get(state) or _BY_CLASS.get(state[:2], Verdict.BUG)
    return Verdict.BUG


_DOMAIN_ERRORS: Final = {
    Verdict.LOST: StorageUnavailable,
    Verdict.BUSY: StorageUnavailable,
    Verdict.RERUN: StorageUnavailable,  # it was done again as often as it may
    Verdict.UNIQUE: UniqueViolation,
    Verdict.BAD_VALUE: BadValue,
}


def domain_error(exc: BaseException, verdict: Verdict) -> Exception | None:
    """The port's error for this one, or None for what goes up as it is."""
    kind = _DOMAIN_ERRORS.get(verdict)
    return None if kind is None else kind(str(exc) or type(exc).__name__)


def is_cut_short(exc: BaseException) -> bool:
    """Whether a statement may still be running: the connection cannot be used for another one."""
    return isinstance(exc, asyncio.CancelledError | TimeoutError) or isinstance(exc.__cause__, TimeoutError)


CREDENTIALS_ARE_WRONG: Final = (
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.exceptions.ClientConfigurationError,
)
"""Waiting does not help: the address or the account is wrong."""
