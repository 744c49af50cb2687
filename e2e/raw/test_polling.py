"""Engine.IO long-polling, request by request."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import re
import zlib
from base64 import b64encode
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from rig.process import Program
from rig.wire import DEADLINE, SEPARATOR, Answer, ClosedError, EngineSession, Peer, RawConnection

LIMIT = 100_000
TEXT = "text/plain;charset=UTF-8"

REFUSALS = {
    # by name: method, query, status, code, message
    "missing transport": ("GET", {"transport": None}, 400, 0, "Transport unknown"),
    "unknown transport": ("GET", {"transport": "abc"}, 400, 0, "Transport unknown"),
    "transport of an object's own": (
        "GET",
        {"transport": "__proto__"},
        400,
        0,
        "Transport unknown",
    ),
    "unknown sid": ("GET", {"sid": "nobody"}, 400, 1, "Session ID unknown"),
    "unknown sid in a POST": ("POST", {"sid": "nobody"}, 400, 1, "Session ID unknown"),
    "PUT": ("PUT", {}, 400, 2, "Bad handshake method"),
    "POST without a session": ("POST", {}, 400, 2, "Bad handshake method"),
    "DELETE": ("DELETE", {}, 400, 2, "Bad handshake method"),
    "websocket without an upgrade": ("GET", {"transport": "websocket"}, 400, 3, "Bad request"),
    "protocol 3": ("GET", {"EIO": "3"}, 400, 5, "Unsupported protocol version"),
    "no protocol": ("GET", {"EIO": None}, 400, 5, "Unsupported protocol version"),
    "protocol abc": ("GET", {"EIO": "abc"}, 400, 5, "Unsupported protocol version"),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_refuses(engine: Any, case: str) -> None:
    """Trap 21: 400 with a code and a message."""
    method, query, status, code, message = REFUSALS[case]
    answer = await engine().request(method, **query)
    assert answer.status == status
    assert answer.error.keys() == {"code", "message"}
    assert answer.error["code"] == code
    # The specification's words first; what to do about it may follow.
    assert answer.error["message"].startswith(message)
    assert answer.headers["content-type"].startswith("application/json")


@pytest.mark.python_only("it answers 500")
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_refuses_methods_within_a_session(engine: Any, method: str) -> None:
    """Trap 21."""
    session = engine()
    await session.open_polling()
    answer = await session.request(method)
    assert answer.status == 400
    assert answer.error["message"]


async def test_handshake(engine: Any) -> None:
    """Trap 19: the limit is advertised, clients split by it."""
    session = engine()
    answer = await session.request()
    assert answer.status == 200
    assert answer.headers["content-type"].lower().replace(" ", "") == TEXT.lower()
    assert answer.text.startswith("0")
    handshake = json.loads(answer.text[1:])
    assert handshake.keys() == {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}
    assert handshake["upgrades"] == ["websocket"]
    assert handshake["pingInterval"] == 25_000
    assert handshake["pingTimeout"] == 20_000
    assert handshake["maxPayload"] == LIMIT
    assert re.fullmatch(r"[\w-]{16,}", handshake["sid"])


async def test_intervals_below_a_second_are_advertised(engine: Any) -> None:
    """Trap 24."""
    handshake = await engine("fast").open_polling()
    assert (handshake["pingInterval"], handshake["pingTimeout"]) == (400, 800)


@pytest.mark.parametrize("variant", ["polling", "websocket"])
async def test_one_transport_only(engine: Any, variant: str) -> None:
    """Trap 21: no upgrade is offered, the other transport is unknown."""
    session: EngineSession = engine(variant)
    other = "websocket" if variant == "polling" else "polling"
    if variant == "polling":
        handshake = await session.open_polling()
    else:
        handshake = await session.open_websocket()
    assert handshake["upgrades"] == []
    refused = await engine(variant).request(transport=other)
    assert refused.status == 400
    assert refused.error == {"code": 0, "message": "Transport unknown"}


async def test_sids_are_not_guessable(engine: Any) -> None:
    sids = [(await engine().open_polling())["sid"] for _ in range(20)]
    assert len({sid[:12] for sid in sids}) == 20


async def test_a_post_is_answered_ok(engine: Any) -> None:
    """Trap 21."""
    session = engine()
    await session.open_polling()
    answer = await session.post("40")
    assert (answer.status, answer.text) == (200, "ok")
    assert (await session.poll())[0].startswith("40{")


async def test_a_get_waits_for_something_to_say(peer: Any) -> None:
    client: Peer = await peer("polling")
    poll = asyncio.create_task(client.engine.poll())
    done, _ = await asyncio.wait({poll}, timeout=0.2)
    assert not done, "the poll was answered with nothing to say"
    await client.emit("echo", 1)
    assert await poll == ['42["echo",1]']


async def test_every_packet_of_a_payload_is_taken(peer: Any) -> None:
    """Trap 18: 500 packets in one POST."""
    client: Peer = await peer("polling")
    packets = [f'42["number",{value}]' for value in range(500)]
    assert (await client.engine.post(*packets)).text == "ok"
    assert await client.ask("numbers") == [list(range(500))]


async def test_many_packets_go_out_in_one_poll(peer: Any) -> None:
    """Trap 18, trap 23."""
    client: Peer = await peer("polling")
    await client.emit("count", 500)
    numbers: list[str] = []
    polls = 0
    while len(numbers) < 500:
        numbers += await client.engine.poll()
        polls += 1
    assert numbers == [f'42["number",{value}]' for value in range(500)]
    assert polls < 50


async def test_binary_goes_as_base64(peer: Any) -> None:
    """Trap 47: an empty attachment too."""
    client: Peer = await peer("polling")
    placeholders = [{"_placeholder": True, "num": number} for number in range(2)]
    packet = "2-" + json.dumps(["echo", *placeholders])
    await client.engine.post(f"45{packet}", "bAAEC/w==", "b")
    assert await client.event() == ["echo", b"\x00\x01\x02\xff", b""]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
async def test_base64_broken_into_lines(peer: Any, line_end: str) -> None:
    """Java's and Android's client ends a line after 76 characters, and the last one too."""
    client: Peer = await peer("polling")
    blob = bytes(range(256))
    text = b64encode(blob).decode()
    lines = [text[start : start + 76] + line_end for start in range(0, len(text), 76)]
    placeholders = [{"_placeholder": True, "num": number} for number in range(2)]
    packet = "2-" + json.dumps(["echo", *placeholders])
    await client.engine.post(f"45{packet}", "b" + "".join(lines), f"bAAE={line_end}")
    assert await client.event() == ["echo", blob, b"\x00\x01"]


@pytest.mark.python_only("Node decodes what it can")
@pytest.mark.parametrize("garbage", ["bA\n", "b$$$$\n", "bAAE=\nAAE=", "bAA\tE="])
async def test_other_base64_that_is_none(peer: Any, server: Program, garbage: str) -> None:
    client: Peer = await peer("polling")
    packet = "1-" + json.dumps(["echo", {"_placeholder": True, "num": 0}])
    assert (await client.engine.post(f"45{packet}", garbage)).status == 400
    entry = await server.seen(event="disconnect", sid=client.sids["/"])
    assert entry["reason"] == "transport error"


def post_head(session: EngineSession, *headers: str) -> str:
    query = urlencode(session.query())
    path = session.url.split("/", 3)[3]
    lines = [
        f"POST /{path}?{query} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Content-Type: {TEXT}",
        *headers,
        "",
        "",
    ]
    return "\r\n".join(lines)


async def test_a_body_in_several_reads(peer: Any, server: Program) -> None:
    """Trap 46."""
    client: Peer = await peer("polling")
    body = f'42["ack plain","{"x" * 50_000}"]'.replace('42["', '420["').encode()
    connection = await RawConnection.open(server.url)
    await connection.send(post_head(client.engine, f"Content-Length: {len(body)}"))
    for start in range(0, len(body), 10_000):
        await connection.send(body[start : start + 10_000])
        await asyncio.sleep(0.01)  # not a wait for anything: it makes the reads separate
    answer = await connection.answer()
    await connection.close()
    assert (answer.status, answer.text) == (200, "ok")
    assert await client.receive() == f'30["{"x" * 50_000}"]'


async def test_a_chunked_body(peer: Any, server: Program) -> None:
    """Trap 18: no Content-Length."""
    client: Peer = await peer("polling")
    connection = await RawConnection.open(server.url)
    await connection.send(post_head(client.engine, "Transfer-Encoding: chunked"))
    for chunk in ('42["ec', 'ho","in ', 'chunks"]'):
        await connection.send(f"{len(chunk):x}\r\n{chunk}\r\n")
    await connection.send("0\r\n\r\n")
    answer = await connection.answer()
    await connection.close()
    assert (answer.status, answer.text) == (200, "ok")
    assert await client.event() == ["echo", "in chunks"]


async def ended_with_an_error(session: EngineSession, server: Program, sid: str) -> None:
    """Wait for the one disconnect that bad input brings about."""
    if server.reference:
        return  # it leaves the session to its client, which goes after a 413
    entry = await server.seen(event="disconnect", sid=sid)
    assert entry["reason"] == "transport error"
    assert (await session.request("POST", "6")).status == 400
    assert len(server.journal.all(event="disconnect", sid=sid)) == 1


async def test_a_payload_at_the_limit_is_taken(peer: Any) -> None:
    """Trap 18: the limit counts the bytes of the payload, all of them allowed."""
    client: Peer = await peer("polling")
    frame = '420["ack plain",""]'
    filling = "x" * (LIMIT - len(frame))
    answer = await client.engine.post(frame.replace('""', f'"{filling}"'))
    assert (answer.status, answer.text) == (200, "ok")
    assert await client.receive() == f'30["{filling}"]'


@pytest.mark.parametrize("letter", ["x", "世"])
async def test_a_payload_over_the_limit_is_refused(peer: Any, server: Program, letter: str) -> None:
    """Trap 18, trap 51: 413, by bytes, and the session ends."""
    client: Peer = await peer("polling")
    size = LIMIT // len(letter.encode()) + 1
    answer = await client.engine.post(f'42["echo","{letter * size}"]')
    assert answer.status == 413
    await ended_with_an_error(client.engine, server, client.sids["/"])


async def test_a_chunked_payload_over_the_limit_is_refused(peer: Any, server: Program) -> None:
    """Trap 18: bytes are counted as they are read."""
    client: Peer = await peer("polling")
    connection = await RawConnection.open(server.url)
    await connection.send(post_head(client.engine, "Transfer-Encoding: chunked"))
    body = '42["echo","'.ljust(LIMIT, "x")
    chunks = [body[start : start + 16_384] for start in range(0, LIMIT, 16_384)]
    try:
        # One byte too many, and nothing behind it: what a server leaves unread resets the
        # connection. The body never ends, and the answer comes all the same.
        for chunk in (*chunks, "x"):
            await connection.send(f"{len(chunk):x}\r\n{chunk}\r\n")
        status, _ = await connection.head()
    finally:
        await connection.close()
    assert status == 413
    await ended_with_an_error(client.engine, server, client.sids["/"])


@pytest.mark.python_only("it reads on until the limit is passed")
async def test_an_oversized_post_is_answered_before_its_body(peer: Any, server: Program) -> None:
    """Trap 56: the announced length is enough."""
    client: Peer = await peer("polling")
    connection = await RawConnection.open(server.url)
    await connection.send(post_head(client.engine, f"Content-Length: {LIMIT * 50}"))
    await connection.send('42["echo","')
    status, _ = await connection.head()
    await connection.close()
    assert status == 413
    await ended_with_an_error(client.engine, server, client.sids["/"])


@pytest.mark.logs_traceback  # aiohttp logs what its parser refuses; it never gets to us
@pytest.mark.parametrize("length", ["-5", "abc", "1e3"])
async def test_a_malformed_content_length(peer: Any, server: Program, length: str) -> None:
    """400, by the web server or by the engine, which ends the session; no other notices."""
    client: Peer = await peer("polling")
    other: Peer = await peer("polling")
    connection = await RawConnection.open(server.url)
    await connection.send(post_head(client.engine, f"Content-Length: {length}") + "42")
    status, _ = await connection.head()
    await connection.close()
    assert status == 400
    try:
        assert await client.ask("ack plain", 1) == [1]
    except ClosedError:
        entry = await server.seen(event="disconnect", sid=client.sids["/"])
        assert entry["reason"] == "transport error"
    assert await other.ask("ack plain", 1) == [1]


async def test_a_body_that_breaks_off(peer: Any, server: Program) -> None:
    """A client that goes away in the middle of its POST hurts nobody."""
    client: Peer = await peer("polling")
    other: Peer = await peer("polling")
    connection = await RawConnection.open(server.url)
    await connection.send(post_head(client.engine, "Content-Length: 1000") + '42["echo"')
    await connection.close()
    assert await other.ask("ack plain", 1) == [1]


async def trickle(connection: RawConnection, data: bytes) -> None:
    """Send a little, again and again, until the server has enough."""
    with contextlib.suppress(ConnectionError):
        while True:
            await connection.send(data)
            await asyncio.sleep(0.02)  # not a wait for anything: it is what a slow client does


BODIES = {
    "of a length": ("Content-Length: 90000", b"4"),
    "in chunks": ("Transfer-Encoding: chunked", b"1\r\n4\r\n"),
    "of which nothing comes": ("Content-Length: 90000", b""),
}


@pytest.mark.python_only("it waits as long as Node does")
@pytest.mark.parametrize("case", BODIES)
async def test_a_body_that_never_ends(peer: Any, server: Program, case: str) -> None:
    """Trap 56: neither a thread nor a connection is held for longer than `body_timeout`."""
    header, data = BODIES[case]
    client: Peer = await peer("polling", "hurried")
    connection = await RawConnection.open(server.url)
    await connection.send(post_head(client.engine, header))
    trickling = asyncio.create_task(trickle(connection, data))
    answer = await connection.answer()
    assert answer.status == 408
    assert answer.error == {
        "code": 3,
        "message": "a body that was not complete after 0.4 s; see body_timeout",
    }
    trickling.cancel()
    await connection.close()
    await ended_with_an_error(client.engine, server, client.sids["/"])


@pytest.mark.python_only("it waits as long as Node does")
async def test_the_connection_of_a_body_that_never_ends(peer: Any, server: Program) -> None:
    """It ends too, at once or, as aiohttp has it, after ten seconds more."""
    client: Peer = await peer("polling", "hurried")
    connection = await RawConnection.open(server.url)
    await connection.send(post_head(client.engine, "Content-Length: 90000"))
    trickling = asyncio.create_task(trickle(connection, b"4"))
    assert (await connection.answer()).status == 408
    await connection.rest()
    trickling.cancel()
    await connection.close()


@pytest.mark.python_only("it waits as long as Node does")
async def test_a_refused_request_whose_body_never_ends(engine: Any, server: Program) -> None:
    """Trap 56: nobody waits for it for longer than for others."""
    session: EngineSession = engine("hurried")
    await session.open_polling()
    session.sid = "unknown"
    connection = await RawConnection.open(server.url)
    await connection.send(post_head(session, "Content-Length: 90000"))
    trickling = asyncio.create_task(trickle(connection, b"4"))
    answer = await connection.answer()
    assert (answer.status, answer.error["code"]) == (400, 1)
    trickling.cancel()
    await connection.close()


BAD_PAYLOADS = {
    "no type": "abc",
    "unknown type": "7",
    "empty": "",
    "empty packet": f'42["number",1]{SEPARATOR}',
    "bad base64": "b!!!!",
}


@pytest.mark.parametrize("case", BAD_PAYLOADS)
async def test_a_bad_payload_ends_the_session(peer: Any, server: Program, case: str) -> None:
    """Trap 21, trap 26: 400 with an error object, the handler once and at once."""
    client: Peer = await peer("polling")
    answer = await client.engine.request("POST", BAD_PAYLOADS[case])
    if server.reference:  # it says ok, and ends the session now or with the next poll
        await client.gone()
    else:
        assert answer.status == 400
        assert answer.error["code"] == 3
        assert answer.error["message"]
    entry = await server.seen(event="disconnect", sid=client.sids["/"])
    assert entry["reason"] == "transport error"
    assert (await client.engine.request("POST", "6")).status == 400
    assert len(server.journal.all(event="disconnect", sid=client.sids["/"])) == 1


@pytest.mark.python_only("it decodes any bytes to some text")
async def test_bytes_that_are_no_text_end_the_session(peer: Any, server: Program) -> None:
    """Trap 26."""
    client: Peer = await peer("polling")
    answer = await client.engine.request("POST", b'42["echo","\xff\xfe"]')
    assert answer.status == 400
    await ended_with_an_error(client.engine, server, client.sids["/"])


async def test_binary_content_ends_the_session(peer: Any, server: Program) -> None:
    """Packets of version 3, whose payloads were octets, are not understood."""
    client: Peer = await peer("polling")
    answer = await client.engine.request(
        "POST", b"\x00\x04\xff42[]", {"Content-Type": "application/octet-stream"}
    )
    assert answer.status == 400
    entry = await server.seen(event="disconnect", sid=client.sids["/"])
    assert entry["reason"] == "transport error"


async def test_two_gets_at_once(peer: Any, server: Program) -> None:
    """Trap 20: 400 for one of them, and the session is closed."""
    client: Peer = await peer("polling")
    answers = await asyncio.gather(client.engine.request(), client.engine.request())
    # Which of them was there first is not known here.
    assert 400 in {answer.status for answer in answers}
    await client.gone()
    entry = await server.seen(event="disconnect", sid=client.sids["/"])
    assert entry["reason"] == "transport error"


async def test_two_posts_at_once(peer: Any, server: Program) -> None:
    """Trap 20."""
    client: Peer = await peer("polling")
    connection = await RawConnection.open(server.url)
    await connection.send(post_head(client.engine, "Content-Length: 1000") + '42["echo"')
    async with asyncio.timeout(DEADLINE):
        # Taken as long as the first has not been read.
        while (second := await client.engine.post('42["echo",2]')).status == 200:
            pass
    assert second.status == 400
    await connection.close()
    await client.gone()
    entry = await server.seen(event="disconnect", sid=client.sids["/"])
    assert entry["reason"] == "transport error"


async def test_a_close_packet_ends_the_pending_poll(peer: Any, server: Program) -> None:
    """Trap 21: the poll is answered `6`, or `1`, with a 200."""
    client: Peer = await peer("polling")
    poll = asyncio.create_task(client.engine.request())
    await asyncio.sleep(0.05)  # not a wait for anything: the poll is to be there first
    answer = await client.engine.post("1")
    assert (answer.status, answer.text) == (200, "ok")
    ended = await poll
    assert (ended.status, ended.text) == (200, "6")
    assert (await client.engine.request()).status == 400
    entry = await server.seen(event="disconnect", sid=client.sids["/"])
    assert entry["reason"] in {"client disconnect", "transport close"}


async def test_a_poll_that_the_client_gives_up(peer: Any, server: Program) -> None:
    """What it would have brought may be lost: the session ends, once and at once."""
    client: Peer = await peer("polling")
    poll = asyncio.create_task(client.engine.request())
    await asyncio.sleep(0.1)  # not a wait for anything: the poll is to be there first
    poll.cancel()
    await asyncio.wait({poll})
    entry = await server.seen(event="disconnect", sid=client.sids["/"])
    assert entry["reason"] in {"transport close", "transport error"}
    assert (await client.engine.request()).status == 400
    assert len(server.journal.all(event="disconnect", sid=client.sids["/"])) == 1


async def test_the_transport_of_a_session_is_kept(peer: Any) -> None:
    """A GET for a session that is on a websocket is refused."""
    client: Peer = await peer("websocket")
    answer = await client.engine.request()
    assert answer.status == 400
    assert await client.ask("ack plain", 1) == [1], "the session goes on"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_long_answers_are_compressed(peer: Any, server: Program, encoding: str) -> None:
    client: Peer = await peer("polling")
    await client.emit("text", 5000)
    connection = await RawConnection.open(server.url)
    query = urlencode(client.engine.query())
    await connection.send(
        f"GET /socket.io/?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Accept-Encoding: {encoding}\r\nConnection: close\r\n\r\n"
    )
    _, headers = await connection.head()
    body = await connection.rest()
    await connection.close()
    assert headers["content-encoding"] == encoding
    if headers.get("transfer-encoding") == "chunked":
        body = b"".join(unchunk(body))
    plain = gzip.decompress(body) if encoding == "gzip" else zlib.decompress(body)
    assert plain.decode() == f'42["text","{"x" * 5000}"]'
    assert len(body) < 1000


def unchunk(body: bytes) -> list[bytes]:
    chunks = []
    while body:
        size, _, body = body.partition(b"\r\n")
        chunks.append(body[: int(size, 16)])
        body = body[int(size, 16) + 2 :]
    return chunks


async def test_short_answers_are_not_compressed(peer: Any) -> None:
    client: Peer = await peer("polling")
    await client.emit("text", 10)
    answer = await client.engine.request(headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers


NASTY = "</script> \\ \" ' \u2028 \u2029 \n \r \t é 世 \x00"


async def jsonp_session(engine: EngineSession, index: str) -> Peer:
    answer = await engine.request(j=index)
    packet = script_payload(answer, index)
    assert packet.startswith("0{")
    engine.sid = json.loads(packet[1:])["sid"]
    await jsonp_post(engine, "40", index)
    assert script_payload(await engine.request(j=index), index).startswith("40{")
    return Peer(engine, "polling")


async def jsonp_post(engine: EngineSession, payload: str, index: str) -> None:
    # What the official JSONP client did: a newline that is data is a backslash and an n already;
    # a form would change a bare one, so those are escaped once more.
    field = payload.replace("\\n", "\\\\n")
    answer = await engine.request("POST", urlencode({"d": field}).encode(), FORM, j=index)
    assert answer.status == 200


def script_payload(answer: Answer, index: str) -> str:
    """Return the payload that the script of a JSONP answer hands over."""
    assert answer.status == 200
    if "x-content-type-options" in answer.headers:
        assert "javascript" in answer.headers["content-type"]
    match = re.fullmatch(rf"___eio\[{index}\]\((\".*\")\);?", answer.text, re.DOTALL)
    assert match, answer.text
    assert not set(match[1]) & {"\u2028", "\u2029", "\n", "\r"}, "they end the script's string"
    payload = json.loads(match[1])
    assert isinstance(payload, str)
    return payload


async def test_jsonp(engine: Any) -> None:
    """Trap 50: the body is a script that holds exactly the payload."""
    client = await jsonp_session(engine(), "7")
    await jsonp_post(client.engine, "42" + json.dumps(["echo", NASTY]), "7")
    packet = script_payload(await client.engine.request(j="7"), "7")
    assert json.loads(packet[2:]) == ["echo", NASTY]


async def test_jsonp_post_with_raw_text(engine: Any) -> None:
    """Trap 50: newlines, backslashes and form characters come through the field ``d``."""
    client = await jsonp_session(engine(), "0")
    text = "a\nb\\nc & = + % 世 \\"
    packet = "42" + json.dumps(["echo", text], ensure_ascii=False)
    await jsonp_post(client.engine, packet, "0")
    answer = script_payload(await client.engine.request(j="0"), "0")
    assert json.loads(answer[2:]) == ["echo", text]


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("index", ["abc", "alert(1)", "-1", "1e3", ""])
async def test_a_bad_jsonp_index_runs_nothing(engine: Any, index: str) -> None:
    """Trap 50: the index cannot carry a script."""
    answer = await engine().request(j=index)
    assert "alert" not in answer.text
    if answer.status == 200:
        assert re.match(r"(___eio\[\d*\]\(|0\{)", answer.text)
    else:
        assert answer.status == 400


async def test_other_paths_are_the_applications(engine: Any) -> None:
    """Trap 41."""
    session = engine()
    for path in ("", "elsewhere", "socket.iox/", "x/socket.io/"):
        async with session.http.get(f"{session.url.rsplit('/', 2)[0]}/{path}") as answer:
            assert answer.status == 404, path


@pytest.mark.python_only("its path ends with a slash unless configured otherwise")
async def test_the_path_without_its_slash(engine: Any) -> None:
    """Trap 41."""
    session = engine()
    session.url = session.url.rstrip("/")
    assert (await session.open_polling())["sid"]


async def test_the_address_of_the_client(server: Program) -> None:
    """Trap 42: it is the real one."""
    connector = aiohttp.TCPConnector(local_addr=("127.0.0.9", 0))
    async with aiohttp.ClientSession(connector=connector) as http:
        for transport in ("polling", "websocket"):
            client = await Peer(EngineSession(http, server.url), transport).open()
            await client.connect()
            [facts] = await client.ask("whoami")
            assert facts["address"] == "127.0.0.9", transport
