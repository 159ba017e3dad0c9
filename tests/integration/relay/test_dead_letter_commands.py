"""`syncline dead-letters` against a real broker."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from cli.app import build_app
from tests.support.ports import free_port
from tests.support.rabbit_world import rabbit_world, source_config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typer.testing import Result

    from hub.relay.rabbitmq.config import RabbitSourceConfig
    from tests.support.rabbitmq import RabbitNames, RabbitServer

    Run = Callable[..., Result]

CONFIG = """
[[consumers]]
name = "orders"
type = "rabbitmq"
rabbitmq = {{ url = "{url}", queue = "{queue}" }}
routes = [{{ channels = ["{{data.key}}"] }}]

[[consumers]]
name = "prices"
type = "redis_pubsub"
redis_pubsub = {{ patterns = ["prices.*"] }}
routes = [{{ channels = ["{{data.key}}"] }}]
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    app, runner = build_app(lambda _: 0), CliRunner()

    def invoke(*arguments: str) -> Result:
        command = ["dead-letters", *arguments, "--config", str(tmp_path / "syncline.toml")]
        result: Result = runner.invoke(app, command)
        return result

    return invoke


@pytest.fixture
def consumer(rabbitmq: RabbitServer, rabbitmq_names: RabbitNames, tmp_path: Path) -> RabbitSourceConfig:
    """A consumer with two dead letters."""
    config = source_config(rabbitmq, rabbitmq_names)
    (tmp_path / "syncline.toml").write_text(CONFIG.format(url=rabbitmq.url, queue=config.queue))
    asyncio.run(_kill_two(config, rabbitmq))
    return config


async def _kill_two(config: RabbitSourceConfig, server: RabbitServer) -> None:
    async with rabbit_world(config, server) as (_, sender):
        for number in (1, 2):
            await sender.send(config.queue, b"no json", message_id=f"bad-{number}", headers={"tenant": "t"})
            await sender.has_length(config.dead_queue, number)


@pytest.mark.usefixtures("consumer")
def test_letters_are_listed_replayed_and_removed(run: Run) -> None:
    result = run("list", "--consumer", "orders")
    assert result.exit_code == 0, result.output
    first, second = result.stdout.splitlines()
    assert "  malformed  orders." in first
    assert len(run("list", "--consumer", "orders", "--limit", "1").stdout.splitlines()) == 1

    letter = json.loads(run("list", "--consumer", "orders", "--json").stdout.splitlines()[0])
    assert letter["id"] == first.split()[0]
    assert (letter["reason"], letter["body"], letter["headers"]) == ("malformed", "no json", {"tenant": "t"})

    assert run("replay", "--consumer", "orders", "--id", first.split()[0]).stdout == "1 replayed\n"
    assert run("remove", "--consumer", "orders", "--all").stdout == "1 removed\n"
    assert run("list", "--consumer", "orders").stdout == ""
    assert run("remove", "--consumer", "orders", "--id", second.split()[0]).stdout == "0 removed\n"


@pytest.mark.usefixtures("consumer")
def test_a_command_says_which_letters_it_takes(run: Run) -> None:
    for arguments in ([], ["--all", "--id", "x"]):
        for name in ("replay", "remove"):
            result = run(name, "--consumer", "orders", *arguments)
            assert (result.exit_code, result.stderr) == (1, "error: name letters with --id, or take --all\n")


@pytest.mark.usefixtures("consumer")
def test_a_consumer_that_is_unknown_or_keeps_none_is_an_error(run: Run) -> None:
    assert run("list", "--consumer", "nobody").stderr == (
        "error: there is no consumer 'nobody'; known: orders, prices\n"
    )
    result = run("list", "--consumer", "prices")
    assert result.exit_code == 1
    assert "at most once" in result.stderr


def test_a_broker_that_is_not_there_is_an_error_without_the_password(run: Run, tmp_path: Path) -> None:
    url = f"amqp://guest:secret-word@127.0.0.1:{free_port()}/"
    (tmp_path / "syncline.toml").write_text(CONFIG.format(url=url, queue="q"))
    result = run("list", "--consumer", "orders")
    assert result.exit_code == 1
    assert "connecting to 127.0.0.1" in result.stderr
    assert "secret-word" not in result.output
