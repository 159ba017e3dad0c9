"""One node of another version, or out of its mind, does not hide the others."""

from __future__ import annotations

import pytest
from msgspec import Raw

from hub.hub import Hub
from hub.survey import Surveyed
from services.operations import questions
from services.operations.asking import ask, head_and_items, items
from services.operations.views import LogLine

LINE = (
    b'{"at_ms":1,"level":"info","event":"e","logger":"l","trace_id":"","session":"","fields":{},"of_a_newer_version":1}'
)


@pytest.mark.parametrize(
    "chunks",
    [[b'[{"at_ms":"soon"}]'], [b"{"], [b"null"], [b'[{"level":"verbose"}]'], [b"[\xff]"], [b'["\xff"]']],
)
async def test_an_answer_that_is_none_counts_as_silence(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, chunks: list[bytes]
) -> None:
    async def answered(kind: str, about: object) -> Surveyed:  # the signature of Survey.ask
        return Surveyed({"good": [Raw(b"[" + LINE + b"]")], "bad": [Raw(chunk) for chunk in chunks]}, {"gone"})

    monkeypatch.setattr(hub.survey, "ask", answered)
    heard = await ask(hub, questions.LOGS, items(LogLine))
    assert [line.event for line in heard.answers["good"]] == ["e"]
    assert heard.silent == ["bad", "gone"]
    assert [record.msg for record in caplog.records] == ["answer_not_understood"]


@pytest.mark.parametrize("chunks", [[], [b"true"], [b"1", b"{}"]])
async def test_the_same_of_an_answer_with_a_head(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, chunks: list[bytes]
) -> None:
    async def answered(kind: str, about: object) -> Surveyed:  # the signature of Survey.ask
        return Surveyed({"good": [Raw(b"2"), Raw(b"[1]")], "bad": [Raw(chunk) for chunk in chunks]}, set())

    monkeypatch.setattr(hub.survey, "ask", answered)
    assert await ask(hub, questions.CONNECTIONS, head_and_items(int, int)) == ({"good": (2, [1])}, ["bad"])
