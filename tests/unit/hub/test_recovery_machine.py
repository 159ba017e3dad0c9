"""REC-1 and POS-1: no gap, no duplicate, no partial recovery at a client, for any interleaving."""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.unit.hub.examples import examples
from tests.unit.hub.recovery_machine import RecoveryMachine

TestClientsAreToldTheTruth = pytest.mark.slow(pytest.mark.timeout(600)(RecoveryMachine.TestCase))
TestClientsAreToldTheTruth.settings = settings(max_examples=examples(400), stateful_step_count=60)
