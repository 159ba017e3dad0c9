"""Questions of one node to all of them, answered within a deadline.

A question goes to every node as a control message, the answers come back to the node that asked. An answer is a
sequence of chunks, each a control message of its own, so that none is large. Nothing is asked twice: when a question or
a part of an answer is lost, the node counts as silent, and whoever asked decides what that means.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import UNSET, Raw

from hub.complaints import QuietLog
from hub.control_operations import Answer, Envelope, Question
from hub.errors import EngineUnavailable, ReplyError
from hub.protocol import codes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from hub.hub import Hub

    Responder = Callable[[Raw], AsyncIterator[object]]

logger = logging.getLogger(__name__)

SILENCE_S = 2.0
"""How long the nodes that have not answered may be silent, all of them, before they are given up."""

DEADLINE_S = 10.0
"""How long a survey may take in all, however busily it is answered."""

MAX_SURVEYS = 64
"""Surveys of this node under way at the same time; more are refused."""

MAX_QUESTIONS = 256
"""Questions of other nodes that may wait for an answer; beyond, the newest are dropped and counted."""

MAX_ANSWER_BYTES = 256 << 20
"""What the answers to one question may take in memory, all nodes together."""


class Surveyed(NamedTuple):
    """The chunks of every node that has answered to the end, and the nodes that have not."""

    answers: dict[str, list[Raw]]
    silent: set[str]


class Survey:
    """Asks, and answers. Event-loop thread only.

    Args:
        responders: by kind of question, what this node answers: chunks, each of which can be encoded as JSON.
    """

    def __init__(self, hub: Hub, responders: dict[str, Responder]) -> None:
        self._hub = hub
        self._responders = responders
        self._under_way: dict[str, _Gathering] = {}
        self._questions: deque[tuple[str, Question]] = deque()
        self._wake = asyncio.Event()
        self._quiet = QuietLog(logger, hub.clock)
        self.dropped = 0
        self.incomplete = 0

    def serve(self, kind: str, responder: Responder) -> None:
        """Answer one more kind of question.

        Raises:
            ValueError: the kind is taken.
        """
        if kind in self._responders:
            raise ValueError(f"questions of kind {kind!r} are answered already")
        self._responders[kind] = responder

    async def tell(self, kind: str, about: object) -> None:
        """Put a question to the other nodes whose answer nobody waits for: at most once each.

        Raises:
            EngineUnavailable
        """
        question = Question(str(uuid.uuid4()), kind, Raw(msgspec.json.encode(about)))
        await self._hub.engine.control(msgspec.json.encode(Envelope(self._hub.uid, question)))

    async def ask(self, kind: str, about: object) -> Surveyed:
        """Ask every node whose lease holds, this one included.

        Cancelled, it is forgotten here; the others may still work on it.

        Raises:
            ReplyError: 111, too many surveys are under way.
            EngineUnavailable: the nodes could not be listed, or not be asked.
        """
        if len(self._under_way) >= MAX_SURVEYS:
            raise ReplyError(codes.TOO_MANY_REQUESTS)
        hub, question = self._hub, Question(str(uuid.uuid4()), kind, Raw(msgspec.json.encode(about)))
        others = {node.uid for node in await hub.engine.nodes()} - {hub.uid}
        gathering = self._under_way[question.id] = _Gathering(others)
        try:
            if others:
                await hub.engine.control(msgspec.json.encode(Envelope(hub.uid, question)))
            mine = [chunk async for chunk in self._chunks(question)]
            await gathering.complete()
        finally:
            del self._under_way[question.id]
        if gathering.waiting:
            self.incomplete += 1
            self._quiet.warn("survey_incomplete", kind=kind, silent=sorted(gathering.waiting))
        return Surveyed({hub.uid: mine, **gathering.answers()}, gathering.waiting)

    def receive_answer(self, node: str, answer: Answer) -> None:
        """A chunk from another node; late ones, and answers to nobody, are passed over."""
        gathering = self._under_way.get(answer.question)
        if gathering is not None:
            gathering.add(node, answer)

    def receive_question(self, node: str, question: Question) -> None:
        """Queue a question of another node."""
        if len(self._questions) >= MAX_QUESTIONS:
            self.dropped += 1
            return
        self._questions.append((node, question))
        self._wake.set()

    async def run(self) -> None:
        """Answer the other nodes, one question after the other; the supervisor's task."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._questions:
                try:
                    await self._answer(*self._questions.popleft())
                except EngineUnavailable:
                    logger.warning("survey_not_answered")
                except Exception:  # another node's question must not end this one
                    logger.exception("survey_failed")

    async def _answer(self, node: str, question: Question) -> None:
        if question.kind not in self._responders:
            return  # of a newer version: to that node we are silent
        number = 0
        async for chunk in self._chunks(question):
            number += 1
            await self._send(node, Answer(question.id, number, chunk))
        await self._send(node, Answer(question.id, number))

    async def _send(self, node: str, answer: Answer) -> None:
        await self._hub.engine.control(msgspec.json.encode(Envelope(self._hub.uid, answer)), node)

    async def _chunks(self, question: Question) -> AsyncIterator[Raw]:
        async for chunk in self._responders[question.kind](question.about):
            yield Raw(msgspec.json.encode(chunk))


class _Gathering:
    """The answers to one question, as they come: chunks in any order, none twice."""

    def __init__(self, waiting: set[str]) -> None:
        self.waiting = waiting
        self._parts: dict[str, dict[int, Raw]] = {node: {} for node in waiting}
        self._sizes: dict[str, int] = {}
        self._bytes = 0
        self._heard = asyncio.Event()

    def add(self, node: str, answer: Answer) -> None:
        if node not in self.waiting or self._bytes >= MAX_ANSWER_BYTES:
            return
        parts = self._parts[node]
        if answer.chunk is UNSET:
            self._sizes[node] = answer.number
        else:
            parts[answer.number] = answer.chunk
            self._bytes += len(bytes(answer.chunk))
        if len(parts) == self._sizes.get(node):
            self.waiting.discard(node)
        self._heard.set()

    async def complete(self) -> None:
        """Wait until all have answered, or the rest has been silent for too long."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                while self.waiting:
                    async with asyncio.timeout(SILENCE_S):
                        await self._heard.wait()
                    self._heard.clear()
        except TimeoutError:
            pass  # whoever is still waited for is silent

    def answers(self) -> dict[str, list[Raw]]:
        return {node: _in_order(self._parts[node]) for node in self._sizes if node not in self.waiting}


def _in_order(parts: dict[int, Raw]) -> list[Raw]:
    return [parts[number] for number in sorted(parts)]


def decoded(chunks: Iterable[Raw], kind: type[Any]) -> list[Any]:
    """The chunks of one answer as what they are."""
    decoder = msgspec.json.Decoder(kind)
    return [decoder.decode(chunk) for chunk in chunks]
