"""Hold the sizes and names that CONTRIBUTING.md promises and no linter knows.

Modules of at most 400 lines, function bodies of at most 40, no module named after nothing in particular,
and no test that waits for a fixed time.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = ("api", "bench", "cli", "hub", "observability", "scripts", "services", "sessions", "settings", "storage")
MAX_MODULE_LINES = 400
MAX_BODY_LINES = 40
NAMES_OF_NOTHING = {"base", "common", "helpers", "manager", "misc", "util", "utils"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def source_modules() -> Iterator[Path]:
    yield ROOT / "main.py"
    for package in SOURCES:
        yield from sorted(path for path in (ROOT / package).rglob("*.py") if "node_modules" not in path.parts)


def functions_of(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def body_lines(function: Function) -> int:
    """Lines from the first statement after the docstring to the last."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def shape_complaints(path: Path, lines: int, functions: list[Function]) -> Iterator[str]:
    if path.stem in NAMES_OF_NOTHING:
        yield f"{path}: name the module after its noun"
    if lines > MAX_MODULE_LINES:
        yield f"{path}: {lines} lines, over {MAX_MODULE_LINES}"
    for function in functions:
        if (length := body_lines(function)) > MAX_BODY_LINES:
            yield f"{path}:{function.lineno}: {function.name} has {length} lines, over {MAX_BODY_LINES}"


def is_fixed_wait(node: ast.AST) -> bool:
    """A call of `asyncio.sleep`, `time.sleep` or `sleep` with anything but a literal 0 (which only yields)."""
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    yields_only = bool(node.args) and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0
    return name == "sleep" and not yields_only


def wait_complaints() -> Iterator[str]:
    """tests/support is exempt: its `eventually` is what the tests wait with."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        shown = path.relative_to(ROOT)
        if "node_modules" in path.parts or shown.is_relative_to("tests/support"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if is_fixed_wait(node):
                yield f"{shown}:{getattr(node, 'lineno', 0)}: waits for a fixed time; wait for the event"


def main() -> int:
    complaints: list[str] = []
    lengths: list[int] = []
    for path in source_modules():
        text = path.read_text()
        functions = list(functions_of(ast.parse(text)))
        lengths += map(body_lines, functions)
        complaints += shape_complaints(path.relative_to(ROOT), text.count("\n"), functions)
    complaints += wait_complaints()
    print(*complaints, sep="\n", end="\n" if complaints else "")
    print(f"Shape: {len(lengths)} functions, median {statistics.median(lengths):.0f} lines, longest {max(lengths)}")
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
