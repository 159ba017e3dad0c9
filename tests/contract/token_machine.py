"""Refresh tokens against a model: which of all that were ever issued gives what, or ends its session."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sessions.identifiers import new_id
from sessions.login_sessions import DeviceInfo
from sessions.refusal import Refusal

if TYPE_CHECKING:
    import asyncio

    from sessions.login_sessions import Tokens
    from tests.support.session_world import SessionNode, SessionWorld

GRACE_S, IDLE_S, ABSOLUTE_S, LEEWAY_S = 10, 1_000, 3_000, 5

picks = st.integers(0, 1_000)


@dataclass
class Family:
    """A session as the model has it: its tokens in the order of their issue, and when each was used."""

    sid: str
    device: str
    ends_s: float
    last_s: float
    tokens: list[str]
    used_s: list[float] = field(default_factory=list)
    is_over: bool = False

    def is_dead(self, now_s: float) -> bool:
        return self.is_over or now_s >= self.ends_s


class TokenMachine(RuleBasedStateMachine):
    """Two nodes on one database; tabs and thieves present whatever they have kept."""

    def __init__(self, runner: asyncio.Runner, world: SessionWorld, nodes: list[SessionNode]) -> None:
        super().__init__()
        self.runner = runner
        self.world = world
        self.nodes = nodes
        self.user = new_id()
        self.families: list[Family] = []
        self.access: list[tuple[str, Family, float]] = []

    @property
    def now_s(self) -> float:
        return self.world.clock.now_s()

    def node(self, pick: int) -> SessionNode:
        return self.nodes[pick % len(self.nodes)]

    @initialize()
    def begin(self) -> None:
        self.log_in(0)

    @rule(pick=picks)
    def log_in(self, pick: int) -> None:
        device = f"device-{len(self.families)}"
        tokens = self.runner.run(self.node(pick).log_in(self.user, DeviceInfo(device)))
        ends_s = self.now_s + min(IDLE_S, ABSOLUTE_S)
        family = Family(tokens.session.id, device, ends_s, self.now_s + ABSOLUTE_S, [tokens.refresh_token])
        self.families.append(family)
        self.note(tokens, family)

    @rule(pick=picks, whose=picks, which=picks, says_device=st.booleans())
    def refresh(self, pick: int, whose: int, which: int, says_device: bool) -> None:
        """Any token that was ever issued, the latest ones more often."""
        family = self.families[whose % len(self.families)]
        number = max(0, len(family.tokens) - 1 - which % 4) if which % 3 else which % len(family.tokens)
        self.present(pick, family, number, family.device if says_device else "")

    @rule(pick=picks, whose=picks, which=picks)
    def refresh_from_another_device(self, pick: int, whose: int, which: int) -> None:
        family = self.families[whose % len(self.families)]
        self.present(pick, family, which % len(family.tokens), "another-device")

    @rule(whose=picks, count=st.integers(2, 6))
    def refresh_in_tabs(self, whose: int, count: int) -> None:
        family = self.families[whose % len(self.families)]
        latest = len(family.tokens) - 1
        for tab in range(count):
            self.present(tab, family, latest, family.device)

    @rule(seconds=st.sampled_from([0.5, 1, 3, GRACE_S, GRACE_S + 1, 60, 100, IDLE_S - 1, IDLE_S]))
    def pass_time(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    @rule(pick=picks, whose=picks)
    def revoke(self, pick: int, whose: int) -> None:
        family = self.families[whose % len(self.families)]
        outcome = self.outcome(self.node(pick).sessions.revoke(self.user, family.sid, "revoked", actor=self.user))
        assert outcome == ("not_found" if family.is_dead(self.now_s) else None)
        family.is_over = True

    @rule(pick=picks, whose=picks, which=picks)
    def log_out(self, pick: int, whose: int, which: int) -> None:
        family = self.families[whose % len(self.families)]
        token = family.tokens[which % len(family.tokens)]
        self.runner.run(self.node(pick).sessions.revoke_by_refresh_token(token, "logout", address=""))
        family.is_over = True

    @rule()
    def hear(self) -> None:
        """What one node has ended, the other learns from the database."""
        for node in self.nodes:
            self.runner.run(node.sessions._feed.poll())

    @invariant()
    def the_live_sessions_are_those_of_the_model(self) -> None:
        listed = self.runner.run(self.nodes[0].sessions.list(self.user)) if self.families else []
        expected = {family.sid for family in self.families if not family.is_dead(self.now_s)}
        assert {session.id for session, _ in listed} == expected

    @rule()
    def access_tokens_say_the_truth(self) -> None:
        self.hear()
        for token, family, expires_s in self.access[-20:]:
            expected = "session_revoked" if family.is_over else None
            if self.now_s >= expires_s + LEEWAY_S:
                expected = "token_expired"
            assert self.outcome(self.nodes[0].sessions.authenticate(token)) == expected

    # --- the model --------------------------------------------------------------------------------------------------

    def present(self, pick: int, family: Family, number: int, device: str) -> None:
        node = self.node(pick)
        work = node.sessions.refresh(family.tokens[number], device_id=device, address="")
        expected = self.expected(family, number, device)
        if expected is None:
            assert self.outcome(work) == "refresh_token_invalid", "a dead or stolen token was good for something"
            return
        tokens = self.runner.run(work)
        if expected == "":
            assert tokens.refresh_token not in family.tokens
            family.tokens.append(tokens.refresh_token)
        else:
            assert tokens.refresh_token == expected
        assert tokens.session.id == family.sid
        self.note(tokens, family)

    def expected(self, family: Family, number: int, device: str) -> str | None:
        """The token that must come: "" for a new one, None for a refusal. What that does to the family is done."""
        if family.is_dead(self.now_s):
            return None
        is_stolen = device not in ("", family.device)
        is_used = number < len(family.used_s)
        if is_stolen or (is_used and self.now_s - family.used_s[number] > GRACE_S):
            family.is_over = True
            return None
        if is_used:
            return family.tokens[-1] if device else None
        family.used_s.append(self.now_s)
        family.ends_s = min(self.now_s + IDLE_S, family.last_s)
        return ""

    def note(self, tokens: Tokens, family: Family) -> None:
        self.access.append((tokens.access_token, family, self.now_s + tokens.expires_in_s))

    def outcome(self, work: Any) -> str | None:
        try:
            self.runner.run(work)
        except Refusal as refusal:
            return refusal.code
        return None
