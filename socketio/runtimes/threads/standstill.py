"""Whether a thread that does not come to an end waits for something, or only for its turn.

A thread that waits for a lock, a socket or a clock is asleep and uses no CPU time at all. One that
waits for the interpreter wakes up every few milliseconds to ask for it, which costs some. One that
waits for a CPU is not asleep. Where the system tells these apart, a busy machine makes nobody
look as if it waited.
"""

from __future__ import annotations

import threading
import time

_STATES = "/proc/self/task/{}/stat"


class ThreadClock:
    """Tells whether the thread that has created it stands still.

    Raises:
        OSError: The system does not tell.
    """

    __slots__ = ("_clock", "_path", "_used")

    def __init__(self) -> None:
        # The thread asks for its own clock: that of a thread which has ended crashes the process.
        self._clock: int = time.pthread_getcpuclockid(threading.get_ident())
        self._path = _STATES.format(threading.get_native_id())
        self._used = -1
        self._is_asleep()

    def stands_still(self) -> bool:
        """Tell whether the thread sleeps and has not run since the last call of this method."""
        before = self._used
        try:
            self._used = time.clock_gettime_ns(self._clock)
            return self._used == before and self._is_asleep()
        except OSError:
            return False  # it has ended

    def _is_asleep(self) -> bool:
        with open(self._path, "rb") as file:
            # The name of the program stands in parentheses, and may hold any character.
            return file.read().rpartition(b")")[2].split(None, 1)[0] != b"R"


def create_thread_clock() -> ThreadClock | None:
    """Return a clock of the calling thread, or None where the system has none."""
    try:
        return ThreadClock()
    except (AttributeError, OSError):
        return None
