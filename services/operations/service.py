"""Operations: the door to what administrators and operators see and do. REST comes in here.

Whoever calls has asked for permission before. What is done is in the audit trail first: nothing happens without an
entry, and an entry may be of something that then failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from hub.control_operations import DisconnectUser
from hub.protocol import codes
from services.operations import channel_views, letters, questions
from services.operations.asking import ask, head_and_items, items, refusing
from services.operations.local_node import node_view
from services.operations.trace_merging import in_order, matches, merged
from services.operations.views import (
    ChannelDetailView,
    ChannelsView,
    ConnectionsView,
    ConnectionView,
    DeadLettersView,
    HistoryView,
    LettersDoneView,
    LogLine,
    LogsView,
    NodesView,
    NodeView,
    PublishedView,
    RelaysView,
    RelayView,
    SettingsView,
    SpanView,
    TraceSummary,
    TracesView,
    TraceView,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.hub import Hub
    from services.operations.ports import DeadLetterOffice, SettingsReader
    from services.operations.questions import ConnectionsWanted, LinesWanted
    from services.operations.trace_merging import TraceFilter
    from services.operations.views import Disconnection, Letters, TestPublication
    from sessions.audit import Audit
    from sessions.login_sessions import LoginSessions
    from sessions.principal import Principal


MAX_IDS_RECORDED: Final = 20


class Actor(NamedTuple):
    """Who does it, and from where: what the audit trail tells."""

    principal: Principal
    address: str


class Operations:
    """Asks all nodes, and acts on all of them.

    Everything raises EngineUnavailable, and Refusal LIMITED when too much is asked at once; what is recorded raises
    StorageUnavailable.
    """

    def __init__(  # what it is put together from
        self,
        hub: Hub,
        sessions: LoginSessions,
        audit: Audit,
        letter_office: DeadLetterOffice,
        settings_reader: SettingsReader,
    ) -> None:
        self._hub = hub
        self._sessions = sessions
        self._audit = audit
        self._office = letter_office
        self._settings = settings_reader

    # --- seeing -----------------------------------------------------------------------------------------------------

    async def nodes(self) -> NodesView:
        """All nodes whose lease holds, by name; the silent ones as they have announced themselves last."""
        await self._hub.announce()
        heard = await ask(self._hub, questions.NODE, lambda chunks: msgspec.json.decode(chunks[0], type=NodeView))
        known = await self._hub.engine.nodes()
        nodes = [heard.answers.get(node.uid) or node_view(node, is_silent=True) for node in known]
        return NodesView(sorted(nodes, key=lambda node: (node.name, node.uid)), self._hub.uid)

    async def connections(self, wanted: ConnectionsWanted) -> ConnectionsView:
        """The newest that match."""
        heard = await ask(self._hub, questions.CONNECTIONS, head_and_items(int, ConnectionView), wanted)
        total, found = 0, list[ConnectionView]()
        for count, listed in heard.answers.values():
            total += count
            found += listed
        found.sort(key=lambda view: (view.connected_ms, view.client), reverse=True)
        return ConnectionsView(found[: wanted.limit], total, heard.silent)

    async def channels(self, pattern: str, limit: int) -> ChannelsView:
        return await channel_views.list_channels(self._hub, pattern, limit)

    async def channel(self, name: str) -> ChannelDetailView:
        return await channel_views.describe_channel(self._hub, name)

    async def relays(self) -> RelaysView:
        """Of all nodes, by name."""
        heard = await ask(self._hub, questions.RELAYS, items(RelayView))
        relays = [relay for listed in heard.answers.values() for relay in listed]
        return RelaysView(sorted(relays, key=lambda relay: (relay.kind, relay.name, relay.node_name)), heard.silent)

    async def traces(self, wanted: TraceFilter, limit: int) -> TracesView:
        heard = await ask(self._hub, questions.TRACES, head_and_items(bool, TraceSummary))
        is_enabled, summaries = False, list[TraceSummary]()
        for follows, listed in heard.answers.values():
            is_enabled |= follows
            summaries += listed
        found = [summary for summary in merged(summaries) if matches(summary, wanted)]
        return TracesView(found[:limit], is_enabled, heard.silent)

    async def trace(self, trace_id: str) -> TraceView:
        """All spans that are still known; none is no failure: the trace may be forgotten, or on its way."""
        heard = await ask(self._hub, questions.TRACE, items(SpanView), trace_id)
        spans = [span for listed in heard.answers.values() for span in listed]
        return TraceView(trace_id, in_order(spans), heard.silent)

    async def logs(self, wanted: LinesWanted) -> LogsView:
        heard = await ask(self._hub, questions.LOGS, items(LogLine), wanted)
        lines = [line for listed in heard.answers.values() for line in listed]
        lines.sort(key=lambda line: line.at_ms, reverse=True)
        return LogsView(lines[: wanted.limit], heard.silent)

    def settings(self) -> SettingsView:
        """Of this node: the others may have been told otherwise."""
        return SettingsView(self._settings.settings())

    # --- seeing what users have written -----------------------------------------------------------------------------

    async def history(self, channel: str, limit: int, actor: Actor) -> HistoryView:
        """See `channel_views.read_history`."""
        channel_views.require_open(channel)
        await self._record("channel.history_read", actor, {"channel": channel})
        return await channel_views.read_history(self._hub, channel, limit)

    async def dead_letters(self, consumer: str, limit: int, actor: Actor) -> DeadLettersView:
        """See `letters.list_letters`."""
        letters.require_consumer(self._office, consumer)
        await self._record("dead_letters.read", actor, {"consumer": consumer})
        return await letters.list_letters(self._office, consumer, limit)

    # --- doing ------------------------------------------------------------------------------------------------------

    async def disconnect(self, wanted: Disconnection, actor: Actor) -> None:
        """Close one connection, wherever it is; one that is gone is no failure."""
        how = codes.FORCE_RECONNECT if wanted.can_reconnect else codes.FORCE_DISCONNECT
        detail = {"client": wanted.client, "code": how.code}
        await self._record("connection.disconnected", actor, detail, subject=wanted.user)
        with refusing():
            await self._hub.control.perform(
                DisconnectUser(user=wanted.user, client=wanted.client, code=how.code, reason=how.reason)
            )

    async def revoke_session(self, sid: str, actor: Actor) -> None:
        """End a login session of anybody's. The sessions write the audit trail themselves.

        Raises:
            Refusal: NOT_FOUND.
        """
        session = await self._sessions.find(sid)
        await self._sessions.revoke(
            session.user_id, sid, "administrator", actor=actor.principal.user, address=actor.address
        )

    async def publish(self, wanted: TestPublication, actor: Actor) -> PublishedView:
        """See `channel_views.publish_for_test`."""
        channel_views.require_open(wanted.channel)
        detail = {"channel": wanted.channel, "num_bytes": len(bytes(wanted.data))}
        await self._record("channel.published", actor, detail)
        return await channel_views.publish_for_test(self._hub, wanted)

    async def replay_letters(self, consumer: str, which: Letters, actor: Actor) -> LettersDoneView:
        """Give dead letters back to their consumer."""
        await self._record_letters("dead_letters.replayed", consumer, which, actor)
        return LettersDoneView(await letters.replay_letters(self._office, consumer, which))

    async def remove_letters(self, consumer: str, which: Letters, actor: Actor) -> LettersDoneView:
        """Forget dead letters for good."""
        await self._record_letters("dead_letters.removed", consumer, which, actor)
        return LettersDoneView(await letters.remove_letters(self._office, consumer, which))

    # --- within -----------------------------------------------------------------------------------------------------

    async def _record_letters(self, action: str, consumer: str, which: Letters, actor: Actor) -> None:
        ids = letters.chosen(which)
        letters.require_consumer(self._office, consumer)
        told: dict[str, object] = {"letters": "all"}
        if ids is not None:
            told = {"letters": ids[:MAX_IDS_RECORDED], "asked": len(ids)}
        await self._record(action, actor, {"consumer": consumer, **told})

    async def _record(self, action: str, actor: Actor, detail: Mapping[str, object], *, subject: str = "") -> None:
        principal = actor.principal
        await self._audit.record_alone(
            action,
            actor=principal.user,
            subject=subject,
            session=principal.sid,
            address=actor.address,
            detail=detail,
        )
