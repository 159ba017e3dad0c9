"""How a publication enters: checked, given its channel's options, handed to the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import UNSET, Raw, UnsetType

from hub.acknowledgements import ACK_TAG
from hub.channels import namespace_of
from hub.engine import PublishOptions, PublishOutcome
from hub.errors import ReplyError
from hub.payload import clean_payload
from hub.protocol.codes import BAD_REQUEST
from hub.protocol.messages import Publication
from hub.tracing import CURRENT, UNSAMPLED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.config import ChannelOptions
    from hub.hub import Hub
    from hub.protocol.messages import ClientInfo
    from hub.publication_traces import Sending

    Prepared = tuple[Publication, PublishOptions]


class How(NamedTuple):
    """What a publisher may ask for beyond its channel's options.

    Attributes:
        skip_history: live only: the publication is not kept and has no offset.
        idempotency_key, version, version_epoch: see hub.engine.PublishOptions.
        idempotency_ttl_s: how long the key is remembered; 0 for as long as the hub does by itself.
    """

    skip_history: bool = False
    idempotency_key: str = ""
    version: int = 0
    version_epoch: str = ""
    idempotency_ttl_s: float = 0


PLAINLY = How()


class Item(NamedTuple):
    """One of several publications; `data` has passed `hub.payload`."""

    data: Raw
    tags: dict[str, str] | UnsetType = UNSET
    how: How = PLAINLY


class Publishing:
    """The only way into the engine for publications, whoever publishes."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        # Keyed by identity: the options live as long as the configuration, and hashing their 25 fields per
        # publication would cost more than the publication.
        self._plain: dict[int, PublishOptions] = {}

    async def publish(
        self,
        channel: str,
        data: bytes | Raw,
        *,
        info: ClientInfo | UnsetType = UNSET,
        tags: dict[str, str] | UnsetType = UNSET,
        how: How = PLAINLY,
    ) -> PublishOutcome:
        """Publish one JSON value to a channel; when it returns, the publication is stored and on its way.

        Args:
            data: one valid JSON value (decoders have seen to that); as Raw it has passed clean_payload already.

        Raises:
            ReplyError: 102 unknown namespace; 107 bad channel name or data the namespace refuses.
            EngineUnavailable: no answer in time; repeat with the same idempotency key.
        """
        raw = data if type(data) is Raw else clean_payload(bytes(data))
        publication, options = self.prepare(channel, raw, tags, how, info)
        hub = self._hub
        traces = hub.traces
        # The usual request that is not followed is told from the others here: a call would cost as much as the rest.
        if traces is None or (tags is UNSET and CURRENT.get() is UNSAMPLED):
            sending = None
        else:
            sending = traces.begin(channel, publication)
        if traces is None or sending is None:
            outcome = await hub.engine.publish(channel, publication, options)
        else:
            with traces.sending((sending,)):
                outcome = await hub.engine.publish(channel, publication, options)
                sending.accepted(outcome)
        self._count(channel, (outcome,))
        return outcome

    async def publish_many(self, channel: str, items: Sequence[Item]) -> list[PublishOutcome]:
        """Publish to one channel, in this order; all of them are checked before the first is published.

        Raises:
            ReplyError: as `publish`; nothing was published.
            EngineUnavailable: some of the first ones may have been published; repeat all of them, with the same keys.
        """
        return await self.publish_prepared(channel, [self.prepare(channel, *item) for item in items])

    def prepare(
        self,
        channel: str,
        data: Raw,
        tags: dict[str, str] | UnsetType = UNSET,
        how: How = PLAINLY,
        info: ClientInfo | UnsetType = UNSET,
    ) -> Prepared:
        """Check one publication and give it the options of its channel; nothing is published.

        Args:
            data: one JSON value that has passed `hub.payload`.

        Raises:
            ReplyError: as `publish`.
        """
        options = self._hub.channels.options(channel)
        if options.publication_data_format == "json_object" and bytes(data).lstrip()[:1] != b"{":
            raise ReplyError(BAD_REQUEST)
        if how is PLAINLY:
            engine_options = self._plain.get(id(options)) or self._remember(options)
        else:
            engine_options = self._options(options, how)
        return Publication(data, info, 0, _published_tags(tags) if tags else UNSET), engine_options

    async def publish_prepared(self, channel: str, prepared: Sequence[Prepared]) -> list[PublishOutcome]:
        """`publish_many` of what `prepare` has made for this channel. Each may be handed over once."""
        hub = self._hub
        if hub.traces is None or (sendings := hub.traces.begin_all(channel, prepared)) is None:
            outcomes = await hub.engine.publish_many(channel, prepared)
        else:
            with hub.traces.sending(sendings):
                outcomes = await hub.engine.publish_many(channel, prepared)
                _accept(sendings, prepared, outcomes)
        self._count(channel, outcomes)
        return outcomes

    def _count(self, channel: str, outcomes: Sequence[PublishOutcome]) -> None:
        counters = self._hub.counters
        num_suppressed = 0
        for outcome in outcomes:  # a generator would cost as much as the engine's work on one publication
            num_suppressed += outcome.is_suppressed
        num_published = len(outcomes) - num_suppressed
        counters.publications_suppressed += num_suppressed
        counters.publications += num_published
        self._hub.namespaces.publications[namespace_of(channel)] += num_published

    def _remember(self, options: ChannelOptions) -> PublishOptions:
        plain = self._plain[id(options)] = self._options(options, PLAINLY)
        return plain

    def _options(self, options: ChannelOptions, how: How) -> PublishOptions:
        keeps_history = options.has_history and not how.skip_history
        return PublishOptions(
            history_size=options.history_size if keeps_history else 0,
            history_ttl_s=options.history_ttl_s if keeps_history else 0,
            history_meta_ttl_s=self._hub.channels.history_meta_ttl_s(options),
            idempotency_key=how.idempotency_key,
            idempotency_ttl_s=how.idempotency_ttl_s or self._hub.config.idempotent_result_ttl_s,
            version=how.version,
            version_epoch=how.version_epoch,
        )


def _published_tags(tags: dict[str, str]) -> dict[str, str] | UnsetType:
    """Without the one by which a node asks its own clients for something."""
    return {name: value for name, value in tags.items() if name != ACK_TAG} or UNSET if ACK_TAG in tags else tags


def _accept(sendings: Sequence[Sending], prepared: Sequence[Prepared], outcomes: Sequence[PublishOutcome]) -> None:
    """Tell those that are followed what has become of them; they stand in the order of the batch."""
    waiting = iter(sendings)
    sending = next(waiting, None)
    for (publication, _), outcome in zip(prepared, outcomes, strict=True):
        if sending is not None and sending.publication is publication:
            sending.accepted(outcome)
            sending = next(waiting, None)
