from __future__ import annotations

import pytest

from bench.load.dialects import Refused
from bench.load.responses import response_end

OK = b'HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{"result":{}}'


def test_the_end_of_the_first_response_is_found() -> None:
    assert response_end(OK + b"HTTP/1.1 200") == len(OK)


@pytest.mark.parametrize("length", range(len(OK)))
def test_a_part_of_a_response_is_waited_for(length: int) -> None:
    assert response_end(OK[:length]) == 0


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b'HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n{"error":{"code":102}}',
    ],
)
def test_what_is_not_the_awaited_answer_is_refused(answer: bytes) -> None:
    with pytest.raises(Refused):
        response_end(answer)
