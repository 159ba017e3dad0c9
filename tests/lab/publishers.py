"""Publishers of every kind, as applications have them: each event is sent until somebody promises it, with one key.

One lane per carrier and user publishes one event after another, so that its order is what the lane says. A lane goes
on to its next event only when the last one is promised; what is in doubt when the run ends is recorded so.
"""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import aiohttp
import aiormq
import asyncpg

from tests.lab.history import Invoke, Outcome
from tests.lab.pacing import rest
from tests.support.api_client import API_KEY
from tests.support.patience import TIME_SCALE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.lab.history import History

ANSWER_WITHIN_S = 5.0 * TIME_SCALE
"""After this long a publisher takes no answer for no answer, and sends again."""

MIN_PAUSE_S, MAX_PAUSE_S = 0.1, 1.0
"""Between attempts at one event."""


MAX_FAILURE = 200
"""Characters of a failure that the history keeps."""


class Event(NamedTuple):
    """What is published. Its data says everything a client has to check."""

    id: str
    user: str
    channel: str
    key: str
    seq: int

    @property
    def data(self) -> dict[str, Any]:
        return {"event": self.id, "user": self.user, "key": self.key, "seq": self.seq}


class Place(NamedTuple):
    """Where a carrier says that an event is; nowhere for one that does not know."""

    epoch: str = ""
    offset: int = 0


class NotPromised(Exception):
    """Nobody knows whether the event was taken: it has to be sent again."""


class Carrier(Protocol):
    """Takes events to the hub."""

    @property
    def name(self) -> str: ...

    async def send(self, event: Event) -> Place:
        """Return once the event is promised.

        Raises:
            NotPromised: it is to be sent again, with the same key.
        """

    async def close(self) -> None: ...


@dataclass
class Lane:
    """Publishes for one user by one carrier.

    Attributes:
        pause_s: between events, on average.
    """

    carrier: Carrier
    user: str
    channel: str
    history: History
    rng: random.Random
    pause_s: float
    num_published: int = 0

    @property
    def key(self) -> str:
        return f"{self.carrier.name}/{self.user}"

    async def run(self, stop: asyncio.Event, give_up: asyncio.Event) -> None:
        """Until `stop` is set; the last event is still sent until it is promised, or `give_up` is set."""
        try:
            while not stop.is_set():
                self.num_published += 1
                seq = self.num_published
                await self._publish(Event(f"{self.key}/{seq}", self.user, self.channel, self.key, seq), give_up)
                await rest(stop, self.rng.uniform(0, 2 * self.pause_s))
        finally:
            await self.carrier.close()

    async def _publish(self, event: Event, give_up: asyncio.Event) -> None:
        self.history.add(Invoke(event=event.id, user=event.user, channel=event.channel, key=event.key, seq=event.seq))
        attempts, pause_s, failure = 0, MIN_PAUSE_S, ""
        while not give_up.is_set():
            attempts += 1
            try:
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    place = await self.carrier.send(event)
            except (NotPromised, TimeoutError) as exc:
                failure = str(exc)[:MAX_FAILURE] or "no answer in time"
                await rest(give_up, self.rng.uniform(0, pause_s))
                pause_s = min(2 * pause_s, MAX_PAUSE_S)
                continue
            self.history.add(
                Outcome(
                    event=event.id,
                    result="ok",
                    channel=event.channel if place.offset else "",
                    epoch=place.epoch,
                    offset=place.offset,
                    attempts=attempts,
                    failure=failure,
                )
            )
            return
        self.history.add(Outcome(event=event.id, result="info", attempts=attempts, failure=failure))


@dataclass
class HttpCarrier:
    """POST /api/publish on any node, with an idempotency key. Implements Carrier."""

    urls: Sequence[str]
    rng: random.Random
    name: str = "http"
    session: aiohttp.ClientSession | None = None

    async def send(self, event: Event) -> Place:
        body = {"channel": event.channel, "data": event.data, "idempotency_key": event.id}
        answer = await self._post("/api/publish", body, "application/json")
        if "error" in answer:
            raise NotPromised(str(answer["error"]))
        result = answer["result"]
        return Place(result.get("epoch", ""), result.get("offset", 0))

    async def _post(self, path: str, body: Any, content_type: str) -> dict[str, Any]:
        if self.session is None:
            self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_WITHIN_S))
        headers = {"X-API-Key": API_KEY, "Content-Type": content_type}
        url = self.rng.choice(self.urls) + path
        try:
            async with self.session.post(url, data=json.dumps(body), headers=headers) as response:
                if response.status >= 500 or response.status == 429:
                    raise NotPromised(f"{response.status}")
                assert response.status < 300, f"{url}: {response.status} {await response.text()}"
                answer: dict[str, Any] = await response.json()
                return answer
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise NotPromised(repr(exc)) from exc

    async def close(self) -> None:
        if self.session is not None:
            await self.session.close()


@dataclass
class EventsCarrier(HttpCarrier):
    """POST /v1/events: a CloudEvent, whose source and id are the key. Implements Carrier."""

    name: str = "events"

    async def send(self, event: Event) -> Place:
        envelope = {"specversion": "1.0", "id": event.id, "source": "/lab", "type": "lab.event", "data": event.data}
        await self._post("/v1/events", envelope, "application/cloudevents+json")
        return Place()


@dataclass
class OutboxCarrier:
    """`SELECT syncline_publish(...)` in a transaction of the application's own. Implements Carrier.

    The promise is the COMMIT. One whose answer was lost is repeated: the hub knows the key.
    """

    url: str
    name: str = "outbox"
    connection: asyncpg.Connection | None = None

    async def send(self, event: Event) -> Place:
        try:
            connection = await self._connected()
            async with connection.transaction():
                await connection.execute(PUBLISH, event.channel, json.dumps(event.data), event.id, event.key)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as exc:
            await self.close()
            raise NotPromised(repr(exc)) from exc
        except asyncio.CancelledError:  # the deadline: what was asked may still happen, and the connection is of no use
            await self.close()
            raise
        return Place()

    async def _connected(self) -> asyncpg.Connection:
        if self.connection is None or self.connection.is_closed():
            self.connection = await asyncpg.connect(self.url, timeout=ANSWER_WITHIN_S / 2)
        return self.connection

    async def close(self) -> None:
        if self.connection is not None:
            self.connection.terminate()
            self.connection = None


PUBLISH = "SELECT syncline_publish($1::text, $2::jsonb, idempotency_key => $3, order_key => $4)"


@dataclass
class RabbitCarrier:
    """A confirmed, persistent message to an exchange. The promise is the broker's confirm. Implements Carrier."""

    url: str
    exchange: str
    routing_key: Callable[[Event], str]
    name: str = "rabbitmq"
    connection: aiormq.abc.AbstractConnection | None = field(default=None, repr=False)
    channel: aiormq.abc.AbstractChannel | None = field(default=None, repr=False)

    async def send(self, event: Event) -> Place:
        try:
            channel = await self._opened()
            confirm = await channel.basic_publish(
                json.dumps(event.data).encode(),
                exchange=self.exchange,
                routing_key=self.routing_key(event),
                properties=aiormq.spec.Basic.Properties(
                    message_id=event.id, delivery_mode=2, content_type="application/json", headers=_attributes(event)
                ),
                mandatory=True,
            )
        except (aiormq.AMQPError, OSError, RuntimeError) as exc:
            await self.close()
            raise NotPromised(repr(exc)) from exc
        except asyncio.CancelledError:
            await self.close()
            raise
        if not isinstance(confirm, aiormq.spec.Basic.Ack):
            raise NotPromised(repr(confirm))
        return Place()

    async def _opened(self) -> aiormq.abc.AbstractChannel:
        if self.connection is None or self.connection.is_closed or self.channel is None or self.channel.is_closed:
            await self.close()
            self.connection = await aiormq.connect(self.url)
            self.channel = await self.connection.channel(publisher_confirms=True)
        return self.channel

    async def close(self) -> None:
        connection, self.connection, self.channel = self.connection, None, None
        if connection is not None:
            with suppress(aiormq.AMQPError, OSError, RuntimeError, TimeoutError):
                async with asyncio.timeout(1):
                    await connection.close()


def _attributes(event: Event) -> dict[str, Any]:
    """CloudEvents binary, as the AMQP binding has it."""
    return {
        "cloudEvents:specversion": "1.0",
        "cloudEvents:id": event.id,
        "cloudEvents:source": "/lab",
        "cloudEvents:type": "lab.event",
    }
