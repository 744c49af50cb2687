"""The WSGI-like description of a request, the same whatever framework it came through.

It is for frameworks that have no WSGI environ of their own, and knows names of WSGI (PEP 3333) and
nothing of frameworks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from socketio.abc import add_headers


def build_environ(
    *,
    method: str,
    path: str,
    raw_uri: str,
    query_string: str,
    headers: Iterable[tuple[str, str]],
    remote: tuple[str, str],
    server: tuple[str, str],
    scheme: str,
    http_version: str,
    software: str,
    script_name: str = "",
) -> dict[str, Any]:
    """Return what WSGI would have called `environ`.

    Args:
        method: The request's method.
        path: The decoded path, without the mount point.
        raw_uri: Path and query as they stood in the request line.
        query_string: The query, still encoded.
        headers: Names and values; repeated ones are joined as HTTP says.
        remote: The client's address and port.
        server: The server's name or address, and port.
        scheme: `http` or `https`, also for websockets.
        http_version: `1.1` and the like.
        software: The framework's name.
        script_name: The mount point.
    """
    environ: dict[str, Any] = {
        "wsgi.input": None,
        "wsgi.errors": None,
        "wsgi.version": (1, 0),
        "wsgi.run_once": False,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.async": True,
        "wsgi.url_scheme": scheme,
        "SERVER_SOFTWARE": software,
        "SERVER_PROTOCOL": f"HTTP/{http_version}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": server[1],
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": script_name,
        "PATH_INFO": path,
        "QUERY_STRING": query_string,
        "RAW_URI": raw_uri,
        "REMOTE_ADDR": remote[0],
        "REMOTE_PORT": remote[1],
    }
    add_headers(environ, headers)
    return environ


def address(socket_name: Any) -> tuple[str, str]:
    """Return address and port of what `getpeername` or `getsockname` has given.

    A Unix socket has neither.
    """
    if isinstance(socket_name, tuple) and len(socket_name) >= 2:
        return str(socket_name[0]), str(socket_name[1])
    return "", ""
