"""The command line: what to measure, how often, and where the numbers go."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import report
from bench.campaign import Campaign
from bench.gates import verdicts
from bench.generator import ROOT, running_generator
from bench.pinned import cores_available, raise_open_files_limit
from bench.plan import FULL, QUICK, Plan
from bench.scenarios import SCENARIOS
from bench.subjects import centrifuge
from bench.subjects.accounts import WITH_ACCOUNTS
from bench.subjects.cluster import CLUSTERS
from bench.subjects.commits import COMMITS
from bench.subjects.floors import FLOORS
from bench.subjects.observed import OBSERVED
from bench.subjects.outbox import OUTBOXES
from bench.subjects.peers import PEERS
from bench.subjects.redis_bus import BUSES
from bench.subjects.relay import RELAYS
from bench.subjects.subject import Subject


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Compare Syncline with floors and peers.")
    parser.add_argument("scenario", nargs="*", help="scenarios whose name begins so (all)")
    parser.add_argument("--quick", action="store_true", help="a smoke run of two minutes; its numbers mean nothing")
    parser.add_argument("--runs", type=int, help="how often to repeat (3)")
    parser.add_argument("--only", action="append", help="the same, one at a time")
    parser.add_argument("--subject", action="append", help="only subjects whose name contains this; may be repeated")
    parser.add_argument("--subscribers", type=int, help="of fan-out and slow client (1000)")
    parser.add_argument("--output", type=Path, help="the JSON file (bench/results/<date>-bench.json)")
    parser.add_argument("--require-gates", action="store_true", help="exit with 1 unless every gate passes")
    other = parser.add_argument_group("another server that speaks the Centrifuge protocol")
    other.add_argument("--centrifuge-name", default="centrifugo", help="what to call it")
    other.add_argument("--centrifuge-command", help="start it with this; {config} is a file in Centrifugo v6's format")
    other.add_argument("--centrifuge-url", help="or measure one that runs: ws://127.0.0.1:8000/connection/websocket")
    other.add_argument("--centrifuge-api", help="http://127.0.0.1:8000/api")
    other.add_argument("--centrifuge-api-key", default=centrifuge.API_KEY)
    other.add_argument("--centrifuge-pid", type=int)
    other.add_argument("--centrifuge-token-secret", default=centrifuge.TOKEN_SECRET, help="its HS256 key")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = parser().parse_args(arguments)
    if cores_available() < 2:
        print("The bench needs two cores: one for the server, one for the generator.", file=sys.stderr)
        return 2
    raise_open_files_limit()
    plan = chosen_plan(chosen)
    started_at = datetime.datetime.now(datetime.UTC)
    with running_generator() as generator:
        campaign = Campaign(generator, plan, sys.stderr)
        campaign.run(chosen_scenarios(chosen), chosen_subjects(chosen))
    _show(campaign, chosen.centrifuge_name)
    _write(campaign, plan, started_at, chosen.output)
    passed = all(verdict.word == "PASS" for verdict in verdicts(campaign.results))
    return 0 if passed or not chosen.require_gates else 1


def chosen_plan(chosen: argparse.Namespace) -> Plan:
    plan = QUICK if chosen.quick else FULL
    given = {name: value for name in ("runs", "subscribers") if (value := getattr(chosen, name)) is not None}
    return dataclasses.replace(plan, **given)


def chosen_scenarios(chosen: argparse.Namespace) -> list[str]:
    """In the order in which they run. A word that begins no scenario's name ends the program."""
    words = [*chosen.scenario, *(chosen.only or [])]
    for word in words:
        if not any(name.startswith(word) for name in SCENARIOS):
            parser().error(f"no scenario {word!r}; there are {', '.join(SCENARIOS)}")
    return [name for name in SCENARIOS if not words or any(name.startswith(word) for word in words)]


def chosen_subjects(chosen: argparse.Namespace) -> list[Subject]:
    syncline = [centrifuge.syncline(), *WITH_ACCOUNTS, *BUSES, *CLUSTERS, *RELAYS, *OUTBOXES, *OBSERVED]
    subjects = [*FLOORS, *COMMITS, *syncline, *_other(chosen), *PEERS]
    wanted = chosen.subject or [""]
    return [subject for subject in subjects if any(part in subject.name for part in wanted)]


def _other(chosen: argparse.Namespace) -> list[Subject]:
    if chosen.centrifuge_command:
        return [centrifuge.started_by(chosen.centrifuge_name, chosen.centrifuge_command)]
    if not chosen.centrifuge_url:
        return []
    if not (chosen.centrifuge_api and chosen.centrifuge_pid):
        parser().error("--centrifuge-url needs --centrifuge-api and --centrifuge-pid")
    address = centrifuge.Address(
        chosen.centrifuge_url,
        chosen.centrifuge_api,
        chosen.centrifuge_api_key,
        chosen.centrifuge_pid,
        chosen.centrifuge_token_secret,
    )
    return [centrifuge.at_address(chosen.centrifuge_name, address)]


def _show(campaign: Campaign, other: str) -> None:
    print(report.tables(campaign.results), report.gate_table(campaign.results), sep="\n\n")
    if any(campaign.results.subjects(metric).count(other) for metric in campaign.results.metrics()):
        print("", report.reference_table(campaign.results, other), sep="\n")


def _write(campaign: Campaign, plan: Plan, started_at: datetime.datetime, output: Path | None) -> None:
    path = output or ROOT / "bench" / "results" / f"{started_at:%Y-%m-%d}-bench.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(report.as_json(campaign.results, plan, started_at))
    print(f"\nWritten: {path}")
