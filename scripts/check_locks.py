"""Say whether the lock files still answer for what the manifests ask.

Works offline: `make lock` needs the registry, this does not, so that a changed dependency without a new lock fails
in `make check` and not on somebody's fresh machine.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
SKIPPED_FOLDERS = {"node_modules", ".venv", ".git"}


def locked_versions(lock: Path) -> dict[str, str]:
    """Package name to version, from `name==version ; marker \\` lines."""
    versions: dict[str, str] = {}
    for line in lock.read_text().splitlines():
        if line[:1].isalnum():
            requirement = Requirement(line.removesuffix("\\"))
            [pin] = requirement.specifier
            versions[canonicalize_name(requirement.name)] = pin.version
    return versions


def group_requirements(groups: dict[str, Any], name: str) -> Iterator[str]:
    for entry in groups[name]:
        if isinstance(entry, str):
            yield entry
        else:
            yield from group_requirements(groups, entry["include-group"])


def complaints_about(lock: Path, wanted: list[str]) -> Iterator[str]:
    locked = locked_versions(lock)
    for text in wanted:
        requirement = Requirement(text)
        version = locked.get(canonicalize_name(requirement.name))
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            yield f"{lock.relative_to(ROOT)}: wants {text}, has {version}; run `make lock`"


def complaints_about_npm() -> Iterator[str]:
    """A `resolved` address ties the lock to one registry; npm's omit-lockfile-registry-resolved leaves it out."""
    for lock in ROOT.rglob("package-lock.json"):
        if not SKIPPED_FOLDERS.intersection(lock.parts) and '"resolved"' in lock.read_text():
            yield f"{lock.relative_to(ROOT)}: resolved addresses; npm has --omit-lockfile-registry-resolved"


def main() -> int:
    manifest = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime = list(manifest["project"]["dependencies"])
    extras = [text for extra in manifest["project"]["optional-dependencies"].values() for text in extra]
    groups = manifest["dependency-groups"]
    wanted_by_lock = {
        "runtime.txt": runtime,
        "dev.txt": [*runtime, *extras, *group_requirements(groups, "dev")],
        "node.txt": list(group_requirements(groups, "node")),
    }
    complaints = list(complaints_about_npm())
    for lock, wanted in wanted_by_lock.items():
        complaints += complaints_about(ROOT / "requirements" / lock, wanted)
    print("\n".join(complaints) or "Locks: all requirements are pinned")
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
