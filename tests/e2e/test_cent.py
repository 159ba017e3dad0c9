"""cent 5.2, unchanged, sync and async, on a running server: every method that Centrifugo has without PRO."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import cent
import pytest
import pytest_asyncio
from cent.exceptions import CentApiResponseError, CentNetworkError, CentTransportError, CentUnauthorizedError

from tests.e2e.configuration import configuration
from tests.support.api_client import API_KEY
from tests.support.ports import free_port
from tests.support.server import running_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.e2e.python_sdk import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

Call = Callable[..., Awaitable[Any]]
"""`await call(request)`: what the method of that request returns."""


class Cent:
    """Both clients behind one call."""

    def __init__(self, http_url: str, kind: str, key: str = API_KEY) -> None:
        url = f"{http_url}/api"
        self._sync = cent.Client(url, key) if kind == "sync" else None
        self._async = cent.AsyncClient(url, key) if kind == "async" else None

    async def __call__(self, request: Any) -> Any:
        method = request.api_method
        if self._sync is not None:
            return await asyncio.to_thread(getattr(self._sync, method), request)
        return await getattr(self._async, method)(request)

    async def close(self) -> None:
        if self._sync is not None:
            self._sync.close()
        if self._async is not None:
            await self._async.close()


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    parameter: str = request.param
    return parameter


@pytest_asyncio.fixture(loop_scope="module")
async def call(world: World, kind: str) -> AsyncIterator[Call]:
    client = Cent(world.node.http_url, kind)
    yield client
    await client.close()


async def refusal(answer: Awaitable[object]) -> tuple[int, str]:
    with pytest.raises(CentApiResponseError) as caught:
        await answer
    return caught.value.code, caught.value.message


# --- publishing -----------------------------------------------------------------------------------------------------


async def test_publish(world: World, call: Call) -> None:
    client, _ = await world.connected()
    _, events = await world.subscribed(client, world.channel())
    request = cent.PublishRequest(channel=world.channel(), data={"text": "ünï"}, tags={"kind": "news"})
    result = await call(request)
    assert result.offset == 1
    assert result.epoch
    pub = (await events.next("publication")).pub
    assert (pub.data, pub.tags) == ({"text": "ünï"}, {"kind": "news"})


async def test_publish_is_idempotent(world: World, call: Call) -> None:
    request = cent.PublishRequest(channel=world.channel(), data=1, idempotency_key="once")
    assert await call(request) == await call(request)
    history = await call(cent.HistoryRequest(channel=world.channel(), limit=-1))
    assert [publication.data for publication in history.publications] == [1]


async def test_publish_without_history(world: World, call: Call) -> None:
    result = await call(cent.PublishRequest(channel=world.channel(), data=1, skip_history=True))
    assert result.offset == 0
    assert (await call(cent.PublishRequest(channel=world.channel("plain"), data=1))).epoch == ""


async def test_publish_binary_as_base64(world: World, call: Call) -> None:
    await call(cent.PublishRequest(channel=world.channel(), data="instead of this", b64data="eyJuIjoxfQ=="))
    history = await call(cent.HistoryRequest(channel=world.channel(), limit=-1))
    assert [publication.data for publication in history.publications] == [{"n": 1}]


async def test_broadcast(world: World, call: Call) -> None:
    channels = [world.channel(name="one"), world.channel(name="two"), world.channel("nowhere")]
    result = await call(cent.BroadcastRequest(channels=channels, data={"n": 1}))
    one, two, nowhere = result.responses
    assert (one.result.offset, two.result.offset) == (1, 1)
    assert nowhere.error.code == 102


async def test_unknown_namespace(world: World, call: Call) -> None:
    code, message = await refusal(call(cent.PublishRequest(channel="undefined:channel", data=1)))
    assert code == 102
    assert "unknown channel" in message


# --- channels -------------------------------------------------------------------------------------------------------


async def test_presence(world: World, call: Call) -> None:
    client, _ = await world.connected(info={"name": "Ada"})
    await world.subscribed(client, world.channel())
    result = await call(cent.PresenceRequest(channel=world.channel()))
    assert [(info.user, info.conn_info) for info in result.presence.values()] == [(world.user(), {"name": "Ada"})]
    stats = await call(cent.PresenceStatsRequest(channel=world.channel()))
    assert (stats.num_clients, stats.num_users) == (1, 1)


async def test_presence_of_nobody(world: World, call: Call) -> None:
    assert (await call(cent.PresenceRequest(channel=world.channel()))).presence == {}
    assert (await call(cent.PresenceStatsRequest(channel=world.channel()))).num_clients == 0


async def test_presence_and_history_where_there_are_none(world: World, call: Call) -> None:
    channel = world.channel("plain")
    requests = [
        cent.PresenceRequest(channel=channel),
        cent.PresenceStatsRequest(channel=channel),
        cent.HistoryRequest(channel=channel),
        cent.HistoryRemoveRequest(channel=channel),
    ]
    assert [(await refusal(call(request)))[0] for request in requests] == [108] * 4


async def test_history(world: World, call: Call) -> None:
    await world.publish(world.channel(), 1, 2, 3, 4, 5)

    async def history(**options: Any) -> Any:
        return await call(cent.HistoryRequest(channel=world.channel(), **options))

    async def data(**options: Any) -> list[Any]:
        return [publication.data for publication in (await history(**options)).publications]

    top = await history()
    since = cent.StreamPosition(offset=3, epoch=top.epoch)
    assert (top.offset, top.publications) == (5, [])
    assert await data(limit=-1) == [1, 2, 3, 4, 5]
    assert await data(limit=2, reverse=True) == [5, 4]
    assert await data(limit=-1, since=since) == [4, 5]
    wrong = cent.StreamPosition(offset=3, epoch="of another stream")
    assert (await refusal(history(limit=-1, since=wrong)))[0] == 112


async def test_history_remove(world: World, call: Call) -> None:
    await world.publish(world.channel(), 1, 2, 3)
    await call(cent.HistoryRemoveRequest(channel=world.channel()))
    history = await call(cent.HistoryRequest(channel=world.channel(), limit=-1))
    assert (history.publications, history.offset) == ([], 3)


async def test_channels(world: World, call: Call) -> None:
    client, _ = await world.connected()
    for name in ("one", "two"):
        await world.subscribed(client, world.channel(name=name))
    found = await call(cent.ChannelsRequest(pattern=world.channel(name="*")))
    assert {name: info.num_clients for name, info in found.channels.items()} == {
        world.channel(name="one"): 1,
        world.channel(name="two"): 1,
    }
    assert f"personal:#{world.user()}" in (await call(cent.ChannelsRequest())).channels


async def test_info(world: World, call: Call) -> None:
    await world.connected()
    (node,) = (await call(cent.InfoRequest())).nodes
    assert node.uid
    assert node.name
    assert node.version
    assert node.num_clients >= 1
    assert node.process.rss > 0


# --- connections ----------------------------------------------------------------------------------------------------


async def test_subscribe_and_unsubscribe(world: World, call: Call) -> None:
    _, events = await world.connected()
    user, channel = world.user(), world.channel()
    await call(cent.SubscribeRequest(user=user, channel=channel, info={"seat": 7}, data={"hello": 1}))
    assert (await events.next("subscribed", lambda context: context.channel == channel)).data == {"hello": 1}
    (info,) = (await call(cent.PresenceRequest(channel=channel))).presence.values()
    assert (info.user, info.chan_info) == (user, {"seat": 7})
    await call(cent.UnsubscribeRequest(user=user, channel=channel))
    assert (await events.next("unsubscribed")).channel == channel


async def test_subscribe_with_overridden_options(world: World, call: Call) -> None:
    await world.connected()
    override = cent.ChannelOptionsOverride(presence=cent.BoolValue(value=False))
    await call(cent.SubscribeRequest(user=world.user(), channel=world.channel(), override=override))
    assert (await call(cent.ChannelsRequest(pattern=world.channel()))).channels[world.channel()].num_clients == 1
    assert (await call(cent.PresenceRequest(channel=world.channel()))).presence == {}


async def test_disconnect(world: World, call: Call) -> None:
    (_, ada), (grace, _) = await world.connected(), await world.connected("grace")
    await call(cent.DisconnectRequest(user=world.user()))
    assert (await ada.next("disconnected")).code == 3503
    await grace.rpc("ping", {})


async def test_disconnect_with_a_code_of_its_own(world: World, call: Call) -> None:
    _, events = await world.connected()
    goodbye = cent.Disconnect(code=4700, reason="no more")
    await call(cent.DisconnectRequest(user=world.user(), disconnect=goodbye))
    context = await events.next("disconnected")
    assert (context.code, context.reason) == (4700, "no more")


async def test_refresh_that_expires(world: World, call: Call) -> None:
    _, events = await world.connected()
    await events.next("connected")
    await call(cent.RefreshRequest(user=world.user(), expired=True))
    assert (await events.next("connecting")).code == 3005


@pytest.mark.parametrize(
    "request_type", [cent.SubscribeRequest, cent.UnsubscribeRequest, cent.DisconnectRequest, cent.RefreshRequest]
)
async def test_users_who_are_not_here(world: World, call: Call, request_type: type[Any]) -> None:
    await call(request_type(user=world.user("nobody"), channel=world.channel()))


# --- batches --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parallel", [False, True])
async def test_batch(world: World, call: Call, parallel: bool) -> None:
    channel = world.channel()
    requests = [
        cent.PublishRequest(channel=channel, data=1),
        cent.BroadcastRequest(channels=[world.channel(name="one"), world.channel(name="two")], data=2),
        cent.UnsubscribeRequest(user=world.user(), channel=channel),
        cent.PresenceRequest(channel=channel),
        cent.InfoRequest(),
    ]
    result = await call(cent.BatchRequest(requests=requests, parallel=parallel))
    published, broadcast, unsubscribed, presence, info = result.replies
    assert published.offset == 1
    assert [response.result.offset for response in broadcast.responses] == [1, 1]
    assert isinstance(unsubscribed, cent.UnsubscribeResult)
    assert presence.presence == {}
    assert len(info.nodes) == 1


async def test_batch_in_order(world: World, call: Call) -> None:
    requests = [cent.PublishRequest(channel=world.channel(), data=n) for n in range(1, 101)]
    result = await call(cent.BatchRequest(requests=requests, parallel=False))
    assert [reply.offset for reply in result.replies] == list(range(1, 101))


async def test_the_rest_of_a_batch_is_done_when_one_command_fails(world: World, call: Call) -> None:
    requests = [
        cent.PublishRequest(channel=world.channel("nowhere"), data=1),
        cent.PublishRequest(channel=world.channel(), data=2),
    ]
    with pytest.raises(KeyError):  # cent's own way to say that a reply is an error
        await call(cent.BatchRequest(requests=requests))
    history = await call(cent.HistoryRequest(channel=world.channel(), limit=-1))
    assert [publication.data for publication in history.publications] == [2]


# --- what is no answer ----------------------------------------------------------------------------------------------


async def using(http_url: str, kind: str, key: str, request: Any) -> None:
    client = Cent(http_url, kind, key)
    try:
        await client(request)
    finally:
        await client.close()


async def test_wrong_key(world: World, kind: str) -> None:
    with pytest.raises(CentUnauthorizedError):
        await using(world.node.http_url, kind, "another key", cent.InfoRequest())


async def test_nobody_there(kind: str) -> None:
    with pytest.raises(CentNetworkError):
        await using(f"http://127.0.0.1:{free_port()}", kind, API_KEY, cent.InfoRequest())


async def test_methods_of_pro_are_not_there(call: Call) -> None:
    with pytest.raises((CentTransportError, CentApiResponseError)):
        await call(cent.BlockUserRequest(user="ada"))


async def test_errors_as_statuses(kind: str) -> None:
    transport = configuration() | {"http_api": {"error_mode": "transport"}}
    async with running_server(transport) as node:
        with pytest.raises(CentTransportError) as caught:
            await using(node.http_url, kind, API_KEY, cent.PublishRequest(channel="nowhere:x", data=1))
    assert caught.value.status_code == 404
