"""Whoever observes a node in the bench: a collector that answers, or does not."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

import aiohttp
import pytest

from bench.parts.observer import ANSWERS, IS_SILENT
from bench.pinned import free_port, pinned_server
from tests.support.server import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def observer(manner: str, folder: Path) -> Iterator[str]:
    port = free_port()
    argv = [sys.executable, "-m", "bench.parts.observer", str(port), manner, "http://127.0.0.1:1/metrics"]
    with pinned_server(argv, port, folder=ROOT, log=folder / "log"):
        yield f"http://127.0.0.1:{port}/v1/traces"


async def test_a_collector_answers_whatever_it_is_sent(tmp_path: Path) -> None:
    with observer(ANSWERS, tmp_path) as url:
        async with aiohttp.ClientSession() as session, session.post(url, data=b"\x00\xff") as response:
            assert response.status == 200


async def test_a_silent_one_takes_it_and_does_not(tmp_path: Path) -> None:
    with observer(IS_SILENT, tmp_path) as url:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await session.post(url, data=b"\x00\xff")
