"""A TCP proxy whose wires can be cut: what a client sees when its network goes away.

It is the lab's; see tests.lab.fault_proxy for everything else that it does to a connection.
"""

from __future__ import annotations

from tests.lab.fault_proxy import FaultProxy as Proxy
from tests.lab.fault_proxy import fault_proxy_to as proxy_to

__all__ = ["Proxy", "proxy_to"]
