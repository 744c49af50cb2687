"""Clients that come and go in every way, for as long as they are asked to.

`python clients.py URL SECONDS` prints one line of JSON: what they did, and what went wrong.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from typing import Any

import aiohttp

import socketio

AT_ONCE = 16
PATIENCE = 30.0
"""Seconds for an answer."""


class Crowd:
    """Clients at once, of which each lives a short life.

    Args:
        url: The server's.
        seconds: How long new ones come.
        seed: Of what they do.
    """

    def __init__(self, url: str, seconds: float, seed: int) -> None:
        self.url = url
        self.ends = time.monotonic() + seconds
        self.random = random.Random(seed)
        self.done = dict.fromkeys(("lives", "sent", "acked", "ticks", "vanished"), 0)
        self.faults: list[str] = []

    async def run(self) -> None:
        """Live until the time is over."""
        await asyncio.gather(*(self._one_after_another() for _ in range(AT_ONCE)))

    async def _one_after_another(self) -> None:
        while time.monotonic() < self.ends and len(self.faults) < 20:
            life = self.random.choice((self._polite, self._polite, self._abrupt, self._silent))
            try:
                await life()
            except Exception as error:  # whatever it is, the report is to name it
                self.faults.append(f"{life.__name__}: {error!r}")
            self.done["lives"] += 1

    async def _polite(self) -> None:
        """Connect, work, and say goodbye."""
        choices: tuple[list[str] | None, ...] = (["polling"], ["websocket"], None)
        client = socketio.AsyncClient(reconnection=False)
        last = 0

        async def tick(number: int) -> None:
            nonlocal last
            if number <= last:
                self.faults.append(f"tick {number} after {last}")
            last = number
            self.done["ticks"] += 1

        client.on("tick", tick)
        namespaces = self.random.choice((["/"], ["/", "/b"]))
        await client.connect(
            self.url,
            transports=self.random.choice(choices),
            namespaces=namespaces,
            wait_timeout=PATIENCE,
        )
        for number in range(1, self.random.randint(5, 60)):
            namespace = namespaces[-1]
            payload = self.random.choice(("text", b"binary", {"a": [1, "ü"]}, "x" * 20_000))
            self.done["sent"] += 1
            if self.random.random() < 0.5:
                answer = await client.call(
                    "work", (number, payload), namespace=namespace, timeout=PATIENCE
                )
                self.done["acked"] += 1
                if list(answer) != [number, payload]:
                    self.faults.append(f"the answer to {number} was {answer!r:.100}")
            else:
                await client.emit("work", (number, payload), namespace=namespace)
            if self.random.random() < 0.1:
                await client.emit("room", self.random.choice("abc"), namespace=namespace)
        # What was sent without a question has its place before this answer.
        number += 1
        self.done["sent"] += 1
        await client.call("work", (number, None), namespace=namespaces[-1], timeout=PATIENCE)
        self.done["acked"] += 1
        await client.disconnect()
        await client.wait()

    async def _abrupt(self) -> None:
        """Cut the connection in the middle of work."""
        async with aiohttp.ClientSession() as http:
            url = f"{self.url}/socket.io/?EIO=4&transport=websocket"
            websocket = await http.ws_connect(url, max_msg_size=0)
            await websocket.send_str("40")
            for number in range(1, self.random.randint(1, 20)):
                await websocket.send_str(f'42{number}["work",{number},"x"]')
            if self.random.random() < 0.5:
                await websocket.receive(PATIENCE)
            transport = websocket._response.connection and websocket._response.connection.transport
            if transport is not None:
                transport.abort()
            self.done["vanished"] += 1

    async def _silent(self) -> None:
        """Open a session on polling, or a connection without one, and never come back."""
        async with aiohttp.ClientSession() as http:
            url = f"{self.url}/socket.io/?EIO=4&transport=polling"
            async with http.get(url) as answer:
                sid = json.loads((await answer.text())[1:])["sid"]
            if self.random.random() < 0.5:
                async with http.post(f"{url}&sid={sid}", data="40") as answer:
                    await answer.read()
            if self.random.random() < 0.5:
                try:
                    async with asyncio.timeout(0.05):
                        async with http.get(f"{url}&sid={sid}") as answer:
                            await answer.read()
                except TimeoutError:
                    pass  # it goes away while the poll waits
            self.done["vanished"] += 1


async def main(url: str, seconds: float) -> dict[str, Any]:
    """Let a crowd live; returns what it did."""
    seed = random.randrange(2**32)
    crowd = Crowd(url, seconds, seed)
    await crowd.run()
    return {**crowd.done, "seed": seed, "faults": crowd.faults}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], float(sys.argv[2])))), flush=True)
