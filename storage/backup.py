"""Copies of the whole database, made while servers run, and put back while none does.

A restored database is another history: `state_epoch` gets a new value in the same step that puts the data back, so that
clients drop what they know from versions that no longer exist (invariant I6).
"""

from __future__ import annotations

import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from storage import backup_postgres, backup_sqlite
from storage.backup_file import PAYLOAD, read_backup, write_backup
from storage.database import CannotOpen
from storage.migration import compare
from storage.migration_tree import read_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from storage.config import StorageConfig

EPOCH_BYTES: Final = 12


class _Kind(Protocol):
    """What each database has to offer; functions of a module. They raise CannotOpen, with the reason."""

    NAME: str

    def dump(self, config: StorageConfig, payload: Path) -> None:
        """Write a consistent copy into a new file."""

    def read_revisions(self, payload: Path) -> dict[str, str]:
        """Read the whole copy; the applied migrations in it, with their checksums."""

    def require_free(self, config: StorageConfig, revisions: Mapping[str, str]) -> None:
        """Refuse while somebody uses the database, or when it cannot take a backup with these migrations."""

    def load(self, config: StorageConfig, payload: Path, epoch: str) -> None:
        """Replace what the database holds, in one step, and begin a new epoch with it. It may use up the payload."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A file that was made or put back."""

    file: Path
    num_bytes: int
    revisions: tuple[str, ...]


def _kind(config: StorageConfig) -> _Kind:
    return backup_postgres if config.is_postgres else backup_sqlite


def back_up(config: StorageConfig, file: Path, *, may_replace: bool = False) -> Backup:
    """Write a backup, whole or not at all, that only its owner can read. Servers go on meanwhile.

    Raises:
        CannotOpen: with the reason.
        OSError
    """
    if file.exists() and not may_replace:
        raise CannotOpen(f"{file} exists; --force replaces it")
    kind = _kind(config)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=f"{file.name}.") as directory:
        payload = Path(directory) / PAYLOAD
        kind.dump(config, payload)
        revisions = kind.read_revisions(payload)
        write_backup(file, payload, kind.NAME, revisions)
    return _described(file, revisions)


def restore(config: StorageConfig, file: Path, *, before_change: Callable[[], object]) -> Backup:
    """Put a backup back: all of it, or nothing. No server may run on the database.

    Args:
        before_change: called when nothing speaks against it any more, before anything is changed.

    Raises:
        CannotOpen: with the reason; nothing was changed.
        OSError
    """
    kind = _kind(config)
    with tempfile.TemporaryDirectory(dir=_workspace(config), prefix="restoring.") as directory:
        payload = Path(directory) / PAYLOAD
        manifest = read_backup(file, payload)
        if manifest.kind != kind.NAME:
            raise CannotOpen(f"{file} is a backup of {manifest.kind}, and the configuration names {kind.NAME}")
        _must_be_known(manifest.revisions)
        kind.require_free(config, manifest.revisions)
        before_change()
        kind.load(config, payload, secrets.token_urlsafe(EPOCH_BYTES))
    return _described(file, manifest.revisions)


def _workspace(config: StorageConfig) -> Path | None:
    """Beside an embedded database, whose new content is moved in from there; else wherever temporary files go."""
    if config.is_postgres:
        return None
    config.sqlite_path.parent.mkdir(parents=True, exist_ok=True)
    return config.sqlite_path.parent


def _must_be_known(revisions: Mapping[str, str]) -> None:
    """A backup of an older version is fine: what is pending is applied at the next start."""
    status = compare(read_tree(), revisions)
    if status.unknown:
        raise CannotOpen(f"the backup is newer than this program: it has migration {', '.join(status.unknown)}")


def _described(file: Path, revisions: Mapping[str, str]) -> Backup:
    return Backup(file, file.stat().st_size, tuple(sorted(revisions)))
