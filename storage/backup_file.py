"""The file of a backup: a tar archive of a manifest and the database in its own format.

The databases' formats do not tell damage from data (pg_restore reads zeroes in its table of contents as an empty
backup), so the manifest has a checksum. `tar -xf` gives what SQLite or pg_restore can read without us.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from storage.database import CannotOpen

if TYPE_CHECKING:
    from typing import BinaryIO

FORMAT: Final = "syncline-backup-1"
MANIFEST: Final = "manifest.json"
PAYLOAD: Final = "database"

_CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself.

    Attributes:
        kind: which database's format the payload has.
        revisions: applied migrations, with their checksums.
        sha256: of the payload.
    """

    format: str
    kind: str
    revisions: dict[str, str]
    sha256: str


def write_backup(file: Path, payload: Path, kind: str, revisions: dict[str, str]) -> None:
    """Write the file, whole or not at all; on disk when this returns."""
    with payload.open("rb") as opened:
        manifest = Manifest(FORMAT, kind, revisions, hashlib.file_digest(opened, "sha256").hexdigest())
    draft = payload.with_name("draft")
    with os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT, 0o600), "wb") as raw:
        with tarfile.open(fileobj=raw, mode="w") as archive:
            encoded = msgspec.json.encode(manifest)
            archive.addfile(_entry(MANIFEST, len(encoded)), io.BytesIO(encoded))
            with payload.open("rb") as opened:
                archive.addfile(_entry(PAYLOAD, payload.stat().st_size), opened)
        raw.flush()
        os.fsync(raw.fileno())
    draft.replace(file)
    sync(file.parent)


def _entry(name: str, num_bytes: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = num_bytes, 0o600
    return entry


def read_backup(file: Path, payload: Path) -> Manifest:
    """Take the payload out of the file; it is on disk, and what it was when the backup was made.

    Raises:
        CannotOpen: the file is damaged, or something else.
        OSError
    """
    try:
        with tarfile.open(file, "r:") as archive:
            manifest = msgspec.json.decode(_member(archive, MANIFEST).read(), type=Manifest)
            sha256 = _extract(_member(archive, PAYLOAD), payload)
    except (tarfile.TarError, KeyError, msgspec.MsgspecError, EOFError, ValueError) as exc:
        raise CannotOpen(f"{file} is damaged, or no backup of Syncline: {exc}") from exc
    if manifest.format != FORMAT or manifest.sha256 != sha256:
        raise CannotOpen(f"{file} is damaged: its checksum is wrong")
    return manifest


def _member(archive: tarfile.TarFile, name: str) -> BinaryIO:
    member = archive.extractfile(name)
    if member is None:
        raise KeyError(name)
    return member  # type: ignore[return-value]  # typeshed's IO[bytes]


def _extract(source: BinaryIO, payload: Path) -> str:
    """The checksum of what was copied."""
    sha256 = hashlib.sha256()
    with os.fdopen(os.open(payload, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        while chunk := source.read(_CHUNK_BYTES):
            sha256.update(chunk)
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
    return sha256.hexdigest()


def sync(path: Path) -> None:
    """Wait until a file, or the names in a directory, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
