"""The load generator against servers written here from the specification, not from our library."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

SOURCE = Path(__file__).resolve().parents[2] / "benchmarks" / "load.c"
OPEN = '0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
DEADLINE = 20

pytestmark = pytest.mark.server


@pytest.fixture(scope="session")
def load(tmp_path_factory: pytest.TempPathFactory, need: Any) -> Path:
    import subprocess

    compiler = need("cc", shutil.which("cc"), "apt-get install gcc libc6-dev")
    program = tmp_path_factory.mktemp("load") / "load"
    flags = ["-O2", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([compiler, *flags, "-o", program, SOURCE], check=True, timeout=60)
    return program


async def measure(load: Path, port: int, *options: str) -> tuple[int, dict[str, Any], str]:
    process = await asyncio.create_subprocess_exec(
        load, "--port", str(port), "--seconds", "1", "--warmup", "0.1", "--deadline", "10",
        *options, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await asyncio.wait_for(process.communicate(), DEADLINE)
    return process.returncode or 0, json.loads(output or "{}"), errors.decode()


class SocketIO:
    """The least Socket.IO server that the load generator accepts; counts what it is sent."""

    def __init__(self) -> None:
        self.seen: Counter[str | bytes] = Counter()
        self.clients: set[ServerConnection] = set()

    async def __call__(self, client: ServerConnection) -> None:
        await client.send(OPEN)
        assert await client.recv() == "40"
        await client.send('40{"sid":"y"}')
        await client.send("2")
        self.clients.add(client)
        async for message in client:
            self.seen[message] += 1
            await self.answer(client, message)

    async def answer(self, client: ServerConnection, message: str | bytes) -> None:
        if message == "3":
            return
        if message == '42["calls"]':
            await client.send('4210["question","ready?"]')
        elif isinstance(message, str) and message.startswith("43"):
            await client.send('4211["question","ready?"]')
        elif isinstance(message, str) and message.startswith('42["burst",4,'):
            for _ in range(4):
                await self.answer(client, '42["broadcast"]')
        elif isinstance(message, str) and message.startswith('42["broadcast"'):
            for each in self.clients:
                await each.send('42["news","x"]')
        else:
            await client.send(message)


async def run(load: Path, *options: str) -> tuple[SocketIO, dict[str, Any]]:
    server = SocketIO()
    async with serve(server, "127.0.0.1", 0, compression=None) as listener:
        port = next(iter(listener.sockets)).getsockname()[1]
        code, result, errors = await measure(load, port, *options)
    assert code == 0, errors
    return server, result


async def test_echo_sends_whole_masked_events_and_answers_pings(load: Path) -> None:
    options = ("--mode", "echo", "--clients", "3", "--depth", "2", "--size", "200")
    server, result = await run(load, *options)
    event = json.dumps(["echo", "".join(chr(97 + i % 26) for i in range(200))])
    event = "42" + event.replace(", ", ",")
    assert set(server.seen) == {"3", event}
    assert server.seen["3"] == 3
    assert 0 < result["messages"] <= server.seen[event]
    assert 0 < result["latency_us"]["p50"] <= result["latency_us"]["max"]


async def test_a_binary_event_is_counted_once_with_its_attachment(load: Path) -> None:
    options = ("--mode", "echo", "--binary", "--clients", "2", "--size", "70000")
    server, result = await run(load, *options)
    attachment = bytes(97 + i % 26 for i in range(70000))
    head = '451-["echo",{"_placeholder":true,"num":0}]'
    assert set(server.seen) == {"3", head, attachment}
    assert 0 < result["messages"] <= server.seen[attachment]


async def test_a_broadcast_is_counted_per_delivery_and_waited_for(load: Path) -> None:
    server, result = await run(load, "--mode", "group", "--clients", "5")
    emits = sum(n for text, n in server.seen.items() if str(text).startswith('42["broadcast"'))
    assert 0 < result["messages"] <= emits * 5


async def test_a_burst_is_asked_for_once_and_counted_per_delivery(load: Path) -> None:
    server, result = await run(load, "--mode", "burst", "--clients", "5", "--depth", "4")
    bursts = sum(n for text, n in server.seen.items() if str(text).startswith('42["burst",4,'))
    assert 20 <= result["messages"] <= bursts * 20


async def test_a_call_is_answered_with_its_ack_id(load: Path) -> None:
    server, result = await run(load, "--mode", "ack", "--clients", "2")
    assert server.seen['4310["yes"]'] == 2
    assert 0 < result["messages"] <= server.seen['4310["yes"]'] + server.seen['4311["yes"]']


async def test_connections_are_made_and_closed_in_a_loop(load: Path) -> None:
    server, result = await run(load, "--mode", "connect", "--clients", "2")
    assert result["messages"] > 2
    assert server.seen["41"] >= result["messages"]


async def test_an_answer_that_nobody_asked_for_ends_the_run(load: Path) -> None:
    class Twice(SocketIO):
        async def answer(self, client: ServerConnection, message: str | bytes) -> None:
            await super().answer(client, message)
            await super().answer(client, message)

    async with serve(Twice(), "127.0.0.1", 0, compression=None) as listener:
        port = next(iter(listener.sockets)).getsockname()[1]
        code, _, errors = await measure(load, port, "--mode", "group", "--clients", "2")
    assert code == 1
    assert "broadcast nobody sent" in errors


async def test_a_refused_connection_ends_the_run(load: Path) -> None:
    async def refuse(client: ServerConnection) -> None:
        await client.send(OPEN)
        await client.recv()
        await client.send('44{"message":"no"}')
        await client.wait_closed()

    async with serve(refuse, "127.0.0.1", 0, compression=None) as listener:
        port = next(iter(listener.sockets)).getsockname()[1]
        code, _, errors = await measure(load, port, "--mode", "echo", "--clients", "1")
    assert code == 1
    assert '44{"message":"no"}' in errors
