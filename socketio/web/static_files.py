"""Static files for pages that come without a web framework: the `static_files=` of both wrappers.

It finds the file of a path in the user's mapping, and knows nothing of servers. It is meant for
development and small deployments.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from typing import Final

from ..abc.http import Response
from .file_response import respond_with_file

StaticFile = str | os.PathLike[str] | Mapping[str, str]
"""A file name, a directory name, or a mapping with `filename` and optionally `content_type`."""

CONTENT_TYPES: Final = {
    "css": "text/css",
    "gif": "image/gif",
    "html": "text/html",
    "jpg": "image/jpeg",
    "js": "application/javascript",
    "json": "application/json",
    "png": "image/png",
    "txt": "text/plain",
}
"""The content types that are known by a file's extension."""

OTHER_CONTENT_TYPE: Final = "application/octet-stream"
"""The content type of every other file."""

DEFAULT_FILE: Final = "index.html"
"""What a path that ends in `/` stands for, unless the mapping says otherwise under `''`."""


class StaticFiles:
    """Finds and serves the files that a mapping names.

    A path is looked up as it is; then its segments are taken off from the right until what is
    left, with or without a slash at its end, is in the mapping, and those segments name a file
    below that directory. Nothing outside of the directory is served, whatever the path says and
    wherever symbolic links in it lead.

    Args:
        mapping: File or directory by URL path; `''` names the default file of paths that end in
            a slash. It may be changed while the application runs.

    Raises:
        TypeError: A key or value of the mapping is none of what it may be.
    """

    def __init__(self, mapping: Mapping[str, StaticFile]) -> None:
        if not isinstance(mapping, Mapping):
            raise TypeError(f"static_files= needs a dict of URL paths and files, got {mapping!r}")
        self.mapping = mapping
        for key, value in mapping.items():
            if not isinstance(key, str):
                raise TypeError(f"static_files has the key {key!r}: keys are URL paths")
            _rule(key, value)

    def respond(
        self, path: str, method: str, header: Callable[[str], str | None]
    ) -> Response | None:
        """Answer a request for a static file.

        Args:
            path: The decoded path of the request.
            method: The HTTP method.
            header: Returns the value of a request header (name in lower case), or None.

        Returns:
            The answer of `respond_with_file`, or None when no file is meant.
        """
        found = self.find(path)
        if found is None:
            return None
        try:
            return respond_with_file(*found, method, header)
        except OSError:  # it may not be read, or is gone by now
            return None

    def find(self, path: str) -> tuple[str, str] | None:
        """Find the file that a path means.

        Args:
            path: The decoded path of the request.

        Returns:
            The name of an existing regular file and its content type, or None.
        """
        match = self._match(path)
        if match is None:
            return None
        filename, content_type, below = match
        directory = filename
        if below:
            if not _is_plain(below):
                return None
            filename = filename.rstrip("/") + "/" + below.lstrip("/")
        if filename.endswith("/"):
            directory = directory if below else filename
            default, default_type = _rule("", self.mapping.get("", DEFAULT_FILE))
            filename += default
            content_type = default_type or content_type
        if directory is not filename and not _is_inside(filename, directory):
            return None
        if not _is_regular_file(filename):
            return None
        return filename, content_type or content_type_of(filename)

    def _match(self, path: str) -> tuple[str, str | None, str] | None:
        """Return the file or directory, the content type and the rest of the path, or None."""
        # The key '' is no rule: it names the default file.
        if path and path in self.mapping:
            return *_rule(path, self.mapping[path]), ""
        end = len(path)
        while (end := path.rfind("/", 0, end)) >= 0:
            for key in (path[:end], path[: end + 1]):
                if key and key in self.mapping:
                    return *_rule(key, self.mapping[key]), path[end:]
        return None


def content_type_of(filename: str) -> str:
    """Return the content type that a file's extension stands for."""
    extension = os.path.splitext(filename)[1]
    return CONTENT_TYPES.get(extension[1:].lower(), OTHER_CONTENT_TYPE)


def _rule(key: str, value: StaticFile) -> tuple[str, str | None]:
    """Return file name and content type of a value of the mapping."""
    if isinstance(value, Mapping):
        filename, content_type = value.get("filename"), value.get("content_type")
        if isinstance(filename, str | os.PathLike) and isinstance(content_type, str | None):
            return os.fspath(filename), content_type
    elif isinstance(value, str | os.PathLike):
        return os.fspath(value), None
    raise TypeError(
        f"static_files[{key!r}] is {value!r}: it must be a file name, a directory name, or a "
        "dict with 'filename' and optionally 'content_type'"
    )


def _is_plain(below: str) -> bool:
    """Tell whether the rest of a path names something below, as every system reads it."""
    if "\\" in below or "\0" in below or (os.name == "nt" and ":" in below):
        return False
    first, *segments = below.split("/")
    # An empty segment is a second slash; only at the end does it mean something.
    return not first and ".." not in segments and "." not in segments and "" not in segments[:-1]


def _is_inside(filename: str, directory: str) -> bool:
    """Tell whether a file really lies in a directory, after following symbolic links."""
    root = os.path.realpath(directory)
    return os.path.realpath(filename).startswith(root.rstrip(os.sep) + os.sep)


def _is_regular_file(filename: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(filename).st_mode)
    except (OSError, ValueError):  # it is not there, or its name is impossible
        return False
