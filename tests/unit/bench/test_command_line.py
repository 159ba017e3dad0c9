from __future__ import annotations

import pytest

from bench.command_line import chosen_plan, chosen_scenarios, chosen_subjects, parser
from bench.plan import FULL, QUICK
from bench.scenarios import SCENARIOS


def test_the_full_plan_is_the_default() -> None:
    assert chosen_plan(parser().parse_args([])) == FULL


def test_runs_and_subscribers_can_be_set_on_either_plan() -> None:
    plan = chosen_plan(parser().parse_args(["--quick", "--runs", "2", "--subscribers", "50"]))
    assert (plan.runs, plan.subscribers, plan.phase_s) == (2, 50, QUICK.phase_s)


def test_subjects_are_chosen_by_a_part_of_their_name() -> None:
    chosen = chosen_subjects(parser().parse_args(["--subject", "send loop", "--subject", "syncline"]))
    assert {subject.name for subject in chosen} == {"floor: send loop", "syncline"}


def test_no_two_subjects_of_a_scenario_have_the_same_name() -> None:
    chosen = chosen_subjects(parser().parse_args([]))
    for scenario in SCENARIOS:
        names = [subject.name for subject in chosen if scenario in subject.scenarios]
        assert len(names) == len(set(names)) > 0, scenario


def test_all_scenarios_are_the_default() -> None:
    assert chosen_scenarios(parser().parse_args([])) == list(SCENARIOS)


def test_scenarios_are_chosen_by_how_they_begin_and_run_in_their_own_order() -> None:
    chosen = chosen_scenarios(parser().parse_args(["revocation", "mutations", "--only", "fan_out"]))
    assert chosen == ["fan_out", "mutations_sqlite", "mutations_postgres", "revocation"]


def test_an_unknown_scenario_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        chosen_scenarios(parser().parse_args(["mutation", "teleport"]))
    assert "teleport" in capsys.readouterr().err


def test_another_server_joins_under_its_name() -> None:
    arguments = ["--centrifuge-url", "ws://127.0.0.1:1/c", "--centrifuge-api", "http://127.0.0.1:1/api"]
    chosen = chosen_subjects(parser().parse_args([*arguments, "--centrifuge-pid", "1", "--centrifuge-name", "other"]))
    assert "other" in [subject.name for subject in chosen]


def test_an_address_without_a_pid_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        chosen_subjects(parser().parse_args(["--centrifuge-url", "ws://127.0.0.1:1/c"]))
    assert "--centrifuge-pid" in capsys.readouterr().err
