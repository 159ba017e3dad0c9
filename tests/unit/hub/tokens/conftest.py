from __future__ import annotations

import pytest

from tests.support.clock import FakeClock
from tests.unit.hub.tokens.issuer import Issuer, hmac_issuer
from tests.unit.hub.tokens.provider import KeyProvider

SECRET = "secret"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def issuer(clock: FakeClock) -> Issuer:
    return hmac_issuer(clock, SECRET)


@pytest.fixture
def provider() -> KeyProvider:
    return KeyProvider()
