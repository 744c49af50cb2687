"""What an HTTP answer says of one file: versions, ranges, and a body that is read as it is sent.

It knows HTTP's conditions and the file system, and nothing of paths or servers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from typing import BinaryIO, Final

from ..abc.http import Headers, Response

Header = Callable[[str], str | None]
"""Returns the value of a request header (name in lower case), or None."""

CHUNK: Final = 65_536
"""Bytes that are read at once; a shorter body is not read piece by piece."""

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class FileResponse(Response):
    """An answer whose body is read from an open file while it is sent.

    Iterating gives the body's parts, as WSGI wants them; `close` has to be called at the end.

    Args:
        status: The HTTP status.
        headers: The headers, with `Content-Length`.
        file: Where the body comes from, at its first byte.
        length: Bytes of the body.
    """

    __slots__ = ("_file", "_left")

    def __init__(self, status: int, headers: Headers, file: BinaryIO, length: int) -> None:
        super().__init__(status, headers)
        self._file = file
        self._left = length

    def read(self) -> bytes:
        """Return the next part of the body; nothing at its end. Blocks while the disk works."""
        part = self._file.read(min(CHUNK, self._left))
        self._left -= len(part)
        return part

    def __iter__(self) -> Iterator[bytes]:
        while part := self.read():
            yield part

    def close(self) -> None:
        """Close the file; harmless when it is closed."""
        self._file.close()


def respond_with_file(filename: str, content_type: str, method: str, header: Header) -> Response:
    """Answer a request for a file.

    The answer to HEAD has the `Content-Length` of the file and no body. One range of bytes is
    answered by that range; several at once by the whole file (RFC 9110, section 14.2).

    Args:
        filename: The file's name.
        content_type: What the file holds.
        method: The HTTP method.
        header: Gives the request's headers.

    Returns:
        The answer with its `Content-Length`; a `FileResponse` for a body of more than `CHUNK`.

    Raises:
        OSError: The file cannot be read.
    """
    file = open(filename, "rb")  # noqa: SIM115  # a FileResponse closes it when it has been sent
    response: Response | None = None
    try:
        response = _respond(file, content_type, method, header)
    finally:
        if not isinstance(response, FileResponse):
            file.close()
    return response


def _respond(file: BinaryIO, content_type: str, method: str, header: Header) -> Response:
    status = os.fstat(file.fileno())
    size = status.st_size
    if method not in ("GET", "HEAD"):
        return _text_response(405, ("Allow", "GET, HEAD"))
    etag = f'"{status.st_mtime_ns:x}-{size:x}"'
    modified = formatdate(status.st_mtime, usegmt=True)
    headers: Headers = [("Content-Type", content_type), ("ETag", etag), ("Last-Modified", modified)]
    if _is_current(header, etag, status.st_mtime):
        return Response(304, headers[1:])
    headers.append(("Accept-Ranges", "bytes"))
    if method == "HEAD":
        return Response(200, [*headers, ("Content-Length", str(size))])
    wanted = _requested_range(header, (etag, modified), size)
    if wanted is None:
        return _respond_with_part(200, headers, file, range(size))
    if not wanted:
        return _text_response(416, ("Content-Range", f"bytes */{size}"))
    headers.append(("Content-Range", f"bytes {wanted.start}-{wanted.stop - 1}/{size}"))
    return _respond_with_part(206, headers, file, wanted)


def _respond_with_part(status: int, headers: Headers, file: BinaryIO, part: range) -> Response:
    file.seek(part.start)
    if len(part) > CHUNK:
        headers = [*headers, ("Content-Length", str(len(part)))]
        return FileResponse(status, headers, file, len(part))
    body = file.read(len(part))
    return Response(status, [*headers, ("Content-Length", str(len(body)))], body)


def _requested_range(header: Header, version: tuple[str, str], size: int) -> range | None:
    """Return the bytes that are asked for, none if there are no such bytes; None: all of them.

    Args:
        header: Gives the request's headers.
        version: The file's entity tag and date, either of which `If-Range` may name.
        size: Bytes of the file.
    """
    match = _RANGE.fullmatch(header("range") or "")
    condition = header("if-range")
    if match is None or (condition is not None and condition not in version):
        return None
    first, last = match.groups()
    if first:
        stop = min(int(last) + 1, size) if last else size
        # A last byte before the first is no range at all.
        return None if last and int(last) < int(first) else range(int(first), stop)
    return range(max(0, size - int(last)), size) if last else None


def _is_current(header: Header, etag: str, modified: float) -> bool:
    """Tell whether the client has this version already (RFC 9110, section 13.2.2)."""
    known = header("if-none-match")
    if known is not None:
        tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
        return "*" in tags or etag in tags
    since = header("if-modified-since")
    if since is None:
        return False
    try:
        date = parsedate_to_datetime(since)
    except (ValueError, OverflowError):  # OverflowError: numbers of any length
        return False  # an invalid date is ignored, as the RFC says
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return datetime.fromtimestamp(int(modified), UTC) <= date


def _text_response(status: int, header: tuple[str, str]) -> Response:
    """Return an answer whose body is its status in words."""
    response = Response(status, [("Content-Type", "text/plain"), header])
    response.body = response.reason.encode()
    response.headers.append(("Content-Length", str(len(response.body))))
    return response
