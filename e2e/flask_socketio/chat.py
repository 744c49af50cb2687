"""A chat written for Flask-SocketIO, which knows nothing of this library: ``chat.py PORT``."""

from __future__ import annotations

import sys
from typing import Any

from flask import Flask, request, session
from flask_socketio import (
    ConnectionRefusedError,
    Namespace,
    SocketIO,
    close_room,
    disconnect,
    emit,
    join_room,
    leave_room,
    rooms,
    send,
)

app = Flask(__name__)
app.config["SECRET_KEY"] = "not a secret"
socketio = SocketIO(app, message_queue=None, cors_allowed_origins="*")
errors: list[str] = []


@app.get("/login/<name>")
def login(name: str) -> str:
    session["name"] = name
    return f"hello {name}"


@app.post("/announce/<text>")
def announce(text: str) -> str:
    """Emit from outside of an event's context."""
    socketio.emit("announcement", text)
    return "announced"


@socketio.on("connect")
def on_connect(auth: dict[str, str] | None) -> None:
    if auth is not None and "name" in auth:
        session["name"] = auth["name"]
    if "name" not in session:
        raise ConnectionRefusedError("who are you?")


@socketio.on("disconnect")
def on_disconnect(reason: str) -> None:
    emit("left", {"name": session["name"], "reason": reason}, broadcast=True, include_self=False)


@socketio.on("join")
def on_join(room: str) -> int:
    join_room(room)
    emit("joined", session["name"], to=room, include_self=False)
    return len(rooms())


@socketio.event
def leave(room: str) -> None:
    leave_room(room)


@socketio.on("say")
def on_say(room: str, text: str, picture: bytes | None = None) -> tuple[str, Any]:
    session["said"] = session.get("said", 0) + 1
    emit("said", (session["name"], text, picture), to=room)
    return "delivered", session["said"]


@socketio.on("ask")
def on_ask(question: str) -> None:
    sid = request.sid  # type: ignore[attr-defined]  # Flask-SocketIO puts it there

    def answered(*answers: Any) -> None:
        socketio.emit("answered", answers, to=sid)

    emit("question", question, callback=answered)


@socketio.on("message")
def on_message(text: str) -> None:
    send(text.upper())


@socketio.on("json")
def on_json(data: Any) -> None:
    send({"you said": data}, json=True)


@socketio.on("*")
def on_anything(event: str, *args: Any) -> None:
    emit("unknown", (event, len(args)))


@socketio.on("close")
def on_close(room: str) -> None:
    close_room(room)


@socketio.on("bye")
def on_bye() -> None:
    disconnect()


@socketio.on("fail")
def on_fail() -> None:
    raise ValueError("on purpose")


@socketio.on_error_default
def on_error(error: Exception) -> None:
    errors.append(str(error))
    emit("failed", str(error))


class Calculator(Namespace):
    """Its methods take no sid, as everything in Flask-SocketIO."""

    def on_connect(self) -> None:
        emit("ready")

    def on_add(self, first: int, second: int) -> int:
        return first + second


socketio.on_namespace(Calculator("/calculator"))

if __name__ == "__main__":
    socketio.run(app, port=int(sys.argv[1]), allow_unsafe_werkzeug=True)
