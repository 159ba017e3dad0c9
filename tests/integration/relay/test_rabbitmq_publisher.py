"""The publisher against a real broker: what is published is safe, and what is not is never taken for it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hub.clock import SystemClock
from hub.engines.redis.config import TlsConfig
from hub.relay.rabbitmq.config import RabbitConnectionConfig
from hub.relay.rabbitmq.failures import INVALID, NACKED, RETURNED, UNAVAILABLE, LinkLost, PublishFailed
from hub.relay.rabbitmq.letters import Letter
from hub.relay.rabbitmq.link import open_link
from hub.relay.rabbitmq.publisher import RabbitPublisher
from hub.supervisor import Supervisor
from tests.support.certificates import Authority
from tests.support.patience import eventually
from tests.support.ports import free_port
from tests.support.rabbit_world import sender_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.rabbitmq import RabbitNames, RabbitServer


@asynccontextmanager
async def publishing(url: str, **options: Any) -> AsyncIterator[RabbitPublisher]:
    publisher = RabbitPublisher(RabbitConnectionConfig(urls=(url,)), SystemClock(), name="test", **options)
    async with Supervisor() as supervisor:
        supervisor.start("publisher", publisher.run())
        yield publisher


def letter(queue: str, number: int, **options: Any) -> Letter:
    return Letter(exchange="", routing_key=queue, body=b"%d" % number, message_id=f"m{number}", **options)


async def test_letters_are_in_the_queue_in_order_when_the_answers_come(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    queue = rabbitmq_names("letters")
    async with sender_at(rabbitmq.url) as sender, publishing(rabbitmq.url) as publisher:
        await sender.channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
        assert await publisher.publish_many([letter(queue, number) for number in range(1_500)]) == [None] * 1_500
        bodies = [message.body for _ in range(1_500) if (message := await sender.get(queue))]
        assert bodies == [b"%d" % number for number in range(1_500)]
        assert publisher.num_published == 1_500


async def test_a_letter_outlives_the_broker_and_keeps_its_headers(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    queue = rabbitmq_names("letters")
    async with sender_at(rabbitmq.url) as sender, publishing(rabbitmq.url) as publisher:
        await sender.channel.queue_declare(queue)
        await publisher.publish(
            letter(queue, 1, headers={"cloudEvents:type": "a.b", "n": 1}, content_type="text/plain")
        )
        message = await sender.get(queue)
        assert message is not None
        properties = message.header.properties
        assert (properties.delivery_mode, properties.message_id, properties.content_type) == (2, "m1", "text/plain")
        assert properties.headers == {"cloudEvents:type": "a.b", "n": 1}


async def test_a_letter_that_no_queue_takes_is_a_failure(rabbitmq: RabbitServer, rabbitmq_names: RabbitNames) -> None:
    async with publishing(rabbitmq.url) as publisher:
        with pytest.raises(PublishFailed) as failure:
            await publisher.publish(letter(rabbitmq_names("nowhere"), 1))
        assert failure.value.reason == RETURNED
        assert (publisher.num_published, publisher.num_failed) == (0, 1)


async def test_letters_of_one_id_are_told_apart(rabbitmq: RabbitServer, rabbitmq_names: RabbitNames) -> None:
    """The driver finds the publication that came back by its message id."""
    queue = rabbitmq_names("letters")
    async with sender_at(rabbitmq.url) as sender, publishing(rabbitmq.url) as publisher:
        await sender.channel.queue_declare(queue)
        letters = [letter(name, 1) for name in (queue, "nowhere", queue, "nowhere")]
        outcomes = await publisher.publish_many(letters)
        assert [outcome and outcome.reason for outcome in outcomes] == [None, RETURNED, None, RETURNED]
        await sender.has_length(queue, 2)


async def test_a_letter_that_a_full_queue_refuses_is_a_failure(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    queue = rabbitmq_names("full")
    arguments: dict[str, Any] = {"x-max-length": 3, "x-overflow": "reject-publish"}
    async with sender_at(rabbitmq.url) as sender, publishing(rabbitmq.url) as publisher:
        await sender.channel.queue_declare(queue, durable=True, arguments=arguments)
        reasons = []
        for number in range(6):
            (outcome,) = await publisher.publish_many([letter(queue, number)])
            reasons.append(outcome and outcome.reason)
        assert reasons == [None] * 3 + [NACKED] * 3
        await sender.has_length(queue, 3)


@pytest.mark.parametrize(
    "bad",
    [
        Letter(exchange="", routing_key="x" * 256, body=b"", message_id="m"),
        Letter(exchange="", routing_key="q", body=b"", message_id="ü" * 200),
        Letter(exchange="", routing_key="q", body=b"", message_id="m", headers={"h": object()}),
    ],
    ids=["key", "id", "header"],
)
async def test_a_letter_that_amqp_cannot_carry_is_called_so_and_harms_no_other(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames, bad: Letter
) -> None:
    queue = rabbitmq_names("letters")
    async with sender_at(rabbitmq.url) as sender, publishing(rabbitmq.url) as publisher:
        await sender.channel.queue_declare(queue)
        outcomes = await publisher.publish_many([letter(queue, 1), bad, letter(queue, 2)])
        assert [outcome and outcome.reason for outcome in outcomes] == [None, INVALID, None]
        assert publisher.num_lost_links == 0


async def test_an_exchange_that_is_missing_fails_its_letters_and_the_next_ones_pass(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    """The broker ends the channel, and with it whatever else is on its way."""
    queue = rabbitmq_names("letters")
    lost = Letter(exchange=rabbitmq_names("no-exchange"), routing_key="", body=b"", message_id="lost")
    async with sender_at(rabbitmq.url) as sender, publishing(rabbitmq.url) as publisher:
        await sender.channel.queue_declare(queue)
        with pytest.raises(PublishFailed, match="no exchange"):
            await publisher.publish(lost)
        await publisher.publish(letter(queue, 1))
        await sender.has_length(queue, 1)


async def test_without_a_connection_there_is_an_answer_in_time(rabbitmq: RabbitServer) -> None:
    async with publishing(rabbitmq.url_at(free_port()), deadline_s=0.1) as publisher:
        with pytest.raises(PublishFailed) as failure:
            await publisher.publish(letter("q", 1))
        assert failure.value.reason == UNAVAILABLE
        assert not publisher.health().is_attached
        await eventually(lambda: "connecting to 127.0.0.1" in publisher.health().detail)
        assert "guest" not in publisher.health().detail


async def test_a_password_that_is_wrong_is_reported_without_it(rabbitmq: RabbitServer) -> None:
    async with publishing(rabbitmq.url.replace("guest:guest", "guest:secret-word")) as publisher:
        await eventually(lambda: "ACCESS_REFUSED" in publisher.health().detail)
        assert "secret-word" not in publisher.health().detail


async def test_an_encrypted_connection_shows_its_certificate_and_believes_the_right_authority(
    rabbitmq: RabbitServer, tmp_path: Path
) -> None:
    url = f"amqps://guest:guest@localhost:{rabbitmq.tls_port}/"
    own = rabbitmq.authority.issue("client")
    tls = TlsConfig(ca_pem=str(rabbitmq.authority.cert), cert_pem=own.cert.read_text(), key_pem=own.key.read_text())
    async with open_link(RabbitConnectionConfig(urls=(url,), tls=tls), "test") as link:
        await link.echo()
    stranger = TlsConfig(ca_pem=str(Authority(tmp_path, "stranger").cert))
    other_name = replace(tls, server_name="elsewhere")
    for wrong in (stranger, other_name, None):
        with pytest.raises(LinkLost, match="certificate verify failed"):
            async with open_link(RabbitConnectionConfig(urls=(url,), tls=wrong), "test"):
                pass


async def test_the_nodes_of_a_cluster_are_tried_in_turn(rabbitmq: RabbitServer) -> None:
    dead = rabbitmq.url_at(free_port())
    for _ in range(5):
        async with open_link(RabbitConnectionConfig(urls=(dead, rabbitmq.url, dead)), "test") as link:
            await link.echo()


async def test_a_cancelled_caller_leaves_the_line_in_order(rabbitmq: RabbitServer, rabbitmq_names: RabbitNames) -> None:
    queue = rabbitmq_names("letters")
    async with sender_at(rabbitmq.url) as sender, publishing(rabbitmq.url) as publisher:
        await sender.channel.queue_declare(queue)
        await publisher.publish(letter(queue, 0))
        for number in range(1, 50):
            task = asyncio.create_task(publisher.publish(letter(queue, number)))
            for _ in range(number % 7):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await publisher.publish(letter(queue, 100))
        assert publisher.num_lost_links == 0
        assert publisher.measures()["amqp_unconfirmed.test"] == 0
