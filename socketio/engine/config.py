"""The options of an Engine.IO server, checked once at construction.

Every option is here with its unit and its bounds.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

CookieOption = str | Mapping[str, Any] | Callable[..., str] | None
OriginsOption = str | list[str] | tuple[str, ...] | Callable[..., bool] | None

POLICIES = ("close", "drop_new", "drop_old", "latest")
"""What may happen to a client for which too much waits."""


def refuse_unknown(what: str, unknown: Iterable[str], known: Iterable[str]) -> None:
    """Raise for keyword arguments that do not exist, naming the one that was meant.

    Args:
        what: Who was called, for the message.
        unknown: The names that were given.
        known: The names that exist.

    Raises:
        TypeError: `unknown` is not empty.
    """
    known = sorted(known)
    for name in unknown:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else f"; it takes {', '.join(known)}"
        raise TypeError(f"{what} has no argument {name!r}{hint}")


@dataclass(kw_only=True)
class EngineConfig:
    """Options of an Engine.IO server; times in seconds, sizes in bytes."""

    async_mode: str | None = None
    """Force an async mode; None: it follows from how the server is attached or wrapped."""
    ping_interval: float | tuple[float, float] = 25
    """Seconds between pings, or `(interval, grace)`: the client is told the sum of both."""
    ping_timeout: float = 20
    """Seconds that a client has to answer a ping."""
    max_http_buffer_size: int = 1_000_000
    """Bytes that one message, or one request body, may have."""
    allow_upgrades: bool = True
    """Whether a polling client is offered the upgrade to websocket."""
    http_compression: bool = True
    """Whether long answers to polls are compressed."""
    compression_threshold: int = 1024
    """Bytes from which an answer is compressed."""
    cookie: CookieOption = None
    """Name, or mapping of attributes, of a cookie with the session id; None: no cookie."""
    cors_allowed_origins: OriginsOption = None
    """Origins that may connect; None: the server's own. `[]`: no CORS headers are sent."""
    cors_credentials: bool = True
    """Whether cross-origin requests may carry cookies."""
    check_origin: bool = True
    """Whether requests from other origins are refused; needs no CORS headers to work."""
    monitor_clients: bool = True
    """Whether silent clients are pinged and closed."""
    transports: str | list[str] | tuple[str, ...] | None = None
    """Names of the transports to serve; None: polling, websocket and those of plugins that are
    installed or were passed."""
    subprotocols: list[str] | tuple[str, ...] | None = None
    """Websocket subprotocols of which the first that a client offers is chosen; None: all."""
    upgrade_timeout: float = 10
    """Seconds that an upgrade may take before its websocket is closed."""
    body_timeout: float = 45
    """Seconds that a client has to send the body of one request."""
    connect_timeout: float = 45
    """Seconds after which a session that has joined no namespace is closed."""
    close_timeout: float = 2
    """Seconds that `shutdown` waits for the last packets to leave."""
    outbox_high_water: int = 1_048_576
    """Bytes waiting for one client above which its own handlers wait when they send to it, until
    it is half of that; half of `max_outbox_size` at most."""
    max_outbox_size: int = 64_000_000
    """Bytes that may wait for one client; what becomes of more, `slow_client_policy` says. Each
    packet counts for 96 bytes more than it has."""
    stall_timeout: float = 20
    """Seconds after which a client is closed that takes nothing of what waits for it."""
    slow_client_policy: str = "close"
    """What happens above `max_outbox_size`: `'close'` the client, `'drop_new'` or `'drop_old'`
    events, or keep the `'latest'` event of each name. Events that ask for an ack are kept."""
    max_head_size: int = 65_536
    """Bytes that the headers and the query of one request may have; a session keeps those of its
    first request, and one with more is answered with 431."""
    inbox_high_water: int = 4_194_304
    """Bytes of one client's messages whose handlers have not ended, from which no more is read of
    this client until half of them have; each message counts for 1,000 bytes more than it has."""
    max_inbox_size: int = 64_000_000
    """Bytes of the same kind at which a client is closed whose reading could not pause."""
    handler_threads: int = 64
    """Handlers that run at once in threads, those in `call()` or `sleep()` not counted."""
    async_handlers: bool = True
    """Whether the handlers of one client may overlap (plain Engine.IO servers only)."""
    interval_grace: float = field(default=0, init=False)

    def __post_init__(self) -> None:
        if isinstance(self.ping_interval, tuple | list):
            if len(self.ping_interval) != 2:
                raise ValueError(f"ping_interval= needs a number or two, got {self.ping_interval}")
            self.ping_interval, self.interval_grace = self.ping_interval
        for name in (
            "ping_interval",
            "ping_timeout",
            "upgrade_timeout",
            "body_timeout",
            "connect_timeout",
            "max_http_buffer_size",
            "outbox_high_water",
            "max_outbox_size",
            "max_head_size",
            "inbox_high_water",
            "stall_timeout",
            "max_inbox_size",
            "handler_threads",
        ):
            self._require_number(name, above=0)
        if self.slow_client_policy not in POLICIES:
            raise ValueError(
                f"slow_client_policy= must be one of {', '.join(map(repr, POLICIES))}, "
                f"got {self.slow_client_policy!r}"
            )
        self._require_number("compression_threshold", above=-1)
        self._require_number("close_timeout", above=-1)
        self._require_number("interval_grace", above=-1)
        if isinstance(self.transports, str):
            self.transports = (self.transports,)
        if self.transports is not None and not self.transports:
            raise ValueError("transports= is empty: name at least one, such as 'websocket'")
        if isinstance(self.subprotocols, str):
            raise TypeError(f"subprotocols= needs a list of names, got {self.subprotocols!r}")
        if self.cookie and not (isinstance(self.cookie, str | Mapping) or callable(self.cookie)):
            raise TypeError(f"cookie= needs a name or a dict of attributes, got {self.cookie!r}")
        if isinstance(self.cookie, Mapping) and not isinstance(self.cookie.get("name", "io"), str):
            raise TypeError("cookie= needs a string under 'name'")

        origins = self.cors_allowed_origins
        if not (origins is None or callable(origins) or isinstance(origins, Iterable)):
            raise TypeError(
                "cors_allowed_origins= needs an origin such as 'https://page.example', a list of "
                f"them, '*' or a function, got {origins!r}"
            )

    @property
    def outbox_mark(self) -> float:
        """The high-water mark that holds: near `max_outbox_size` it would come too late."""
        return min(self.outbox_high_water, self.max_outbox_size / 2)

    def _require_number(self, name: str, above: float) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{name}= needs a number, got {value!r}")
        if not value > above:
            raise ValueError(f"{name}= must be more than {above}, got {value!r}")

    @classmethod
    def from_arguments(cls, what: str, arguments: Mapping[str, Any]) -> EngineConfig:
        """Make a config of keyword arguments.

        Args:
            what: Whose arguments they are, for the message.
            arguments: The names and values as given.

        Raises:
            TypeError: A name that does not exist, or a value of the wrong type.
            ValueError: A value out of range.
        """
        known = cls.names()
        refuse_unknown(what, [name for name in arguments if name not in known], known)
        return cls(**arguments)

    def changed(self, what: str, options: Mapping[str, Any]) -> EngineConfig:
        """Return a config with other values of some options.

        Args:
            what: Who was called, for the message.
            options: The names and values; `interval_grace` is one of them.

        Raises:
            TypeError: A name that does not exist or cannot be changed, or a wrong type.
            ValueError: A value out of range.
        """
        known = self.names() - {"async_mode", "async_handlers", "handler_threads"} | {
            "interval_grace"
        }
        refuse_unknown(what, [name for name in options if name not in known], known)
        values = {name: getattr(self, name) for name in self.names()} | dict(options)
        grace = values.pop("interval_grace", self.interval_grace)
        if not isinstance(values["ping_interval"], tuple | list):
            values["ping_interval"] = (values["ping_interval"], grace)
        return type(self)(**values)

    @classmethod
    def names(cls) -> set[str]:
        """Return the names of all options."""
        return {item.name for item in fields(cls) if item.init}
