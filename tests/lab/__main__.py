"""`python -m tests.lab run --seed 7 --minutes 10`, and `python -m tests.lab check FILE`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import tempfile
from pathlib import Path

from tests.lab.checkers import check, summary
from tests.lab.history import load
from tests.lab.run import Plan, run

SERVICES = "redis,rabbitmq,postgres"

CARRIERS = "http,events,rabbitmq,outbox"


def main() -> int:
    arguments = _parser().parse_args()
    answer: int = arguments.do(arguments)
    return answer


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    commands = parser.add_subparsers(required=True)
    running = commands.add_parser("run", help="break things and see what becomes of the events")
    running.add_argument("--seed", type=int, default=None, help="what to break and when; drawn when not given")
    running.add_argument("--minutes", type=float, default=1.0, help="how long to break things")
    running.add_argument("--nodes", type=int, default=2)
    running.add_argument("--users", type=int, default=3)
    running.add_argument("--hands", type=int, default=2, help="how many things may be broken at once")
    running.add_argument("--services", default=SERVICES, help=f"some of {SERVICES}")
    running.add_argument("--carriers", default=CARRIERS, help=f"some of {CARRIERS}")
    running.add_argument("--only", default="", help="parts of the names of what may break, separated by commas")
    running.add_argument("--pause", type=float, default=0.4, help="seconds between the events of one lane")
    running.add_argument("--directory", type=Path, default=None, help="where history and logs stay")
    running.set_defaults(do=_run)
    checking = commands.add_parser("check", help="check a history that was kept")
    checking.add_argument("file", type=Path)
    checking.set_defaults(do=_check)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    seed = arguments.seed if arguments.seed is not None else random.randrange(1 << 32)
    directory = arguments.directory or Path(tempfile.mkdtemp(prefix="syncline-lab-"))
    directory.mkdir(parents=True, exist_ok=True)
    if (directory / f"nodes-{seed}").exists():
        print(f"{directory} has a run of this seed already")
        return 2
    print(f"seed {seed}, artefacts in {directory}", flush=True)
    plan = Plan(
        seed=seed,
        faults_s=60 * arguments.minutes,
        num_nodes=arguments.nodes,
        services=_words(arguments.services),
        carriers=tuple(sorted(_words(arguments.carriers))),
        num_users=arguments.users,
        pause_s=arguments.pause,
        hands=arguments.hands,
        only=tuple(sorted(_words(arguments.only))),
    )
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # it complains of every connection that we break
    result = asyncio.run(run(plan, directory))
    print(result.report())
    return 0 if result.is_good else 1


def _check(arguments: argparse.Namespace) -> int:
    ops = load(arguments.file)
    findings = check(ops)
    for name, count in summary(ops).items():
        print(f"{name}: {count}")
    for finding in findings:
        print(f"{finding.checker}: {finding.text}")
    return 1 if findings else 0


def _words(text: str) -> frozenset[str]:
    return frozenset(word for word in text.split(",") if word)


if __name__ == "__main__":
    sys.exit(main())
