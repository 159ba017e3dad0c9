"""The migrations that this program brings, as files: their numbers and checksums. Nothing here imports one."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TREE: Final = Path(__file__).parent / "migrations"
"""Where they are: `env.py` for Alembic, and `versions`."""

_FILE_NAME: Final = re.compile(r"m(\d{4})_(\w+)\.py")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of the tree.

    Attributes:
        revision: its number, as Alembic knows it.
        sha256: of the file, line ends aside; what has been applied must not change any more.
    """

    revision: str
    name: str
    sha256: str

    @property
    def label(self) -> str:
        return f"{self.revision} {self.name}"


def read_tree(tree: Path = TREE) -> tuple[Migration, ...]:
    """All migrations, oldest first."""
    return tuple(_read(path) for path in sorted((tree / "versions").glob("m*.py")))


def _read(path: Path) -> Migration:
    match = _FILE_NAME.fullmatch(path.name)
    if match is None:
        raise ValueError(f"{path.name}: a migration's file is named m0001_what_it_does.py")
    source = path.read_bytes().replace(b"\r\n", b"\n")
    return Migration(match[1], match[2], hashlib.sha256(source).hexdigest())
