"""Origins, as scheme, host and port: what a page is from, and what this server is asked for as.

One origin is written in many ways (`https://Page.example:443`, `wss://page.example`); all of them
are one text here, the one that browsers write.
"""

from __future__ import annotations

from typing import Final

from ..abc.http import Request

DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
SECURE: Final = {"ws": "http", "wss": "https"}
"""The schemes of websockets, and those of the pages that open them."""


def normal(origin: str) -> str:
    """Return an origin as browsers write it: lower case, no default port, `http` or `https`.

    Args:
        origin: An origin, or an address that begins with one. What is neither (`null`) is
            returned as it is, so that it equals nothing but itself.
    """
    scheme, separator, rest = origin.strip().partition("://")
    if not separator or not scheme or not rest:
        return origin
    scheme = scheme.lower()
    scheme = SECURE.get(scheme, scheme)
    host, port = _divide(rest.rstrip("/"))
    return (
        f"{scheme}://{host}"
        if port in ("", DEFAULT_PORTS.get(scheme))
        else (f"{scheme}://{host}:{port}")
    )


def own_origins(request: Request) -> set[str]:
    """Return the origins under which a page of this very server runs.

    These are the scheme and host of the request, and those that a proxy says it was asked for; of
    several proxies the first one is what browsers talk to.
    """
    host = request.header("host")
    if host is None:
        return set()
    scheme = request.environ.get("wsgi.url_scheme", "http")
    origins = {normal(f"{scheme}://{host}")}
    asked_scheme = _first(request.header("x-forwarded-proto"))
    asked_host = _first(request.header("x-forwarded-host"))
    asked_port = _first(request.header("x-forwarded-port"))
    if asked_scheme or asked_host or asked_port:
        scheme, host = asked_scheme or scheme, asked_host or host
        origins.add(normal(f"{scheme}://{host}"))
        if asked_port:
            origins.add(normal(f"{scheme}://{_divide(host)[0]}:{asked_port}"))
    if _divide(host)[1] == DEFAULT_PORTS["https"]:
        # A proxy that ended TLS and did not say so: no page is served in the clear on that port.
        origins.add(normal(f"https://{host}"))
    return origins


def _divide(host: str) -> tuple[str, str]:
    """Return the host in lower case and in ASCII, and the port, which may be empty."""
    name, colon, port = host.rpartition(":")
    if not colon or (port and not port.isdecimal()):  # a bracket: the colons of an IPv6 address
        name, port = host, ""
    name = name.lower()
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            pass  # no name that a browser could have been at: it equals nothing but itself
    return name, port.lstrip("0") if port else ""


def _first(values: str | None) -> str:
    return values.split(",")[0].strip() if values else ""
