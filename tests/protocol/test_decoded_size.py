"""The estimate is no less than the truth, and not many times more."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from socketio.protocol.decoded_size import decoded_size

SIZE = 200_000


def measured(message: str) -> tuple[int, Any]:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        decoded = json.loads(message)
        return tracemalloc.get_traced_memory()[0] - before, decoded
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "value", ["[]", "{}", "[[]]", "300", "1.5", '"ab"', '{"a":1}', '{"a":{}}', '[{"a":[]}]']
)
def test_small_values_count_at_what_they_take(value: str) -> None:
    message = f"[{','.join([value] * (SIZE // (len(value) + 1)))}]"
    real, decoded = measured(message)
    assert real > 5 * len(message)  # by their text they would be counted at a fraction
    assert real <= decoded_size(message, decoded) < 3 * real


@pytest.mark.parametrize("wrap", ['["x",%s]', '["x",{"name":"a","data":%s}]', '["x",[%s]]'])
def test_marks_in_a_text_count_as_text(wrap: str) -> None:
    message = wrap % json.dumps("a,b:c[{" * (SIZE // 7))
    _, decoded = measured(message)
    assert len(message) <= decoded_size(message, decoded) < len(message) + 2_000


def test_a_text_counts_by_the_widest_of_its_characters() -> None:
    assert decoded_size('["🚀' + "x" * SIZE + '"]') > 4 * SIZE


def test_containers_of_messagepack_count_at_what_they_take() -> None:
    assert decoded_size(b"\x90" * SIZE) == 73 * SIZE
    assert decoded_size(b"x" * SIZE) == SIZE
