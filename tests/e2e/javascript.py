"""Runs scripts of Node.js. For the scenarios of tests/js: one process for many of them, names in, results out."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from asyncio.subprocess import PIPE, STDOUT
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


DIRECTORY = Path(__file__).parents[1] / "js"

SCENARIO_PATIENCE_S = 4 * PATIENCE_S
"""Longer than a scenario's own patience, which says what it waited for."""


def names_of(*modules: str, given: str = "world") -> list[str]:
    """The scenarios of these modules: whatever they export that takes `given`, so that none is forgotten here."""
    sources = [(DIRECTORY / "scenarios" / f"{module}.mjs").read_text(encoding="utf-8") for module in modules]
    return re.findall(rf"^export async function (\w+)\({given}\)", "".join(sources), re.MULTILINE)


class ScenarioRunner:
    """A running script that reads names of scenarios and answers each with one line of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def run(self, *words: str) -> None:
        """Run one scenario.

        Raises:
            AssertionError: it failed; with what it says itself.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(" ".join(words).encode() + b"\n")
        async with asyncio.timeout(SCENARIO_PATIENCE_S):
            line = await self._process.stdout.readline()
        assert line, "the script ended; its stderr says why"
        result = json.loads(line)
        assert result == {"scenario": words[0], "failure": None}, result["failure"]


@asynccontextmanager
async def scenario_runner(script: str, *arguments: str) -> AsyncIterator[ScenarioRunner]:
    process = await asyncio.create_subprocess_exec(
        node_js(), str(DIRECTORY / script), *arguments, stdin=PIPE, stdout=PIPE
    )
    try:
        yield ScenarioRunner(process)
        await _finish(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _finish(process: asyncio.subprocess.Process) -> None:
    """Let it clean up: a browser that lost its driver would stay behind."""
    assert process.stdin is not None
    process.stdin.close()
    async with asyncio.timeout(PATIENCE_S):
        await process.wait()


async def run_script(script: Path, *arguments: str) -> None:
    """Run a script of Node.js to its end.

    Raises:
        AssertionError: it failed; with all that it wrote.
    """
    process = await asyncio.create_subprocess_exec(_node(), str(script), *arguments, stdout=PIPE, stderr=STDOUT)
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output.decode(errors="replace")


def _node() -> str:
    node = shutil.which("node")
    assert node, "these tests need Node.js: scripts/setup-node"
    return node


def node_js() -> str:
    """Node.js, with the packages of tests/js."""
    node = _node()
    assert (DIRECTORY / "node_modules").is_dir(), "these tests need npm packages: make test-all, or npm ci in tests/js"
    return node


def bundle_page(out_file: Path) -> None:
    """Make one script of the page, as an application's build does."""
    esbuild = [node_js(), "node_modules/esbuild/bin/esbuild", "page.mjs"]
    subprocess.run(
        [*esbuild, "--bundle", "--log-level=warning", f"--outfile={out_file}"], cwd=DIRECTORY, check=True, timeout=60
    )
