"""Free ports of the loopback interface."""

from __future__ import annotations

import random
import socket

CANDIDATES = range(12_000, 32_000)
"""Below the ports that the kernel gives to outgoing connections, so that none of those takes one before its server."""


def free_port() -> int:
    """A port that nobody listens on, in both address families."""
    while not _is_free(port := random.choice(CANDIDATES)):
        pass
    return port


def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True):
            return True
    except OSError:
        return False
