"""What must hold of a history. Pure: a checker reads the lines of a run and names the first that break its promise.

What "lost" means here, precisely. An event is promised once its publisher was told so (HTTP 200, broker confirm,
COMMIT). A promised event is *received* by a client that got it as a publication, live or recovered. When a client is
told `recovered: false` it reads the application's own truth, which has every event that was published so far; what a
client knows from there alone is *resynchronised*: not lost, but counted and reported, for a hub that always said so
would lose nothing and be of no use. It may say so only when something has broken the streams since the client's
position was good (`check_needless_reloads`). Everything else that a client of the event's user does not know in the
end is *lost*, and there must be none.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from tests.lab.history import Fault, Final, Invoke, Logged, Outcome, Parted, Received, Reloaded, Subscribed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.lab.history import AnyOp

    Ops = Sequence[AnyOp]


class Finding(NamedTuple):
    """A broken promise. `op` is where it shows, None where it shows at the end."""

    checker: str
    text: str
    op: AnyOp | None = None


def check_lost(ops: Ops) -> Iterator[Finding]:
    """Every event that was promised is known to every client of its user."""
    known: dict[str, set[str]] = defaultdict(set)
    for op in ops:
        if isinstance(op, Received):
            known[op.client].add(op.event)
        elif isinstance(op, Reloaded):
            known[op.client].update(op.events)
    promised = {op.event for op in ops if isinstance(op, Outcome) and op.result == "ok"}
    clients = _clients_of_users(ops)
    for op in ops:
        if isinstance(op, Invoke) and op.event in promised:
            for client in clients[op.user]:
                if op.event not in known[client]:
                    yield Finding("lost", f"{client} never got {op.event} of {op.key}", op)


def check_unexpected(ops: Ops) -> Iterator[Finding]:
    """Nothing is delivered that nobody has published, nor what was refused."""
    invoked: set[str] = set()
    refused = {op.event for op in ops if isinstance(op, Outcome) and op.result == "fail"}
    for op in ops:
        if isinstance(op, Invoke):
            invoked.add(op.event)
        elif isinstance(op, Received) and op.event not in invoked:
            yield Finding("unexpected", f"{op.client} got {op.event!r}, which nobody has published", op)
        elif isinstance(op, Received) and op.event in refused:
            yield Finding("unexpected", f"{op.client} got {op.event}, which was refused", op)


def check_wrong_user(ops: Ops) -> Iterator[Finding]:
    """Nobody gets what is another's."""
    channels = {op.event: op.channel for op in ops if isinstance(op, Invoke)}
    for op in ops:
        if isinstance(op, Received) and (op.user != op.addressee or op.channel != channels.get(op.event, op.channel)):
            yield Finding("wrong user", f"{op.client} of {op.user} got {op.event} of {op.addressee}", op)


def check_gaps(ops: Ops) -> Iterator[Finding]:
    """Offsets at a client are without gaps, from what it was subscribed at: else it would have been told."""
    for op, position in _with_positions(ops):
        if isinstance(op, Received) and (op.epoch != position.epoch or op.offset > position.offset + 1):
            where = f"{op.epoch}/{op.offset} behind {position.epoch}/{position.offset}"
            yield Finding("silent gap", f"{op.client} got {op.event} at {where}", op)


def check_repeats(ops: Ops) -> Iterator[Finding]:
    """No offset comes twice to one client."""
    for op, position in _with_positions(ops):
        if isinstance(op, Received) and op.epoch == position.epoch and op.offset <= position.offset:
            yield Finding("repeat", f"{op.client} got {op.event} at {op.offset}, having had {position.offset}", op)


def check_partial_recovery(ops: Ops) -> Iterator[Finding]:
    """What is called recovered is in the same epoch, and whole up to what the reply says."""
    for op in ops:
        if isinstance(op, Subscribed) and op.recovered and op.since_epoch not in ("", op.epoch):
            yield Finding("partial recovery", f"{op.client} recovered from {op.since_epoch} into {op.epoch}", op)
    yield from _moved_positions(ops)


def _moved_positions(ops: Ops) -> Iterator[Finding]:
    """A recovered reply has the offset that was asked from, or the top when it gives everything up to it."""
    for op in ops:
        if (
            isinstance(op, Subscribed)
            and op.recovered
            and op.offset
            not in (
                op.since_offset,
                op.since_offset + op.num_publications,
            )
        ):
            text = f"{op.client} asked from {op.since_offset}, got {op.num_publications} and offset {op.offset}"
            yield Finding("partial recovery", text, op)


def check_epochs(ops: Ops) -> Iterator[Finding]:
    """An offset of an epoch is one event's for ever, for all who ever see it: publishers and clients."""
    events: dict[tuple[str, str, int], str] = {}
    for op in ops:
        if isinstance(op, Received) or (isinstance(op, Outcome) and op.offset):
            place = (op.channel, op.epoch, op.offset)
            event = events.setdefault(place, op.event)
            if event != op.event:
                yield Finding("dishonest epoch", f"{place} is {event} and {op.event}", op)


def check_double_publications(ops: Ops) -> Iterator[Finding]:
    """However often an event is sent, it is in its channel once for as long as the epoch lasts."""
    offsets: dict[tuple[str, str], int] = {}
    for op in ops:
        if isinstance(op, Received) or (isinstance(op, Outcome) and op.offset):
            first = offsets.setdefault((op.event, op.epoch), op.offset)
            if first != op.offset:
                yield Finding("published twice", f"{op.event} is at {first} and at {op.offset} of {op.epoch}", op)


def check_order(ops: Ops) -> Iterator[Finding]:
    """Events of one key come in the order in which they were published, after the client's dedupe."""
    invokes = {op.event: op for op in ops if isinstance(op, Invoke)}
    last: dict[tuple[str, str], int] = defaultdict(int)
    known: set[tuple[str, str]] = set()
    for op in ops:
        if isinstance(op, Reloaded):
            for event in op.events:
                known.add((op.client, event))
                key = (op.client, invokes[event].key)
                last[key] = max(last[key], invokes[event].seq)
        elif isinstance(op, Received) and (op.client, op.event) not in known:
            known.add((op.client, op.event))
            if op.seq <= last[op.client, op.key]:
                text = f"{op.client} got {op.seq} of {op.key} behind {last[op.client, op.key]}"
                yield Finding("order", text, op)
            last[op.client, op.key] = max(op.seq, last[op.client, op.key])


def check_duplicates(ops: Ops) -> Iterator[Finding]:
    """The application behind a client is told every event once."""
    told: set[tuple[str, str]] = set()
    for op in ops:
        if isinstance(op, Reloaded):
            told.update((op.client, event) for event in op.events)
        elif isinstance(op, Received) and op.is_new:
            if (op.client, op.event) in told:
                yield Finding("duplicate", f"{op.client} was told {op.event} twice", op)
            told.add((op.client, op.event))


def check_needless_reloads(ops: Ops) -> Iterator[Finding]:
    """A client is told to start anew only if the streams were broken since its epoch was first seen by anybody."""
    first_seen: dict[tuple[str, str], int] = {}
    breaks: list[int] = []
    for index, op in enumerate(ops):
        if isinstance(op, Fault) and op.breaks_streams:
            breaks.append(index)
        elif isinstance(op, Subscribed):
            since = first_seen.get((op.channel, op.since_epoch), index)
            if op.was_recovering and not op.recovered and not any(since < at for at in breaks):
                text = f"{op.client} was not recovered from {op.since_epoch}/{op.since_offset}, and nothing was lost"
                yield Finding("needless reload", text, op)
            first_seen.setdefault((op.channel, op.epoch), index)


def check_logs(ops: Ops) -> Iterator[Finding]:
    """Whatever breaks, nodes reckon with it: none writes a stack trace."""
    for op in ops:
        if isinstance(op, Logged):
            yield Finding("stack trace", f"{op.node}: {op.text}", op)


def check_convergence(ops: Ops) -> Iterator[Finding]:
    """When all is quiet every client stands at the top of its channel."""
    finals = {op.client: op for op in ops if isinstance(op, Final)}
    for op in finals.values():
        if (op.epoch, op.offset) != (op.top_epoch, op.top_offset) or not op.epoch:
            where = f"{op.epoch}/{op.offset}, the channel ends at {op.top_epoch}/{op.top_offset}"
            yield Finding("not converged", f"{op.client} stands at {where}", op)
    for client in {op.client for op in ops if isinstance(op, Subscribed)} - finals.keys():
        yield Finding("not converged", f"{client} was not there in the end")
    if not finals:
        yield Finding("not converged", "the run has no end")


CHECKERS: tuple[Callable[[Ops], Iterator[Finding]], ...] = (
    check_lost,
    check_unexpected,
    check_wrong_user,
    check_gaps,
    check_repeats,
    check_partial_recovery,
    check_epochs,
    check_double_publications,
    check_order,
    check_duplicates,
    check_needless_reloads,
    check_logs,
    check_convergence,
)


def check(ops: Ops) -> list[Finding]:
    """All that is wrong with a run, the earliest first."""
    findings = [finding for checker in CHECKERS for finding in checker(ops)]
    return sorted(findings, key=lambda finding: finding.op.at_s if finding.op is not None else float("inf"))


def summary(ops: Ops) -> dict[str, int]:
    """What a run was made of, so that one in which nothing happened does not pass for one in which nothing broke."""
    counts: Counter[str] = Counter(_labels(ops))
    return {**{name: counts[name] for name in _ALWAYS}, **counts}


_ALWAYS = ("events", "promised", "unknown", "received", "recovered", "dropped as known", "reloads", "resynchronised")


def _labels(ops: Ops) -> Iterator[str]:
    for op in ops:
        match op:
            case Invoke():
                yield "events"
                yield f"events by {op.key.partition('/')[0]}"
            case Outcome():
                yield {"ok": "promised", "fail": "refused", "info": "unknown"}[op.result]
            case Received():
                yield "received"
                yield from ["recovered"] * (op.how == "recovered") + ["dropped as known"] * (not op.is_new)
            case Reloaded(why="unrecovered"):
                yield "reloads"
            case Subscribed(was_recovering=True):
                yield "recoveries"
            case Logged():
                yield "stack traces"
            case Parted(what="subscription"):
                yield "told of insufficient state"
            case Fault(phase="begin"):
                yield "faults"
            case _:
                pass
    yield from ["resynchronised"] * _num_resynchronised(ops)


def _num_resynchronised(ops: Ops) -> int:
    """Promised events that a client knows only because it was told to start anew, clients added up."""
    promised = {op.event for op in ops if isinstance(op, Outcome) and op.result == "ok"}
    received = {(op.client, op.event) for op in ops if isinstance(op, Received)}
    reloads = {why: _reloaded(ops, why) for why in ("first", "unrecovered")}
    only_by_reload = reloads["unrecovered"] - reloads["first"] - received
    return sum(event in promised for _, event in only_by_reload)


def _reloaded(ops: Ops, why: str) -> set[tuple[str, str]]:
    return {(op.client, event) for op in ops if isinstance(op, Reloaded) and op.why == why for event in op.events}


def _clients_of_users(ops: Ops) -> dict[str, set[str]]:
    """Clients that were subscribed; a client that never was is found by `check_convergence`."""
    clients: dict[str, set[str]] = defaultdict(set)
    for op in ops:
        if isinstance(op, Received | Final):
            clients[op.user].add(op.client)
    return clients


class _Position(NamedTuple):
    epoch: str = ""
    offset: int = 0


def _with_positions(ops: Ops) -> Iterator[tuple[AnyOp, _Position]]:
    """Every line with where its client stood just before it."""
    positions: dict[str, _Position] = {}
    for op in ops:
        yield op, positions.get(getattr(op, "client", ""), _Position())
        if isinstance(op, Subscribed):
            positions[op.client] = _Position(op.epoch, op.since_offset if op.recovered else op.offset)
        elif isinstance(op, Received):
            positions[op.client] = _Position(op.epoch, op.offset)
