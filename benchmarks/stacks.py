"""The servers that are measured: a library in a framework."""

from dataclasses import dataclass
from typing import Literal

from benchmarks.paths import OXIDE_SERVER, SERVERS, python

Library = Literal["ours", "peer", "node", "oxide", "bare"]

LIBRARY_TITLES = {
    "ours": "socketio",
    "peer": "python-socketio",
    "node": "Node socket.io",
    "oxide": "socketioxide",
    "bare": "bare websocket",
}


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One server program.

    Args:
        library: Whose Socket.IO, or `bare` for a websocket without Socket.IO.
        framework: Web server, with `+uvloop` when the event loop is uvloop and `+json` when the
            server is told to use the standard library's JSON.
    """

    library: Library
    framework: str

    @property
    def name(self) -> str:
        """The name on the command line and in the raw data."""
        return f"{self.library}:{self.framework}"

    @property
    def title(self) -> str:
        """The name in the report."""
        return f"{LIBRARY_TITLES[self.library]}, {self.framework}"

    @property
    def missing(self) -> bool:
        """Whether it could not be built here, and its runs are left out."""
        return self.library == "oxide" and not OXIDE_SERVER.exists()

    def command(self, descriptor: int, manager: str | None = None) -> list[str]:
        """Returns the command that starts the server.

        Args:
            descriptor: Inherited listening socket.
            manager: URL of a broker, or None for the manager in memory.
        """
        if self.library == "oxide":
            return [str(OXIDE_SERVER), "--fd", str(descriptor)]
        if self.library == "node":
            return ["node", str(SERVERS / "node_server.mjs"), "--fd", str(descriptor)]
        server, *flags = self.framework.split("+")
        end = ["--fd", str(descriptor)]
        loop = ["--loop", "uvloop" if "uvloop" in flags else "asyncio"]
        if self.library == "bare":
            end += loop
            return [python("peer"), str(SERVERS / "bare_server.py"), server, *end]
        if server in ("threading", "gevent"):
            return [python(self.library), str(SERVERS / "sync_server.py"), server, *end]
        end += loop
        if "json" in flags:
            end.append("--stdlib-json")
        if manager is not None:
            end += ["--manager", manager]
        return [python(self.library), str(SERVERS / "asyncio_server.py"), server, *end]


def _both(*frameworks: str) -> tuple[Stack, ...]:
    return tuple(
        Stack(library=library, framework=framework)
        for framework in frameworks
        for library in ("ours", "peer")
    )


NODE = (Stack(library="node", framework="ws"),)
OXIDE = (Stack(library="oxide", framework="axum"),)
"""In Rust: what a broadcast costs a server that is compiled."""
ASYNCIO_FRAMEWORKS = ("uvicorn", "uvicorn+uvloop", "aiohttp", "aiohttp+uvloop")
ASYNCIO = _both(*ASYNCIO_FRAMEWORKS)
BARE = tuple(
    Stack(library="bare", framework=framework)
    for framework in (*ASYNCIO_FRAMEWORKS, "picows+uvloop")
)
TWO_FRAMEWORKS = _both("uvicorn+uvloop", "aiohttp")
"""Where four frameworks would take too long: one with uvloop, one without."""
TWO_BARE = tuple(stack for stack in BARE if stack.framework in ("uvicorn+uvloop", "aiohttp"))
STDLIB_JSON = _both("uvicorn+uvloop+json", "aiohttp+json")
CLUSTER = _both("uvicorn+uvloop")
THREADING = _both("threading")
GEVENT = _both("gevent")
