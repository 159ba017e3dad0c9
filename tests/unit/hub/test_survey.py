"""A question reaches every node, the answers come back whole or the node counts as silent."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec
import pytest
from msgspec import UNSET, Raw

from hub import survey
from hub.control_operations import Answer, Envelope, Question
from hub.errors import EngineUnavailable, ReplyError
from hub.protocol import codes
from hub.survey import Survey, decoded
from tests.unit.hub.cluster import Cluster
from tests.unit.hub.virtual_time import idle, pass_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.unit.hub.node import Node


def answering(node: Node, *chunks: object) -> None:
    """Let this node answer the question `test` with these chunks."""

    async def answer(about: Raw) -> AsyncIterator[object]:
        for chunk in chunks:
            await asyncio.sleep(0)
            yield [msgspec.json.decode(about), chunk]

    node.hub.survey._responders["test"] = answer  # a kind of question of the test's own


async def test_every_node_answers_and_each_answer_is_whole_and_in_order() -> None:
    async with Cluster(3) as cluster:
        for number, node in enumerate(cluster.nodes):
            answering(node, *range(number, 2 * number + 1))
        surveyed = await cluster.nodes[1].hub.survey.ask("test", "why")
        assert not surveyed.silent
        for number, node in enumerate(cluster.nodes):
            expected = [["why", chunk] for chunk in range(number, 2 * number + 1)]
            assert decoded(surveyed.answers[node.hub.uid], list) == expected


async def test_chunks_are_put_in_order_and_repeats_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Cluster(2) as cluster:
        asking, other = (node.hub for node in cluster.nodes)
        answering(cluster.nodes[0], "mine")
        asked: list[str] = []
        monkeypatch.setattr(other.survey, "receive_question", lambda _, question: asked.append(question.id))
        question = asyncio.ensure_future(asking.survey.ask("test", None))
        await idle()
        answers = [Answer(asked[0], 3), *(Answer(asked[0], number, Raw(b"%d" % number)) for number in (3, 1, 1, 2))]
        for answer in answers:
            asking.on_control(msgspec.json.encode(Envelope(other.uid, answer)))
        assert decoded((await question).answers[other.uid], int) == [1, 2, 3]


def number_of(answer: Answer) -> int:
    """0 for the part that says how many there are."""
    return 0 if answer.chunk is UNSET else answer.number


@pytest.mark.parametrize("lost", [0, 1, 2, 3])
async def test_an_answer_of_which_a_part_is_lost_is_no_answer(
    lost: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Cluster(2) as cluster:
        asking, other = (node.hub for node in cluster.nodes)
        answering(cluster.nodes[0], "mine")
        answering(cluster.nodes[1], "a", "b", "c")
        receive = asking.survey.receive_answer
        monkeypatch.setattr(
            asking.survey,
            "receive_answer",
            lambda node, answer: None if number_of(answer) == lost else receive(node, answer),
        )
        surveyed = await asking.survey.ask("test", None)
        assert surveyed.silent == {other.uid}
        assert surveyed.answers.keys() == {asking.uid}
        assert asking.measures()["surveys_incomplete"] == 1
        assert "survey_incomplete" in caplog.text


async def test_silence_ends_a_survey_but_a_slow_answer_that_goes_on_does_not() -> None:
    async with Cluster(2) as cluster:
        asking, other = (node.hub for node in cluster.nodes)
        answering(cluster.nodes[0], "mine")

        async def slowly(_: Raw) -> AsyncIterator[object]:
            for number in range(5):
                await pass_time(survey.SILENCE_S * 0.6)
                yield number

        other.survey._responders["test"] = slowly  # as above
        assert decoded((await asking.survey.ask("test", None)).answers[other.uid], int) == [0, 1, 2, 3, 4]


async def test_a_survey_is_over_after_its_deadline_however_busy_it_is() -> None:
    async with Cluster(2) as cluster:
        asking, other = (node.hub for node in cluster.nodes)
        answering(cluster.nodes[0], "mine")

        async def for_ever(_: Raw) -> AsyncIterator[object]:
            while True:
                await pass_time(1)
                yield 1

        other.survey._responders["test"] = for_ever  # as above
        started_s = asking.clock.monotonic_s()
        assert (await asking.survey.ask("test", None)).silent == {other.uid}
        assert asking.clock.monotonic_s() - started_s == pytest.approx(survey.DEADLINE_S)


async def test_a_node_that_is_gone_is_not_waited_for() -> None:
    async with Cluster(2) as cluster:
        answering(cluster.nodes[0], "mine")
        answering(cluster.nodes[1], "theirs")
        asking = cluster.nodes[0].hub
        cluster.bus.nodes[1].listener = asking  # its process has ended
        assert (await asking.survey.ask("test", None)).silent
    async with Cluster(1) as cluster:
        answering(cluster.nodes[0], "mine")
        assert not (await cluster.nodes[0].hub.survey.ask("test", None)).silent


async def test_too_many_surveys_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "MAX_SURVEYS", 2)
    async with Cluster(2) as cluster:
        asking = cluster.nodes[0].hub
        answering(cluster.nodes[0], "mine")
        waiting = [asyncio.ensure_future(asking.survey.ask("test", None)) for _ in range(2)]
        await idle()
        with pytest.raises(ReplyError) as refusal:
            await asking.survey.ask("test", None)
        assert refusal.value.error is codes.TOO_MANY_REQUESTS
        await asyncio.gather(*waiting)
        assert await asking.survey.ask("test", None)


async def test_questions_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "MAX_QUESTIONS", 3)
    async with Cluster(1) as cluster:
        hub = cluster.nodes[0].hub
        for number in range(5):
            hub.survey.receive_question("other", Question(str(number), "test", Raw(b"null")))
        assert hub.measures()["survey_questions_dropped"] == 2


async def test_an_answer_that_is_too_large_is_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "MAX_ANSWER_BYTES", 100)
    async with Cluster(2) as cluster:
        answering(cluster.nodes[0], "mine")
        answering(cluster.nodes[1], *("x" * 30 for _ in range(5)))
        surveyed = await cluster.nodes[0].hub.survey.ask("test", None)
        assert surveyed.silent == {cluster.nodes[1].hub.uid}


async def test_answers_to_nobody_are_passed_over() -> None:
    async with Cluster(2) as cluster:
        asking, other = (node.hub for node in cluster.nodes)
        for node in (other.uid, "a stranger"):
            asking.survey.receive_answer(node, Answer("no question", 1, Raw(b"1")))
        answering(cluster.nodes[0], "mine")
        answering(cluster.nodes[1], "theirs")
        question = asyncio.ensure_future(asking.survey.ask("test", None))
        await asyncio.sleep(0)
        (asked,) = asking.survey._under_way  # its id
        asking.survey.receive_answer("a stranger", Answer(asked, 1, Raw(b"1")))
        assert (await question).answers.keys() == {asking.uid, other.uid}


async def test_a_question_that_fails_or_is_unknown_keeps_nobody_from_the_next(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with Cluster(2) as cluster:
        asking, other = (node.hub for node in cluster.nodes)
        answering(cluster.nodes[0], "mine")

        async def fail(_: Raw) -> AsyncIterator[object]:
            yield 1
            raise ZeroDivisionError

        other.survey._responders["test"] = fail  # as above
        assert (await asking.survey.ask("test", None)).silent
        assert "survey_failed" in caplog.text
        del other.survey._responders["test"]  # an older version
        assert (await asking.survey.ask("test", None)).silent
        answering(cluster.nodes[1], "theirs")
        assert not (await asking.survey.ask("test", None)).silent


async def test_without_an_engine_nothing_is_asked() -> None:
    async with Cluster(2) as cluster:
        answering(cluster.nodes[0], "mine")
        cluster.bus.is_down = True
        asking: Survey = cluster.nodes[0].hub.survey
        with pytest.raises(EngineUnavailable):
            await asking.ask("test", None)
        cluster.bus.is_down = False
        assert await asking.ask("test", None)
        await pass_time(1)


async def test_parts_of_the_platform_may_answer_more_kinds() -> None:
    async with Cluster(2) as cluster:
        asked, other = cluster.nodes

        async def answer(about: Raw) -> AsyncIterator[object]:
            yield msgspec.json.decode(about)

        for node in cluster.nodes:
            node.hub.survey.serve("echo", answer)
            with pytest.raises(ValueError, match="echo"):
                node.hub.survey.serve("echo", answer)
        surveyed = await asked.hub.survey.ask("echo", 7)
        assert {uid: decoded(chunks, int) for uid, chunks in surveyed.answers.items()} == {
            asked.hub.uid: [7],
            other.hub.uid: [7],
        }


async def test_what_is_told_is_heard_by_the_others_and_waited_for_by_nobody() -> None:
    heard: list[object] = []

    async def hear(about: Raw) -> AsyncIterator[object]:
        heard.append(msgspec.json.decode(about))
        yield "an answer that nobody asked for"

    async with Cluster(2) as cluster:
        for node in cluster.nodes:
            node.hub.survey.serve("news", hear)
        await cluster.nodes[0].hub.survey.tell("news", ["a"])
        await idle()
        assert heard == [["a"]]  # by the other one alone
