from __future__ import annotations

import pytest

from bench.command_line import chosen_plan, chosen_subjects, parser
from bench.plan import FULL, QUICK


def test_the_full_plan_is_the_default() -> None:
    assert chosen_plan(parser().parse_args([])) == FULL


def test_runs_and_subscribers_can_be_set_on_either_plan() -> None:
    plan = chosen_plan(parser().parse_args(["--quick", "--runs", "2", "--subscribers", "50"]))
    assert (plan.runs, plan.subscribers, plan.phase_s) == (2, 50, QUICK.phase_s)


def test_subjects_are_chosen_by_a_part_of_their_name() -> None:
    chosen = chosen_subjects(parser().parse_args(["--subject", "send loop", "--subject", "syncline"]))
    assert [subject.name for subject in chosen] == ["floor: send loop", "syncline"]


def test_another_server_joins_under_its_name() -> None:
    arguments = ["--centrifuge-url", "ws://127.0.0.1:1/c", "--centrifuge-api", "http://127.0.0.1:1/api"]
    chosen = chosen_subjects(parser().parse_args([*arguments, "--centrifuge-pid", "1", "--centrifuge-name", "other"]))
    assert "other" in [subject.name for subject in chosen]


def test_an_address_without_a_pid_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        chosen_subjects(parser().parse_args(["--centrifuge-url", "ws://127.0.0.1:1/c"]))
    assert "--centrifuge-pid" in capsys.readouterr().err
