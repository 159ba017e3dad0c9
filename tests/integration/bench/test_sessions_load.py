"""The load on accounts, sessions and shared state, on the servers that the bench starts for it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from bench.load import orders
from bench.load.generator import Generator
from bench.subjects.accounts import WITH_ACCOUNTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.load.target import Target
    from bench.subjects.subject import Subject

ON_SQLITE, ON_POSTGRES = WITH_ACCOUNTS


@contextlib.contextmanager
def generating(subject: Subject, folder: Path) -> Iterator[tuple[Generator, Target]]:
    with subject.launch(folder) as server, contextlib.closing(Generator()) as generator:
        yield generator, server.target


@pytest.mark.parametrize("subject", WITH_ACCOUNTS, ids=["sqlite", "postgres"])
def test_writers_and_followers(subject: Subject, tmp_path: Path) -> None:
    with generating(subject, tmp_path) as (generator, target):
        for devices in (1, 3):
            assert generator.carry_out(orders.Enlist(target, users=2, devices=devices)) == orders.Done()
            written = generator.carry_out(orders.Write(seconds=0.2))
            assert isinstance(written, orders.Looped), written
            assert written.phase.requests > 0
        paced = generator.carry_out(orders.WritePaced(per_second=50, seconds=0.2))
        assert isinstance(paced, orders.Paced), paced
        assert paced.phase.mutations == 9


def test_one_revocation_after_the_other(tmp_path: Path) -> None:
    with generating(ON_SQLITE, tmp_path) as (generator, target):
        revoked = generator.carry_out(orders.Revoke(target, sessions=4, connections=2, revocations=5))
        assert isinstance(revoked, orders.Revoked), revoked
        assert revoked.phase.revocations == 5
        assert revoked.phase.after_request_p99_ms >= revoked.phase.after_answer_p99_ms


def test_nobody_can_write_who_was_not_enlisted() -> None:
    refused = Generator().carry_out(orders.Write(seconds=0.1))
    assert isinstance(refused, orders.Failed)
