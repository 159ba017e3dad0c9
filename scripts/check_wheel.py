"""Say whether a wheel holds what an installed Syncline needs, and nothing of the workshop."""

from __future__ import annotations

import sys
import zipfile

REQUIRED = (
    "main.py",
    "api/static/console/index.html",
    "api/static/demo/index.html",
    "hub/protocol/__init__.py",
    "services/accounts/common_passwords.txt",
    "storage/migrations/env.py",
    "storage/migrations/versions/m0001_accounts_sessions_state.py",
)
FORBIDDEN_FOLDERS = ("bench/", "console/", "demo/", "scripts/", "tests/")


def complaints_about(names: list[str]) -> list[str]:
    missing = [f"missing: {name}" for name in REQUIRED if name not in names]
    extra = [f"not for shipping: {name}" for name in names if name.startswith(FORBIDDEN_FOLDERS)]
    licence = [] if any(name.endswith("/licenses/LICENSE") for name in names) else ["missing: LICENSE"]
    return missing + extra + licence


def main() -> int:
    [wheel] = sys.argv[1:]
    names = zipfile.ZipFile(wheel).namelist()
    complaints = complaints_about(names)
    print("\n".join(complaints) or f"Wheel: {wheel}, {len(names)} files, complete")
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
