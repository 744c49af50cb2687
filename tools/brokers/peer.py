"""python-socketio in an environment of its own, as a member of mixed clusters in tests.

Both packages are imported as `socketio`, so the peer lives in another process and environment.
"""

from __future__ import annotations

import base64
import itertools
import json
import queue
import subprocess
import sys
import threading
import venv
from pathlib import Path
from typing import Any

from .process import BrokerError
from .shared import ROOT

PACKAGES = (
    "python-socketio>=5.14,<6",
    "redis",
    "kombu",
    "aio-pika",
    "aiohttp",
    "requests",
    "uvicorn",
)
"""What the peer's environment holds: the package and what its managers and clients need."""

_DIRECTORY = ROOT / "peer"
_DEADLINE = 20.0


def peer_python(create: bool = False) -> str | None:
    """Return the Python of the peer's environment, or None if there is none.

    Args:
        create: Make the environment when it is missing or incomplete.

    Raises:
        BrokerError: It could not be made.
    """
    python = _DIRECTORY / "bin" / "python"
    done = _DIRECTORY / ".complete"
    wanted = "\n".join(PACKAGES)
    if done.exists() and done.read_text() == wanted:
        return str(python)
    if not create:
        return None
    venv.create(_DIRECTORY, with_pip=True)
    install = subprocess.run(
        [str(python), "-m", "pip", "install", "-q", *PACKAGES],
        capture_output=True,
        text=True,
        check=False,
    )
    if install.returncode:
        raise BrokerError(f"cannot install python-socketio for the tests:\n{install.stderr}")
    done.write_text(wanted)
    return str(python)


class Peer:
    """A process with a python-socketio server that has at least one client.

    Args:
        python: From `peer_python`.
        flavour: `"sync"` or `"async"`.
        manager: The name of its manager's class.
        url: The broker.
        channel: The channel.
    """

    def __init__(self, python: str, flavour: str, manager: str, url: str, channel: str) -> None:
        script = Path(__file__).with_name("peer_process.py")
        self._process = subprocess.Popen(
            [python, str(script), flavour, manager, url, channel],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sys.stderr,
            text=True,
            cwd=ROOT,  # not where our package would be found first
        )
        self._numbers = itertools.count(1)
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {}
        self._events: dict[int, queue.Queue[list[Any]]] = {}
        self.disconnected: queue.Queue[str] = queue.Queue()
        self._ready = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        if not self._ready.wait(_DEADLINE):
            self.stop()
            raise BrokerError("the python-socketio process did not start")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = _unpack(json.loads(line))
            if "answer" in message:
                self._answers.pop(message["answer"]).put(message)
            elif "client" in message:
                self._queue(message["client"]).put(message["event"])
            elif "disconnected" in message:
                self.disconnected.put(message["disconnected"])
            elif "ready" in message:
                self._ready.set()

    def _queue(self, client: int) -> queue.Queue[list[Any]]:
        return self._events.setdefault(client, queue.Queue())

    def do(self, action: str, **arguments: Any) -> Any:
        """Have it do something, wait until it has, and return the result."""
        number = next(self._numbers)
        answer: queue.Queue[dict[str, Any]] = queue.Queue()
        self._answers[number] = answer
        assert self._process.stdin is not None
        command = {"do": action, "id": number, **arguments}
        self._process.stdin.write(json.dumps(_pack(command)) + "\n")
        self._process.stdin.flush()
        message = answer.get(timeout=_DEADLINE)
        if "error" in message:
            raise BrokerError(f"python-socketio: {message['error']}")
        return message["value"]

    def until(self, name: str, client: int = 1) -> list[list[Any]]:
        """Return what a client got before an event of this name, and fetch that one too."""
        events: list[list[Any]] = []
        while True:
            event = self._queue(client).get(timeout=_DEADLINE)
            if event[0] == name:
                return events
            events.append(event)

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def _pack(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, tuple):
        return {"tuple": [_pack(item) for item in value]}
    if isinstance(value, dict):
        return {key: _pack(item) for key, item in value.items()}
    return [_pack(item) for item in value] if isinstance(value, list) else value


def _unpack(value: Any) -> Any:
    if isinstance(value, dict):
        if list(value) == ["base64"]:
            return base64.b64decode(value["base64"])
        return {key: _unpack(item) for key, item in value.items()}
    return [_unpack(item) for item in value] if isinstance(value, list) else value
