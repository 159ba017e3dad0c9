from __future__ import annotations

import pytest

from hub.engines.redis.failures import ServerError
from hub.engines.redis.incarnation import incarnation_of

SERVER = b"# Server\r\nredis_version:7.0.15\r\nrun_id:%s\r\ntcp_port:6379\r\n"
REPLICATION = b"# Replication\r\nrole:master\r\nmaster_replid:%s\r\nmaster_replid2:0000\r\n"


def test_it_is_another_one_after_a_restart_and_after_a_promotion() -> None:
    first = incarnation_of(SERVER % (b"a" * 40), REPLICATION % (b"1" * 40))
    restarted = incarnation_of(SERVER % (b"b" * 40), REPLICATION % (b"1" * 40))
    promoted = incarnation_of(SERVER % (b"a" * 40), REPLICATION % (b"2" * 40))
    assert len({first, restarted, promoted}) == 3
    assert incarnation_of(SERVER % (b"a" * 40), REPLICATION % (b"1" * 40)) == first


@pytest.mark.parametrize(("server", "replication"), [(b"", REPLICATION), (SERVER, b"")])
def test_a_server_that_does_not_say_is_refused(server: bytes, replication: bytes) -> None:
    with pytest.raises(ServerError):
        incarnation_of(server, replication)
