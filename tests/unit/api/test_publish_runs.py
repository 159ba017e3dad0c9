"""A batch is answered as if its commands had been sent one by one, whatever goes to the engine together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from api.publish_runs import publish_run, runs_of
from api.server_api_methods import publish
from api.server_api_requests import BatchCommand, PublishRequest
from hub.clock import SystemClock
from hub.config import ChannelConfig, ChannelOptions, HubConfig
from hub.engines.memory import MemoryEngine
from hub.errors import EngineUnavailable, ReplyError
from hub.hub import Hub

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.engine import PublishOptions, PublishOutcome
    from hub.protocol.messages import Publication

CHANNELS = ChannelConfig(without_namespace=ChannelOptions(history_size=10, history_ttl_s=60))

publishes = st.fixed_dictionaries(
    {"channel": st.sampled_from(["a", "b", "", "nowhere:a"])},
    optional={
        "data": st.sampled_from([1, {"n": 2}]),
        "idempotency_key": st.sampled_from(["k", "l", "x" * 256]),
        "version": st.integers(1, 3),
        "skip_history": st.booleans(),
    },
)
commands: st.SearchStrategy[dict[str, Any] | None] = st.one_of(
    publishes.map(lambda params: {"publish": params}), st.just({"info": {}}), st.none()
)

decode = msgspec.json.Decoder(list[BatchCommand | None]).decode


class Deaf(MemoryEngine):
    async def publish_many(
        self,
        channel: str,  # the port's shape
        entries: Sequence[tuple[Publication, PublishOptions]],  # same
    ) -> list[PublishOutcome]:
        raise EngineUnavailable("no answer")


def hub_on(engine: type[MemoryEngine]) -> Hub:
    clock = SystemClock()
    return Hub(HubConfig(channel=CHANNELS), engine(clock), clock)


async def one_by_one(hub: Hub, requests: Sequence[PublishRequest]) -> list[tuple[str, Any]]:
    """Offset or error code; epochs differ from hub to hub."""
    answers: list[tuple[str, Any]] = []
    for request in requests:
        try:
            answers.append(("publish", (await publish(hub, request)).offset))
        except ReplyError as failure:
            answers.append(("error", failure.error.code))
    return answers


def answer(reply: dict[str, Any]) -> tuple[str, Any]:
    [(name, value)] = reply.items()
    return name, value["code"] if name == "error" else value.offset


@given(st.lists(commands))
def test_runs_are_the_commands_in_their_order(batch: list[dict[str, Any] | None]) -> None:
    decoded = decode(msgspec.json.encode(batch))
    runs = list(runs_of(decoded))
    assert [command for run in runs for command in run] == decoded
    for run in runs:
        channels = {command.publish.channel for command in run if command and command.publish is not msgspec.UNSET}
        assert len(run) == 1 or len(channels) == 1


@given(st.lists(publishes, min_size=1))
async def test_each_is_answered_as_by_itself(batch: list[dict[str, Any]]) -> None:
    encoded = msgspec.json.encode([{**params, "channel": batch[0]["channel"]} for params in batch])
    requests = msgspec.json.decode(encoded, type=list[PublishRequest])
    together = [answer(reply) for reply in await publish_run(hub_on(MemoryEngine), requests)]
    assert together == await one_by_one(hub_on(MemoryEngine), requests)


async def test_without_an_answer_of_the_engine_all_say_so_but_those_that_were_refused() -> None:
    requests = msgspec.json.decode(
        b'[{"channel":"a","data":1},{"channel":"a"},{"channel":"a","data":2}]', type=list[PublishRequest]
    )
    codes = [answer(reply) for reply in await publish_run(hub_on(Deaf), requests)]
    assert codes == [("error", 100), ("error", 107), ("error", 100)]
