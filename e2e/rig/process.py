"""Programs under test: started, listened to, stopped."""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import pytest

START_DEADLINE = 20.0
"""Seconds for a program to print its port."""
DEADLINE = 20.0
"""Seconds for anything else that a test waits for: a busy machine may stand still for some."""
ON_PURPOSE = re.compile(
    r"handler of 'fail' in \S+ failed\nTraceback.*?ValueError: this handler failed on purpose\n",
    re.DOTALL,
)

CRASH_SIGNS = (
    "Traceback (most recent call last)",
    "Exception in ASGI application",
    "was never retrieved",
    "was never awaited",
    "Task was destroyed but it is pending",
)
"""Texts on standard error that no bad input may bring about."""


def wait_until_in_charge(pid: int, number: signal.Signals) -> None:
    """Wait until a process handles a signal itself, which clients do while they are in `wait()`."""
    end = time.monotonic() + DEADLINE
    while True:
        status = Path(f"/proc/{pid}/status").read_text()
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        if caught >> (number - 1) & 1:
            return
        assert time.monotonic() < end, f"{number.name} is not handled"
        time.sleep(0.01)


def wait_until_idle(pid: int) -> None:
    """Wait until a server's main thread waits for sockets, where Linux tells, for a second at most.

    Python's `socketserver` closes a connection that it gives to a thread when Ctrl-C interrupts it
    at that, and the thread, which may have answered meanwhile, complains.
    """
    where = Path(f"/proc/{pid}/wchan")
    end = time.monotonic() + 1
    while time.monotonic() < end:
        waits_in = where.read_text() if where.exists() else ""
        if "poll" in waits_in or "select" in waits_in:
            return
        time.sleep(0.01)


def parse_entry(line: bytes) -> dict[str, Any]:
    """Return the entry of a line; a line that is none becomes one of the event `output`."""
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    if isinstance(entry, dict):
        return entry
    return {"event": "output", "text": line.decode(errors="replace").rstrip()}


class Output:
    """The lines that a program has written so far to one of its streams.

    Whatever it had written before somebody heard of it by another way is there.
    """

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._news = threading.Condition()
        self._ended = False
        self._output = -1
        self._half_a_line = b""

    def read(self, stream: IO[str]) -> None:
        """Take lines until the stream ends."""
        with self._news:
            self._output = stream.fileno()
            os.set_blocking(self._output, False)
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        while not self._ended:
            poll.poll(500)
            with self._news:
                self._take()

    def close(self) -> None:
        """Take no more lines."""
        with self._news:
            self._take()
            self._end()

    def _take(self) -> None:
        """Take what has been written so far."""
        while not self._ended and self._output >= 0:
            try:
                data = os.read(self._output, 65536)
            except BlockingIOError:
                return
            *lines, self._half_a_line = (self._half_a_line + data).split(b"\n")
            if not data:
                lines, self._half_a_line = [self._half_a_line] * bool(self._half_a_line), b""
                self._end()
            self._add(lines)
            self._news.notify_all()

    def _add(self, lines: list[bytes]) -> None:
        """Keep lines, which are without their ends."""
        self._lines += lines

    def _end(self) -> None:
        self._ended = True
        self._news.notify_all()

    def lines(self) -> list[str]:
        """Return the lines, each with its end."""
        with self._news:
            self._take()
            return [f"{line.decode(errors='replace')}\n" for line in self._lines]


class Journal(Output):
    """What a program has said so far, one JSON object per line of its output."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[dict[str, Any]] = []

    def _add(self, lines: list[bytes]) -> None:
        self._entries += map(parse_entry, lines)

    def all(self, **fields: Any) -> list[dict[str, Any]]:
        """Return the entries that have these fields."""
        with self._news:
            self._take()
            return [entry for entry in self._entries if fields.items() <= entry.items()]

    def wait(self, deadline: float = DEADLINE, *, count: int = 1, **fields: Any) -> dict[str, Any]:
        """Return the ``count``-th entry that has these fields, waiting for it.

        Raises:
            AssertionError: it did not come within ``deadline`` seconds, or the program ended.
        """
        end = time.monotonic() + deadline
        with self._news:
            while True:
                found = [entry for entry in self._entries if fields.items() <= entry.items()]
                if len(found) >= count:
                    return found[count - 1]
                left = end - time.monotonic()
                if left <= 0 or self._ended:
                    seen = "\n".join(map(str, self._entries[-10:]))
                    why = "the program ended" if self._ended else f"waited {deadline} s"
                    raise AssertionError(f"nothing like {fields} ({why}); last entries:\n{seen}")
                self._news.wait(left)


class Program:
    """A process that prints ``{"port": N}`` and then its journal.

    Args:
        command: program and arguments.
        environment: variables to add.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        self.command = list(command)
        self.environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
        self.journal = Journal()
        self._errors = Output()
        self._process: subprocess.Popen[str] | None = None
        self._threads: list[threading.Thread] = []
        self.port = 0

    @property
    def reference(self) -> bool:
        """Whether this is the official JavaScript server."""
        return self.command[:1] == ["node"]

    @property
    def url(self) -> str:
        """Base URL, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def errors(self) -> list[str]:
        """The lines of its standard error so far."""
        return self._errors.lines()

    @property
    def process(self) -> subprocess.Popen[str]:
        """The running process."""
        assert self._process is not None, "the program was not started"
        return self._process

    def start(self, *arguments: str) -> Program:
        """Start the program and wait until it listens."""
        self._spawn(arguments)
        try:
            self.port = self._wait_until_it_listens(time.monotonic() + START_DEADLINE)
        except AssertionError as error:
            self.kill()
            raise AssertionError(
                f"{' '.join(self.command)} did not start:\n{''.join(self.errors)}"
            ) from error
        return self

    def _wait_until_it_listens(self, end: float) -> int:
        while not (ports := [e["port"] for e in self.journal.all() if "port" in e]):
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError("it printed no port")
            time.sleep(0.01)
        port: int = ports[0]
        return port

    def _spawn(self, arguments: Sequence[str]) -> None:
        self.journal = Journal()
        self._errors = Output()
        self._process = process = subprocess.Popen(
            [*self.command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=self.environment,
            text=True,
            encoding="utf-8",
        )
        assert process.stdout is not None
        assert process.stderr is not None
        self._threads = [
            threading.Thread(target=self.journal.read, args=(process.stdout,), daemon=True),
            threading.Thread(target=self._errors.read, args=(process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def restart(self) -> None:
        """Start it again on the port it had."""
        self.start("--port", str(self.port))

    def send(self, number: signal.Signals) -> None:
        """Send a signal to this process alone."""
        self.process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM, deadline: float = DEADLINE) -> float:
        """Ask the program to end and return the seconds it took.

        Raises:
            AssertionError: it was still running after ``deadline`` seconds.
        """
        began = time.monotonic()
        if self.process.poll() is None:
            self.send(number)
        try:
            self.process.wait(deadline)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise AssertionError(
                f"{self.command} was still running {deadline} s after {number.name}"
            ) from error
        self._drain()
        return time.monotonic() - began

    def stop_in_own_time(self, number: signal.Signals) -> float:
        """Ask the program to end and return the seconds it took by itself.

        Those in which its main thread, or this one, could not run because the machine was busy
        with others are left out (Linux tells them). After 20 seconds it is killed.
        """
        pid = self.process.pid
        threads = Path(f"/proc/{pid}/schedstat"), Path("/proc/thread-self/schedstat")

        def own_time() -> float:
            waited = sum(int(path.read_text().split()[1]) for path in threads)
            return time.monotonic() - waited / 1e9

        guard = threading.Timer(START_DEADLINE, self.process.kill)
        guard.start()
        began = own_time()
        self.send(number)
        # Not reaped yet, so that it can still be asked; and this thread sleeps meanwhile, so that
        # it waits for its turn only once, at the end.
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        took = own_time() - began
        guard.cancel()
        self.stop(number)
        return took

    def kill(self) -> None:
        """End the program at once, as a crash would."""
        self.process.kill()
        self.process.wait()
        self._drain()

    def _drain(self) -> None:
        for thread in self._threads:
            thread.join(5)  # a worker that is left behind may keep the other end open
        self.journal.close()
        self._errors.close()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def wait_for_log(self, text: str, start: int = 0, deadline: float = DEADLINE) -> None:
        """Wait until standard error, from line ``start`` on, has a text.

        Raises:
            AssertionError: it did not come within ``deadline`` seconds.
        """
        end = time.monotonic() + deadline
        while text not in "".join(self.errors[start:]):
            assert time.monotonic() < end, f"{text!r} is not in the log: {self.errors[start:]}"
            time.sleep(0.01)

    def crashes(self, start: int = 0) -> str:
        """Return the standard error from line ``start`` on if it shows a crash, else ''."""
        # The handler that fails on purpose may be logged after its test, by another thread.
        text = ON_PURPOSE.sub("", "".join(self.errors[start:]))
        if not any(sign in text for sign in CRASH_SIGNS):
            return ""
        return text if len(text) < 4000 else f"{text[:2000]}\n[…]\n{text[-2000:]}"

    def close(self) -> None:
        """End the program if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    @property
    def running(self) -> bool:
        """Whether the program has not ended."""
        return self.process.poll() is None

    async def seen(self, deadline: float = DEADLINE, **fields: Any) -> dict[str, Any]:
        """Wait for a journal entry without blocking the event loop."""
        return await asyncio.to_thread(self.journal.wait, deadline, **fields)


class UnseenJournal(Journal):
    """The journal of a program that runs elsewhere."""

    def all(self, **fields: Any) -> list[dict[str, Any]]:
        """Skip the test: what the server has seen is not known here."""
        pytest.skip("the journal of a server that runs elsewhere is out of reach")

    def wait(self, deadline: float = DEADLINE, *, count: int = 1, **fields: Any) -> dict[str, Any]:
        """Skip the test as well."""
        pytest.skip("the journal of a server that runs elsewhere is out of reach")


class RemoteProgram(Program):
    """A server that runs already and that the tests neither start nor stop.

    Args:
        url: its base URL.
    """

    def __init__(self, url: str) -> None:
        super().__init__(())
        self._url = url
        self.journal = UnseenJournal()

    @property
    def url(self) -> str:
        """Base URL, without a slash at its end."""
        return self._url

    @property
    def running(self) -> bool:
        """Always: it is somebody else's."""
        return True

    def start(self, *arguments: str) -> RemoteProgram:
        """Leave it as it is."""
        return self

    def wait_for_log(self, text: str, start: int = 0, deadline: float = DEADLINE) -> None:
        """Skip the test: what the server logs is not known here."""
        pytest.skip("the log of a server that runs elsewhere is out of reach")
