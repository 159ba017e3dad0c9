"""A device's replica of one document: docs/sessions.md section 6, step by step, without any I/O.

It is a model for the server's tests: it shares no code with the server, and applies patches by other means.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from tests.support.json_patching import ABSENT, DoesNotApply, mutated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.support.clock import FakeClock

FORGOTTEN_AFTER_S = 23 * 3600
"""From then on the server may have forgotten a mutation id; an hour early, because clocks differ."""

NO_VERSION = 2**53 - 1
"""As `base_version`: a version that no document has. A mutation that is known is answered, any other conflicts."""

Need = Literal["", "state.changes", "state.get"]


@dataclass
class Edit:
    """One edit of the user's, until it is in `confirmed`.

    Attributes:
        number: names the edit itself, through all ids that it is tried under.
        update: makes the patch of a guarded edit from a value; lost at a reload.
        base: (epoch, version) it was first sent against.
        acknowledged: the version at which it was applied, while `confirmed` is not so far yet.
    """

    number: int
    id: str
    kind: str
    patch: Any
    update: Callable[[Any], Any] | None = None
    is_guarded: bool = False
    is_sent: bool = False
    sent_at_s: float = 0
    base: tuple[str, int] = ("", 0)
    is_uncertain: bool = False
    acknowledged: int = 0


@dataclass(frozen=True)
class Request:
    """What the replica wants to ask, on the connection of that number."""

    connection: int
    method: str
    data: dict[str, Any]
    edit: int = -1


@dataclass(frozen=True)
class Failure:
    """An error instead of an answer."""

    code: int
    is_temporary: bool


@dataclass
class Replica:
    """One document on one device."""

    key: str
    clock: FakeClock
    new_id: Callable[[], str]
    epoch: str = ""
    version: int = 0
    value: Any = ABSENT
    queue: list[Edit] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)
    connection: int = 0
    is_connected: bool = False
    heard: int = 0  # the highest version it was told of
    has_heard_otherwise: bool = False  # another epoch was published since the server was last asked
    need: Need = ""
    catching_up: Request | None = None
    sending: Request | None = None

    # --- the user ---------------------------------------------------------------------------------------------------

    @property
    def shown(self) -> Any:
        value = self.value
        for edit in self.queue:
            try:
                value = mutated(value, edit.kind, edit.patch)
            except DoesNotApply:
                continue
        return value

    def edit(self, number: int, kind: str, patch: Any) -> None:
        self.queue.append(Edit(number, self.new_id(), kind, patch))

    def update(self, number: int, update: Callable[[Any], Any]) -> None:
        """A guarded edit: `update` makes a merge patch from what is there."""
        self.queue.append(Edit(number, "", "merge", update(self.shown), update, is_guarded=True))

    # --- the connection ---------------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Subscribed anew, and what was missed was not recovered."""
        self.connection += 1
        self.is_connected = True
        self.need = "state.changes" if self.epoch else "state.get"

    def cut(self) -> None:
        self.is_connected = False
        self.catching_up = self.sending = None

    @property
    def is_idle(self) -> bool:
        return not (self.queue or self.need or self.catching_up or self.sending)

    def requests(self) -> list[Request]:
        """What is to be asked now; asking for it again gives no more."""
        if not self.is_connected:
            return []
        made: list[Request] = []
        if self.need and self.catching_up is None:
            self.catching_up = self._request(self.need, since=self.version)
            self.has_heard_otherwise = False
            made.append(self.catching_up)
        if self.queue and not self.need and not self.catching_up and not self.sending:
            self.sending = self._send(self.queue[0])
            made.append(self.sending)
        return made

    def on_answer(self, request: Request, answer: dict[str, Any] | Failure) -> None:
        if request.connection != self.connection or not self.is_connected:
            return
        if request is self.catching_up:
            self.catching_up = None
            self._on_caught_up(request, answer)
        elif request is self.sending:
            self.sending = None
            self._on_sent(request, answer)

    def on_publication(self, change: dict[str, Any]) -> None:
        if not self.is_connected:
            return
        if change["epoch"] != self.epoch:
            self.need, self.has_heard_otherwise = "state.get", True
        else:
            self._take(change)

    # --- sending ----------------------------------------------------------------------------------------------------

    def _send(self, edit: Edit) -> Request:
        if not edit.is_sent:
            self._seal(edit)
        elif self.clock.now_s() - edit.sent_at_s > FORGOTTEN_AFTER_S:
            edit.is_uncertain = True
        data: dict[str, Any] = {"mutation": edit.id}
        if edit.kind == "replace":
            data["value"] = edit.patch
        elif edit.kind != "remove":
            data["patch"] = edit.patch
        if edit.is_guarded or edit.is_uncertain:
            epoch, version = edit.base
            data["base_version"] = version if epoch == self.epoch else NO_VERSION
        return self._request(f"state.{edit.kind}", edit=edit.number, **data)

    def _seal(self, edit: Edit) -> None:
        """From here on its content does not change while its outcome is unknown."""
        if edit.update is not None:
            edit.patch = edit.update(self.value)
            edit.id = self.new_id()
        edit.id = edit.id or self.new_id()
        edit.is_sent, edit.sent_at_s, edit.base = True, self.clock.now_s(), (self.epoch, self.version)

    def _on_sent(self, request: Request, answer: dict[str, Any] | Failure) -> None:
        edit = next((edit for edit in self.queue if edit.number == request.edit), None)
        if edit is None:  # a publication was quicker
            return
        if isinstance(answer, Failure):
            if not answer.is_temporary:
                self._reject(edit)
        elif "conflict" in answer:
            self._install(answer["conflict"])
            if edit in self.queue:
                self._rebase(edit)
        elif answer["epoch"] != self.epoch:
            self.queue.remove(edit)
            self.need = "state.get"
        else:
            self._acknowledge(edit, answer["version"])

    def _acknowledge(self, edit: Edit, version: int) -> None:
        if version > self.version + 1:
            edit.acknowledged = version
            self._hear(version)
            return
        if version == self.version + 1:
            self.version, self.value = version, mutated(self.value, edit.kind, edit.patch)
        self.queue.remove(edit)
        self._hear(version)

    def _rebase(self, edit: Edit) -> None:
        """It was not applied; unless the server may have forgotten that it was."""
        if edit.is_uncertain:
            self._reject(edit)
        else:
            edit.is_sent = False

    def _reject(self, edit: Edit) -> None:
        self.queue.remove(edit)
        self.rejected.append(edit.number)

    # --- receiving --------------------------------------------------------------------------------------------------

    def _take(self, change: dict[str, Any]) -> None:
        """A publication or a change of the log."""
        version = change["version"]
        if version > self.version + 1:
            self._hear(version)
            return
        if version == self.version + 1:
            try:
                self.value = mutated(self.value, change["kind"], change.get("patch"))
            except DoesNotApply:
                self.need = "state.get"
                return
            self.version = version
        self._drop(change["mutation"])
        self._hear(version)

    def _on_caught_up(self, request: Request, answer: dict[str, Any] | Failure) -> None:
        if isinstance(answer, Failure):
            return
        if request.method == "state.get":
            self._install(answer)
        elif answer["epoch"] != self.epoch or not answer["complete"]:
            self.need = "state.get"
        else:
            self.need = ""
            for change in answer["changes"]:
                self._take(change)
            self._hear(answer["version"])
        if self.has_heard_otherwise and not self.need:  # it may be of this epoch, and later than the answer
            self.need = "state.changes"

    def _install(self, document: dict[str, Any]) -> None:
        is_new_epoch = document["epoch"] != self.epoch
        if is_new_epoch:
            self.heard = 0
            for edit in self.queue:
                edit.acknowledged = 0
        if is_new_epoch or document["version"] > self.version:
            self.epoch, self.version = document["epoch"], document["version"]
            self.value = document.get("value", ABSENT)
        self.need = ""
        self._hear(document["version"])

    def _hear(self, version: int) -> None:
        """The document has been at this version: is the replica?"""
        self.heard = max(self.heard, version)
        self.queue = [edit for edit in self.queue if not 0 < edit.acknowledged <= self.version]
        if self.heard > self.version and not self.need:
            self.need = "state.changes"

    def _drop(self, mutation: str) -> None:
        self.queue = [edit for edit in self.queue if edit.id != mutation]

    def _request(self, method: str, *, edit: int = -1, **data: Any) -> Request:
        known = {"key": self.key, **data}
        if method == "state.get":
            known.pop("since", None)
        return Request(self.connection, method, known, edit)

    # --- the disk ---------------------------------------------------------------------------------------------------

    def stored(self) -> str:
        """What it keeps across reloads."""
        queue = [asdict(replace(edit, update=None)) for edit in self.queue]
        is_there = self.value is not ABSENT
        return json.dumps([self.epoch, self.version, is_there, self.value if is_there else None, queue])

    def reloaded(self) -> Replica:
        """The same device after a reload: functions and the connection are gone."""
        epoch, version, is_there, value, queue = json.loads(self.stored())
        return Replica(
            self.key,
            self.clock,
            self.new_id,
            epoch,
            version,
            value if is_there else ABSENT,
            list(_loaded(queue)),
            self.rejected,
            self.connection,
        )


def _loaded(queue: list[dict[str, Any]]) -> Iterable[Edit]:
    for edit in queue:
        yield Edit(**(edit | {"base": tuple(edit["base"])}))
