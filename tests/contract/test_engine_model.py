"""Engines do what the model does, whatever is asked of them in whatever order, and however time passes in between.

Only for engines whose time is ours: a hundred runs of waiting would take hours.
"""

from __future__ import annotations

from hypothesis import settings

from tests.contract.engine_machine import EngineMachine


class LazyMemoryMachine(EngineMachine):
    specimen_name = "memory-lazy"


class SweptMemoryMachine(EngineMachine):
    specimen_name = "memory-swept"


TestLazyMemory = LazyMemoryMachine.TestCase
TestSweptMemory = SweptMemoryMachine.TestCase
TestLazyMemory.settings = TestSweptMemory.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
