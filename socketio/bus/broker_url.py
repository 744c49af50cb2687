"""URLs of brokers, as they may be shown to people."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PASSWORD = re.compile(r"(?P<before>[A-Za-z][\w+.-]*://[^/?#@\s]*?:)[^/?#\s]*(?=@)")
_QUERY_PASSWORD = re.compile(r"(?P<before>[?&](?:password|passwd|pwd|secret|token)=)[^&#\s]*", re.I)


def without_password(url: str | Iterable[str]) -> str:
    """Return a URL, or several with commas between them, with `***` for each password."""
    if not isinstance(url, str):
        return ",".join(without_password(each) for each in url)
    return _QUERY_PASSWORD.sub(r"\g<before>***", _PASSWORD.sub(r"\g<before>***", url))
