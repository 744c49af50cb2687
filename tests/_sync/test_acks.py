"""The order of acks in threads."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import socketio


def test_an_ack_answers_no_question_that_was_asked_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Callbacks run in other threads, perhaps later; what they answer is known at once."""
    sio = socketio.Server()
    sio._send_eio_packet = lambda eio_sid, packet: None  # type: ignore[method-assign]  # as Flask-SocketIO does
    answers: list[Any] = []
    connected: list[str] = []
    sio.on("connect", lambda sid, environ: connected.append(sid))
    sio._handle_eio_connect("session", {})
    sio._handle_eio_message("session", "0")
    waiting: list[tuple[Any, ...]] = []
    lane = SimpleNamespace(start=lambda *call: waiting.append(call))
    monkeypatch.setattr(sio.runtime, "create_ack_lane", lambda: lane)

    sio._handle_eio_message("session", '30["before the question"]')
    sio.emit("question", to=connected[0], callback=lambda *values: answers.append(values))
    sio._handle_eio_message("session", '30["first"]')
    sio._handle_eio_message("session", '30["second"]')
    for function, *args in reversed(waiting):
        function(*args)
    assert answers == [("first",)]
    sio.shutdown()
