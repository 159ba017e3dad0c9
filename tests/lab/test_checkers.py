"""Every checker goes red when its promise is broken, and stays green for a hub that keeps them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab.checkers import CHECKERS, check, summary
from tests.lab.history import Fault, Final, History, Invoke, Logged, Outcome, Received, Reloaded, Subscribed, load, show
from tests.lab.model_run import ModelRun

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.lab.history import AnyOp

    Plant = Callable[[list[AnyOp]], list[AnyOp]]

AnOp = TypeVar("AnOp", Invoke, Outcome, Subscribed, Received, Reloaded, Fault, Final)

SEED = 4


def run(seed: int = SEED) -> list[AnyOp]:
    return ModelRun(seed).ops()


@given(st.integers())
def test_a_hub_that_keeps_its_promises_is_not_blamed(seed: int) -> None:
    ops = run(seed)
    assert check(ops) == []
    assert summary(ops)["received"] > 0


def test_the_model_run_has_something_of_everything() -> None:
    counted = summary(run())
    assert {"reloads", "recovered", "unknown", "refused", "resynchronised", "faults"} <= {
        k for k, v in counted.items() if v
    }


# --- planted bugs ---------------------------------------------------------------------------------------------------


def all_of(ops: list[AnyOp], kind: type[AnOp], **wanted: Any) -> list[AnOp]:
    return [op for op in ops if isinstance(op, kind) and all(getattr(op, k) == v for k, v in wanted.items())]


def changed(ops: list[AnyOp], op: AnyOp, **changes: Any) -> list[AnyOp]:
    index = next(i for i, each in enumerate(ops) if each is op)
    return [*ops[:index], msgspec.structs.replace(op, **changes), *ops[index + 1 :]]


def without(ops: list[AnyOp], *gone: AnyOp) -> list[AnyOp]:
    return [op for op in ops if not any(op is each for each in gone)]


def inserted(ops: list[AnyOp], new: AnyOp, behind: AnyOp) -> list[AnyOp]:
    index = next(i for i, each in enumerate(ops) if each is behind)
    return [*ops[: index + 1], new, *ops[index + 1 :]]


def live(ops: list[AnyOp]) -> Received:
    """A live publication that is followed by another one of the same client, in the same subscription."""
    received = [op for op in ops if isinstance(op, Received | Subscribed)]
    for op in all_of(ops, Received, how="live", is_new=True):
        behind = [each for each in received[received.index(op) + 1 :] if each.client == op.client]
        if behind and isinstance(behind[0], Received) and behind[0].how == "live":
            return op
    raise AssertionError("no such publication in this run")


def acknowledged_event_of_nobody(ops: list[AnyOp]) -> list[AnyOp]:
    """A carrier confirms, and the event is never heard of again."""
    return _appended_event(ops, "ok")


def refused_event_that_comes(ops: list[AnyOp]) -> list[AnyOp]:
    op = live(ops)
    outcome = all_of(ops, Outcome, event=op.event)[0]
    return changed(ops, outcome, result="fail")


def invented_event(ops: list[AnyOp]) -> list[AnyOp]:
    op = live(ops)
    invoke = all_of(ops, Invoke, event=op.event)[0]
    return without(ops, invoke, *all_of(ops, Outcome, event=op.event), *all_of(ops, Reloaded))


def event_of_another_user(ops: list[AnyOp]) -> list[AnyOp]:
    return changed(ops, live(ops), addressee="mallory")


def event_of_another_channel(ops: list[AnyOp]) -> list[AnyOp]:
    return changed(ops, live(ops), channel="private:#mallory")


def publication_that_one_client_missed(ops: list[AnyOp]) -> list[AnyOp]:
    return without(ops, live(ops))


def live_publication_of_a_new_epoch(ops: list[AnyOp]) -> list[AnyOp]:
    op = live(ops)
    return changed(ops, op, epoch="another", offset=1)


def recovery_that_gives_less_and_says_all(ops: list[AnyOp]) -> list[AnyOp]:
    return without(ops, all_of(ops, Received, how="recovered")[0])


def recovery_across_epochs(ops: list[AnyOp]) -> list[AnyOp]:
    return changed(ops, all_of(ops, Subscribed, recovered=True)[0], since_epoch="e0")


def recovery_that_jumps(ops: list[AnyOp]) -> list[AnyOp]:
    op = all_of(ops, Subscribed, recovered=True)[0]
    return changed(ops, op, offset=op.offset + op.num_publications + 3)


def offset_that_comes_twice(ops: list[AnyOp]) -> list[AnyOp]:
    op = live(ops)
    return inserted(ops, msgspec.structs.replace(op, is_new=False), op)


def epoch_that_stays_when_its_events_are_gone(ops: list[AnyOp]) -> list[AnyOp]:
    """The stream restarts at 1 under its old name: two events at one place."""
    last = all_of(ops, Received)[-1]
    first = next(op for op in all_of(ops, Received, channel=last.channel, epoch=last.epoch) if op.event != last.event)
    return changed(ops, last, offset=first.offset)


def acknowledgement_of_another_events_place(ops: list[AnyOp]) -> list[AnyOp]:
    op = live(ops)
    other = next(each for each in all_of(ops, Outcome, result="ok", epoch=op.epoch) if each.event != op.event)
    return changed(ops, all_of(ops, Outcome, event=op.event)[0], channel=other.channel, offset=other.offset)


def retry_that_is_published_again(ops: list[AnyOp]) -> list[AnyOp]:
    op = live(ops)
    return inserted(ops, msgspec.structs.replace(op, offset=op.offset + 1, is_new=False), op)


def newer_before_older(ops: list[AnyOp]) -> list[AnyOp]:
    """Two publications change their contents at one client, and with it at all."""
    op = live(ops)
    received = [each for each in ops if isinstance(each, Received | Subscribed) and each.client == op.client]
    later = received[received.index(op) + 1]
    assert isinstance(later, Received)
    swapped = changed(ops, op, event=later.event, seq=later.seq)
    return changed(swapped, later, event=op.event, seq=op.seq)


def client_that_tells_everything(ops: list[AnyOp]) -> list[AnyOp]:
    op = live(ops)
    again = msgspec.structs.replace(op, offset=op.offset + 1)
    return inserted(ops, again, op)


def recovery_that_is_refused_for_no_reason(ops: list[AnyOp]) -> list[AnyOp]:
    return without(ops, *all_of(ops, Fault))


def node_that_is_surprised(ops: list[AnyOp]) -> list[AnyOp]:
    return [Logged(node="n1", text="KeyError: 'epoch'"), *ops]


def client_that_is_stuck(ops: list[AnyOp]) -> list[AnyOp]:
    op = all_of(ops, Final)[0]
    return changed(ops, op, top_offset=op.top_offset + 1)


def client_that_never_came_back(ops: list[AnyOp]) -> list[AnyOp]:
    return without(ops, all_of(ops, Final)[0])


def run_that_broke_off(ops: list[AnyOp]) -> list[AnyOp]:
    return without(ops, *all_of(ops, Final))


def _appended_event(ops: list[AnyOp], result: Any) -> list[AnyOp]:
    last = all_of(ops, Invoke)[-1]
    invoke = msgspec.structs.replace(last, event="one-more", seq=last.seq + 1)
    return [*ops, invoke, Outcome(event="one-more", result=result)]


PLANTED: dict[Plant, str] = {
    acknowledged_event_of_nobody: "lost",
    refused_event_that_comes: "unexpected",
    invented_event: "unexpected",
    event_of_another_user: "wrong user",
    event_of_another_channel: "wrong user",
    publication_that_one_client_missed: "silent gap",
    live_publication_of_a_new_epoch: "silent gap",
    recovery_that_gives_less_and_says_all: "silent gap",
    recovery_across_epochs: "partial recovery",
    recovery_that_jumps: "partial recovery",
    offset_that_comes_twice: "repeat",
    epoch_that_stays_when_its_events_are_gone: "dishonest epoch",
    acknowledgement_of_another_events_place: "dishonest epoch",
    retry_that_is_published_again: "published twice",
    newer_before_older: "order",
    client_that_tells_everything: "duplicate",
    recovery_that_is_refused_for_no_reason: "needless reload",
    node_that_is_surprised: "stack trace",
    client_that_is_stuck: "not converged",
    client_that_never_came_back: "not converged",
    run_that_broke_off: "not converged",
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_found_by_the_checker_it_belongs_to(plant: Plant) -> None:
    found = {finding.checker for finding in check(plant(run()))}
    assert PLANTED[plant] in found


def test_every_checker_is_tested_by_a_planted_bug() -> None:
    """Each alone: no checker lives on the findings of another."""
    blamed = {finding.checker for plant in PLANTED for finding in check(plant(run()))}
    for checker in CHECKERS:
        names = {finding.checker for plant in PLANTED for finding in checker(plant(run()))}
        assert names, f"{checker.__name__} was never red"
        assert names <= blamed
        assert names & set(PLANTED.values()), checker.__name__


def test_an_event_that_nobody_was_promised_may_be_lost() -> None:
    assert check(_appended_event(run(), "info")) == []


def test_what_a_client_reloaded_is_not_lost_but_counted() -> None:
    ops = run()
    assert summary(ops)["resynchronised"] > 0
    reloads = all_of(ops, Reloaded, why="unrecovered")
    emptied = ops
    for op in reloads:
        emptied = changed(emptied, op, events=[])
    assert "lost" in {finding.checker for finding in check(emptied)}


def test_findings_come_in_the_order_of_the_run() -> None:
    ops = event_of_another_user(client_that_is_stuck(run()))
    assert [finding.checker for finding in check(ops)] == ["wrong user", "not converged"]


def test_a_history_that_was_kept_is_the_same_history(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    with file.open("wb") as lines:
        history = History(lines)
        for op in run():
            history.add(op)
    assert load(file) == history.ops
    assert show(load(file)).encode() + b"\n" == file.read_bytes()
