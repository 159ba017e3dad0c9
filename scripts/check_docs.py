"""Say whether the documents still point at things that exist.

Checked: relative links, and paths in backticks that start in a folder whose content is kept in git.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
SKIPPED_FOLDERS = {"node_modules", ".venv", ".git", "dist", "build", "data"}
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
QUOTED_PATH = re.compile(r"`((?:docs|scripts|tests|requirements)/[\w./-]+)`")


def documents() -> Iterator[Path]:
    return (path for path in sorted(ROOT.rglob("*.md")) if not SKIPPED_FOLDERS.intersection(path.parts))


def complaints_about(document: Path) -> Iterator[str]:
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    shown = document.relative_to(ROOT)
    for target in LINK.findall(text):
        if not (document.parent / target).exists():
            yield f"{shown}: link to {target}"
    for target in QUOTED_PATH.findall(text):
        if not (ROOT / target).exists():
            yield f"{shown}: mentions {target}"


def main() -> int:
    found = list(documents())
    complaints = [complaint for document in found for complaint in complaints_about(document)]
    print("\n".join(complaints) or f"Documents: {len(found)}, every path exists")
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
