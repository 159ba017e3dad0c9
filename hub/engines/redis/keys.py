"""What the keys and pub/sub channels of Redis are called. Pure.

`<prefix>.{<partition>}.<kind>.<channel>`: the part in braces alone decides on the slot, so everything of a channel is
in one, whatever characters the channel's name holds. A channel's partition is a hash of its name.
"""

from __future__ import annotations

from binascii import crc_hqx
from typing import Final, NamedTuple

from hub.engines.redis.topology import NUM_SLOTS

MAX_REMEMBERED: Final = 50_000
"""Channels whose names are not put together anew each time; one takes 700 bytes."""


class ChannelKeys(NamedTuple):
    """Everything of one channel.

    Attributes:
        meta: hash: e(poch), b(ase: the offset at which it began), o(ffset of the top), r (incarnation of the server
            that wrote last), v(ersion), w (version epoch).
        log: stream of the publications, `<offset>-0` each.
        outcome: of one idempotency key, which is appended to it.
        clients, leases, users: presence: hash of infos, zset of when they end, hash of connections per user.
        doorbell: the pub/sub channel.
    """

    slot: int
    meta: bytes
    log: bytes
    outcome: bytes
    clients: bytes
    leases: bytes
    users: bytes
    doorbell: bytes


class Keys:
    """All names under one prefix."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._channels: dict[str, ChannelKeys] = {}

    def of(self, channel: str) -> ChannelKeys:
        keys = self._channels.get(channel)
        if keys is None:
            if len(self._channels) >= MAX_REMEMBERED:
                self._channels.clear()
            keys = self._channels[channel] = self._put_together(channel)
        return keys

    def system(self, name: str) -> ChannelKeys:
        """Keys of the engine's own, which no channel shares."""
        return _named(f"{self._prefix}.{{@{name}}}", name)

    def canary(self, nonce: str) -> bytes:
        """A pub/sub channel that is never sharded."""
        return f"{self._prefix}.canary.{nonce}".encode()

    def _put_together(self, channel: str) -> ChannelKeys:
        partition = crc_hqx(channel.encode(), 0) % NUM_SLOTS
        return _named(f"{self._prefix}.{{{partition}}}", channel)


def _named(stem: str, channel: str) -> ChannelKeys:
    def key(kind: str) -> bytes:
        return f"{stem}.{kind}.{channel}".encode()

    outcome = f"{stem}.k.{len(channel)}.{channel}.".encode()  # the length: channel and key must not run into each other
    slot = slot_of(stem.encode())
    return ChannelKeys(slot, key("m"), key("s"), outcome, key("p"), key("pe"), key("pu"), key("c"))


def slot_of(key: bytes) -> int:
    """The slot of a key in a cluster: of what is between its first braces, if there is anything."""
    start = key.find(b"{")
    if start >= 0:
        end = key.find(b"}", start + 1)
        if end > start + 1:
            key = key[start + 1 : end]
    return crc_hqx(key, 0) % NUM_SLOTS
