"""The threaded engine by itself: plain Engine.IO for applications."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from socketio._sync.polling import PollingTransport
from socketio.engine import Engine
from socketio.engine.session import Reason
from socketio.protocol.engine import MESSAGE, EnginePacket

from .conftest import DEADLINE, Log, Poller, Serve, until, wait_for_poll


def test_handlers_of_a_client(serve: Serve, echo: Engine, log: Log) -> None:
    client = Poller(serve(echo))
    log.wait_for("connect", client.sid)
    assert client.post("4hello").text == "ok"
    assert client.get().text == "4hello"
    assert client.post("1").text == "ok"
    log.wait_for("disconnect", client.sid, "client disconnect")
    assert client.sid not in echo.sockets


def test_there_are_three_events(echo: Engine) -> None:
    with pytest.raises(ValueError, match="no event 'open'"):
        echo.on("open")
    with pytest.raises(TypeError, match="did you mean 'ping_interval'"):
        Engine(ping_intervall=1)


@pytest.mark.parametrize(
    ("wish", "body"), [("false", "Unauthorized"), ("error", "Unauthorized"), ("data", {"code": 7})]
)
def test_a_connect_handler_refuses(serve: Serve, log: Log, wish: str, body: Any) -> None:
    engine = Engine()

    @engine.on("connect")
    def connect(sid: str, environ: dict[str, Any]) -> Any:
        if wish == "error":
            raise RuntimeError("a bug")
        return False if wish == "false" else {"code": 7}

    engine.on("disconnect", lambda sid, reason: log.add("disconnect"))
    answer = serve(engine).request("GET", "/engine.io/?EIO=4&transport=polling")
    assert answer.status == 401
    assert answer.json["message"] == body
    assert engine.sockets == {}
    assert log.items == []


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_connect_handler_may_disconnect_its_client(
    serve: Serve, log: Log, open_websocket: Callable[..., Any], transport: str
) -> None:
    engine = Engine()

    @engine.on("connect")
    def connect(sid: str, environ: dict[str, Any]) -> None:
        engine.send(sid, "last words")
        engine.disconnect(sid)

    engine.on("disconnect", lambda sid, reason: log.add(reason))
    server = serve(engine)
    if transport == "polling":
        assert Poller(server).first == ["4last words", "1"]
    else:
        handshake, words = [*open_websocket(server.websocket_url())]
        assert (handshake[0], words) == ("0", "4last words")
    assert log.wait_for_count(1) == [("server disconnect",)]
    assert engine.sockets == {}
    assert len(engine.heartbeats) == 0


def test_the_first_requests_may_come_at_the_same_time() -> None:
    for _ in range(20):
        engine = Engine()
        barrier = threading.Barrier(8)
        runtimes = Log()

        def ask(
            engine: Engine = engine, barrier: threading.Barrier = barrier, log: Log = runtimes
        ) -> None:
            barrier.wait(DEADLINE)
            log.add(engine.runtime, engine.mode)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        assert len(set(runtimes.wait_for_count(8))) == 1
        for thread in threads:
            thread.join(DEADLINE)
        engine.runtime.close()


def test_messages_of_a_client_are_handled_in_order(serve: Serve, log: Log) -> None:
    engine = Engine()
    engine.on("message", lambda sid, data: log.add(int(data)))
    client = Poller(serve(engine))
    for start in range(0, 1000, 100):
        client.post("\x1e".join(f"4{number}" for number in range(start, start + 100)))
    assert log.wait_for_count(1000) == [(number,) for number in range(1000)]


@pytest.mark.parametrize("overlap", [True, False])
def test_handlers_of_a_client_overlap_unless_told_otherwise(
    serve: Serve, log: Log, overlap: bool
) -> None:
    engine = Engine(async_handlers=overlap)
    quick_ended = engine.create_event()

    @engine.on("message")
    def message(sid: str, data: str) -> None:
        log.add("begins", data)
        if data == "slow":
            quick_ended.wait(DEADLINE if overlap else 0.1)
        log.add("ends", data)
        if data == "quick":
            quick_ended.set()

    Poller(serve(engine)).post("4slow\x1e4quick")
    items = log.wait_for_count(4)
    middle = [("begins", "quick"), ("ends", "quick")]
    if overlap:
        assert items == [("begins", "slow"), *middle, ("ends", "slow")]
    else:
        assert items == [("begins", "slow"), ("ends", "slow"), *middle]


def test_a_broken_handler_harms_nobody(
    serve: Serve, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Engine()

    @engine.on("message")
    def message(sid: str, data: str) -> None:
        if data == "bad":
            raise RuntimeError("a bug")
        log.add(data)

    Poller(serve(engine)).post("4bad\x1e4good")
    log.wait_for("good")
    until(lambda: "message handler failed" in caplog.text)


def test_sending(serve: Serve, echo: Engine) -> None:
    client = Poller(serve(echo))
    echo.send(client.sid, "text")
    echo.send(client.sid, b"\0\1")
    echo.send_packet(client.sid, EnginePacket(MESSAGE, "packet"))
    echo.send("nobody", "lost")
    assert client.get().text == "4text\x1ebAAE=\x1e4packet"
    assert echo.transport(client.sid) == "polling"
    with pytest.raises(KeyError, match="Session not found"):
        echo.transport("nobody")


def test_sessions_of_the_application(serve: Serve, echo: Engine) -> None:
    sid = Poller(serve(echo)).sid
    echo.save_session(sid, {"name": "a"})
    with echo.session(sid) as data:
        data["more"] = 1
    assert echo.get_session(sid) == {"name": "a", "more": 1}
    other = Poller(serve(echo)).sid
    assert echo.get_session(other) == {}
    with echo.session(sid) as data:
        data["more"] = 2
        echo.disconnect(sid)
        with pytest.raises(KeyError):
            echo.get_session(sid)
    with pytest.raises(KeyError):
        echo.get_session("nobody")


def test_disconnect_one_and_all(serve: Serve, echo: Engine, log: Log) -> None:
    server = serve(echo)
    clients = [Poller(server) for _ in range(3)]
    echo.disconnect(clients[0].sid)
    log.wait_for("disconnect", clients[0].sid, "server disconnect")
    assert set(echo.sockets) == {clients[1].sid, clients[2].sid}
    echo.disconnect("nobody")
    echo.disconnect()
    assert echo.sockets == {}
    for client in clients:
        log.wait_for("disconnect", client.sid, "server disconnect")
        assert client.get().text == "1"
        assert client.get().status == 400


def test_the_disconnect_handler_runs_once_whoever_ends_the_session(
    serve: Serve, echo: Engine, log: Log
) -> None:
    server = serve(echo)
    for _ in range(20):
        session = echo.session_of(Poller(server).sid)
        barrier = threading.Barrier(4)

        def end(session: Any = session, barrier: threading.Barrier = barrier) -> None:
            barrier.wait(DEADLINE)
            session.end(Reason.SERVER_DISCONNECT)

        threads = [threading.Thread(target=end) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE)
        log.wait_for("disconnect", session.sid, "server disconnect")
    assert echo.runtime.wait_idle(DEADLINE)
    assert len([item for item in log.items if item[0] == "disconnect"]) == 20


def test_a_silent_client_is_pinged_and_dropped(serve: Serve, log: Log) -> None:
    # Long enough that a client which answers is in time on a machine that stands still at times.
    engine = Engine(ping_interval=0.1, ping_timeout=1.5)
    engine.on("disconnect", lambda sid, reason: log.add("disconnect", reason))
    client = Poller(serve(engine))
    assert client.handshake["pingInterval"] == 100
    assert client.handshake["pingTimeout"] == 1500
    for _ in range(3):
        assert client.get().text == "2"
        assert client.post("3").status == 200
    assert client.get().text == "2"
    log.wait_for("disconnect", "ping timeout")


def test_pings_keep_their_interval_however_long_the_timeout_is(serve: Serve) -> None:
    client = Poller(serve(Engine(ping_interval=0.05, ping_timeout=300)))
    for _ in range(5):
        assert client.get().text == "2"
        assert client.post("3").status == 200


def test_an_answer_while_the_timer_is_set_anew_is_not_overlooked(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(ping_interval=0.05, ping_timeout=300)
    client = Poller(serve(engine))
    session = engine.session_of(client.sid)
    next_deadline = engine.heartbeats.next_deadline

    def answered_meanwhile() -> float | None:
        deadline = next_deadline()
        engine.pong(session)  # the client is quicker than the thread that has pinged it
        return deadline

    monkeypatch.setattr(
        type(engine.heartbeats), "next_deadline", lambda heartbeats: answered_meanwhile()
    )
    for _ in range(5):
        assert client.get().text == "2"


def test_many_sessions_come_and_go_at_once(serve: Serve, log: Log) -> None:
    """Heartbeats of all sessions share tables that all threads use."""
    engine = Engine(ping_interval=0.02, ping_timeout=5)
    engine.on("disconnect", lambda sid, reason: log.add(reason))
    server = serve(engine)

    def live() -> None:
        for _ in range(8):
            client = Poller(server)
            assert client.get().text == "2"
            client.post("3")
            client.post("1")

    threads = [threading.Thread(target=live) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert log.wait_for_count(48) == [("client disconnect",)] * 48
    assert len(engine.heartbeats) == 0
    assert engine.sockets == {}


def test_shutdown(serve: Serve, echo: Engine, log: Log, open_websocket: Callable[..., Any]) -> None:
    server = serve(echo)
    poller = Poller(server)
    waiting = poller.get_beside()
    wait_for_poll(echo, poller.sid)
    websocket = open_websocket(server.websocket_url())
    websocket.recv()
    log.wait_for("connect", poller.sid)
    echo.shutdown()
    assert waiting().text == "1"
    assert [*websocket] == []
    log.wait_for("disconnect", poller.sid, "server disconnect")
    log.wait_for_count(4)
    answer = server.request("GET", "/engine.io/?EIO=4&transport=polling")
    assert answer.status == 503


def test_it_serves_anew_after_a_shutdown(
    serve: Serve, log: Log, open_websocket: Callable[..., Any]
) -> None:
    engine = Engine(close_timeout=DEADLINE)
    engine.on("message", lambda sid, data: engine.send(sid, data))
    engine.on("disconnect", lambda sid, reason: log.add(reason))
    server = serve(engine)
    poller = Poller(server)
    open_websocket(server.websocket_url()).recv()
    engine.shutdown()
    assert log.wait_for_count(2) == [("server disconnect",)] * 2
    assert poller.get().text == "1"
    # Only now, so that no ping waits for a client that is to be told of the end.
    engine.configure(ping_interval=0.05, ping_timeout=1.5)
    engine.start()
    assert Poller(server).get().text == "2"
    websocket = open_websocket(server.websocket_url())
    websocket.recv()
    websocket.send("4hello")
    assert "4hello" in [websocket.recv(DEADLINE), websocket.recv(DEADLINE)]
    assert log.wait_for_count(4)[2:] == [("ping timeout",)] * 2


def test_nobody_is_told_of_a_full_outbox_while_the_session_is_locked(log: Log) -> None:
    """Who is told may wait for a lock of his own, whose holder sends to this session."""
    engine = Engine(max_outbox_size=10)
    session = engine.create_session("polling", {})
    session.transport = PollingTransport(session)

    def closed(session: Any, reason: str) -> None:
        other = threading.Thread(target=lambda: log.add(reason, session.lock.acquire(False)))
        other.start()
        other.join(DEADLINE)

    engine.open(session)
    engine.consumer.session_closed = closed  # type: ignore[method-assign]  # is told of the end
    session.send_all([EnginePacket(MESSAGE, "x" * 10), EnginePacket(MESSAGE, b"y")])
    assert session.ended == "transport error"
    assert log.wait_for_count(1) == [("transport error", True)]
    engine.runtime.close()


def test_stop_takes_no_longer_than_it_may(
    serve: Serve,
    log: Log,
    open_websocket: Callable[..., Any],
    within: Callable[[float, float], None],
) -> None:
    engine = Engine()
    gate = threading.Event()

    @engine.on("disconnect")
    def disconnect(sid: str, reason: str) -> None:
        log.add(reason)
        gate.wait(DEADLINE)

    server = serve(engine)
    open_websocket(server.websocket_url()).recv()
    began = engine.runtime.now()
    engine.stop(0.3)
    seconds = engine.runtime.now() - began
    log.wait_for("server disconnect")
    gate.set()
    within(seconds, 3)


def test_what_the_mode_gives(echo: Engine, log: Log) -> None:
    assert echo.async_mode == "threading"
    event = echo.create_event()
    thread = echo.start_background_task(event.set)
    assert event.wait(DEADLINE)
    thread.join(DEADLINE)
    queue = echo.create_queue()
    queue.put(1)
    assert queue.get(timeout=1) == 1
    echo.sleep(0)
    echo.runtime.close()
