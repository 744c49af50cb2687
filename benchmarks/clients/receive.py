"""Receives events as fast as the client library takes them; prints what that cost."""

import argparse
import asyncio
import json
import threading
import time
from typing import Any

import socketio

PAYLOAD = "x" * 32
DEADLINE = 120
"""Seconds for all events."""


def figures(count: int, began: float, cpu_began: float) -> str:
    """Returns the result as JSON.

    Args:
        count: Events received.
        began: `time.perf_counter()` before the first.
        cpu_began: `time.process_time()` before the first.
    """
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_began
    return json.dumps({"messages": count, "seconds": seconds, "cpu": cpu})


async def run_asyncio(url: str, count: int) -> str:
    """Runs the asyncio client.

    Args:
        url: The server.
        count: Events to ask for.
    """
    sio = socketio.AsyncClient()
    received = 0
    flooded = asyncio.Event()

    async def news(data: Any) -> None:
        nonlocal received
        received += 1

    async def done() -> None:
        flooded.set()

    sio.on("news", news)
    sio.on("flooded", done)
    await sio.connect(url, transports=["websocket"])
    began, cpu_began = time.perf_counter(), time.process_time()
    await sio.emit("flood", (count, PAYLOAD))
    await asyncio.wait_for(flooded.wait(), DEADLINE)
    result = figures(received, began, cpu_began)
    await sio.disconnect()
    return result


def run_threading(url: str, count: int) -> str:
    """Runs the synchronous client.

    Args:
        url: The server.
        count: Events to ask for.
    """
    sio = socketio.Client()
    received = 0
    flooded = threading.Event()

    def news(data: Any) -> None:
        nonlocal received
        received += 1

    sio.on("news", news)
    sio.on("flooded", flooded.set)
    sio.connect(url, transports=["websocket"])
    began, cpu_began = time.perf_counter(), time.process_time()
    sio.emit("flood", (count, PAYLOAD))
    if not flooded.wait(DEADLINE):
        raise TimeoutError(f"{received} of {count} events in {DEADLINE} s")
    result = figures(received, began, cpu_began)
    sio.disconnect()
    return result


def main() -> None:
    """Parses the command line, runs, prints one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("flavour", choices=["asyncio", "threading"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--count", type=int, default=20_000)
    arguments = parser.parse_args()
    url = f"http://127.0.0.1:{arguments.port}"
    if arguments.flavour == "asyncio":
        print(asyncio.run(run_asyncio(url, arguments.count)))
    else:
        print(run_threading(url, arguments.count))


if __name__ == "__main__":
    main()
