"""The model of refresh tokens, run on both databases."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from storage.opening import open_storage
from tests.contract.token_machine import ABSOLUTE_S, IDLE_S, TokenMachine
from tests.support.session_world import TOKENS, SessionWorld

if TYPE_CHECKING:
    from storage.config import StorageConfig

LIVES = replace(TOKENS, refresh_idle_ttl_s=IDLE_S, refresh_absolute_ttl_s=ABSOLUTE_S)


def test_tokens_do_what_the_model_says(storage_config: StorageConfig) -> None:
    examples = 40 if storage_config.url == "" else 10
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        storage = runner.run(stack.enter_async_context(open_storage(storage_config)))
        world = SessionWorld(storage)
        nodes = [runner.run(world.node(tokens=LIVES)) for _ in range(2)]

        class Machine(TokenMachine):
            def __init__(self) -> None:
                super().__init__(runner, world, nodes)

        limits = settings(max_examples=examples, stateful_step_count=25, deadline=None)
        run_state_machine_as_test(Machine, settings=limits)
        runner.run(stack.aclose())
