"""How publications become a call of the publish script. Hot: this is most of what a publication costs here."""

from __future__ import annotations

import secrets
from itertools import count
from string import ascii_letters
from typing import TYPE_CHECKING, Final

from hub.engines.redis.buses import Argument, Call
from hub.engines.redis.envelopes import encode
from hub.engines.redis.scripts import PUBLISH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.engine import PublishOptions
    from hub.engines.redis.keys import ChannelKeys
    from hub.protocol.messages import Publication


OWN_KEY_TTL_MS: Final = 10_000
"""How long a publication that came without an idempotency key can be told from its own repetition, which is due within
`io_timeout_s`."""

MAX_PLAIN: Final = 256
"""Publish options whose arguments are not put together anew each time."""


class PublishCalls:
    """Makes the calls.

    Args:
        verb: PUBLISH or SPUBLISH.
        meta_ttl_ms: where options name none.
    """

    def __init__(self, verb: bytes, meta_ttl_ms: int) -> None:
        self._verb = verb
        self._meta_ttl_ms = meta_ttl_ms
        self._nonce = "".join(secrets.choice(ascii_letters) for _ in range(10))
        self._number = count(1)
        self._plain: dict[
            int, tuple[PublishOptions, bytes]
        ] = {}  # by identity, which holds as long as they are in here

    def fresh(self) -> str:
        """What nobody has used: an epoch, a key. The same nonce twice, of 52^10, would have to meet the same number."""
        return f"{self._nonce}{next(self._number):x}"

    def one(self, keys: ChannelKeys, publication: Publication, options: PublishOptions) -> Call:
        outcome, payload, how = self._entry(keys, publication, options)
        args = (self._verb, keys.doorbell, self.fresh(), payload, how)
        return Call(PUBLISH, keys.slot, (keys.meta, keys.log, outcome), args, True)

    def several(self, keys: ChannelKeys, entries: Sequence[tuple[Publication, PublishOptions]]) -> Call:
        script_keys = [keys.meta, keys.log]
        args: list[Argument] = [self._verb, keys.doorbell, self.fresh()]
        for publication, options in entries:
            outcome, payload, how = self._entry(keys, publication, options)
            script_keys.append(outcome)
            args += (payload, how)
        return Call(PUBLISH, keys.slot, tuple(script_keys), tuple(args), True)

    def _entry(
        self, keys: ChannelKeys, publication: Publication, options: PublishOptions
    ) -> tuple[bytes, bytes, bytes]:
        """The key of its outcome, and its arguments."""
        publication.offset = 0
        key = options.idempotency_key
        if key:
            return keys.outcome + key.encode(), encode(publication), self._how(options)
        known = self._plain.get(id(options))
        how = known[1] if known is not None and known[0] is options else self._remember(options)
        return keys.outcome + self.fresh().encode(), encode(publication), how

    def _remember(self, options: PublishOptions) -> bytes:
        """Options without a key are those of a namespace, the same object each time (hub.publishing)."""
        if len(self._plain) >= MAX_PLAIN:
            self._plain.clear()
        how = self._how(options)
        self._plain[id(options)] = options, how
        return how

    def _how(self, options: PublishOptions) -> bytes:
        key_ttl_ms = milliseconds(options.idempotency_ttl_s) if options.idempotency_key else OWN_KEY_TTL_MS
        meta_ttl_ms = milliseconds(options.history_meta_ttl_s) or self._meta_ttl_ms
        return (
            f"{options.history_size} {milliseconds(options.history_ttl_s)} {meta_ttl_ms} {key_ttl_ms} "
            f"{options.version} {options.version_epoch}"
        ).encode()


def milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
