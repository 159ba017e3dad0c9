"""What an exception of sqlite3 means to the rest of the program."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Final

from storage.database import BadValue, StorageUnavailable, UniqueViolation

if TYPE_CHECKING:
    from collections.abc import Iterator

_PRIMARY: Final = 0xFF
"""The lower byte of an extended result code says what kind it is."""

_UNAVAILABLE: Final = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOTADB,
}

_UNIQUE: Final = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_ROWID,
}


def is_unavailable(exc: sqlite3.Error) -> bool:
    """Whether it is the file, the disk or another process, and not what was asked."""
    code: int | None = getattr(exc, "sqlite_errorcode", None)
    return code is not None and code & _PRIMARY in _UNAVAILABLE


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """What the driver raises, as an error of the port."""
    try:
        yield
    except sqlite3.IntegrityError as exc:
        if exc.sqlite_errorcode in _UNIQUE:
            raise UniqueViolation(str(exc)) from exc
        raise
    except sqlite3.Error as exc:
        if is_unavailable(exc):
            raise StorageUnavailable(str(exc)) from exc
        raise
    except (OverflowError, UnicodeEncodeError) as exc:
        raise BadValue(str(exc)) from exc
