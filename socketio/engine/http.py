"""What the engine says over HTTP: requests, answers, origins, cookies, compression.

It knows HTTP and the options, and nothing of sessions.
"""

from __future__ import annotations

import gzip
import inspect
import json
import logging
import re
import zlib
from collections.abc import Callable, Collection
from typing import Any, Final
from urllib.parse import parse_qsl

from .._core.failures import failed
from .._core.logs import escaped
from ..abc.http import BadLength as BadLength
from ..abc.http import BodyRefused as BodyRefused  # what modes and transports exchange is ours too
from ..abc.http import BodyTooLarge as BodyTooLarge
from ..abc.http import BodyTooSlow as BodyTooSlow
from ..abc.http import Headers as Headers
from ..abc.http import Request as Request
from ..abc.http import Response as Response
from ..abc.http import check_content_length
from ..exceptions import ProtocolError
from .config import CookieOption, EngineConfig
from .origins import normal, own_origins

UNKNOWN_TRANSPORT: Final = 0
UNKNOWN_SESSION: Final = 1
BAD_HANDSHAKE_METHOD: Final = 2
BAD_REQUEST: Final = 3
FORBIDDEN: Final = 4
UNSUPPORTED_PROTOCOL: Final = 5

SUBPROTOCOL: Final = "Sec-WebSocket-Protocol"
TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""What a name in a header may be (RFC 9110, section 5.6.2)."""

ERROR_MESSAGES: Final = {
    UNKNOWN_TRANSPORT: "Transport unknown",
    UNKNOWN_SESSION: "Session ID unknown",
    BAD_HANDSHAKE_METHOD: "Bad handshake method",
    BAD_REQUEST: "Bad request",
    FORBIDDEN: "Forbidden",
    UNSUPPORTED_PROTOCOL: "Unsupported protocol version",
}
"""What each error code of the answers means, in the words of the reference server."""


def text_response(body: str, content_type: str = "text/plain; charset=UTF-8") -> Response:
    """Return a 200 answer that no cache may keep."""
    return Response(
        200, [("Content-Type", content_type), ("Cache-Control", "no-store")], body.encode()
    )


class HTTPError(Exception):
    """A request that is refused, with the answer to give.

    Args:
        code: One of the error codes of the protocol.
        message: What is wrong; the reference server's words when None.
        status: The HTTP status.
    """

    ends_connection = False
    """Whether no other request can follow this one, because nobody knows where it ends."""

    def __init__(self, code: int, message: str | None = None, status: int = 400) -> None:
        self.code = code
        self.status = status
        self.message = ERROR_MESSAGES[code] if message is None else message
        super().__init__(self.message)

    def response(self) -> Response:
        """Return the answer: JSON with `code` and `message`."""
        body = json.dumps({"code": self.code, "message": self.message})
        response = Response(self.status, [("Content-Type", "application/json")], body.encode())
        response.ends_connection |= self.ends_connection
        return response


NO_WEBSOCKET: Final = HTTPError(BAD_REQUEST, "This server cannot serve websockets")
"""The refusal of a websocket where the web server has none."""


def refusal(error: ProtocolError) -> HTTPError:
    """Return the answer to a request that broke the protocol."""
    status = error.status if isinstance(error, BodyRefused) else 400
    refused = HTTPError(BAD_REQUEST, str(error), status)
    refused.ends_connection = isinstance(error, BodyRefused)
    return refused


def check_length(request: Request) -> None:
    """Refuse a request that says the length of its body in a way that others may read differently.

    Most servers do so themselves. It says nothing about the session that the request names.

    Raises:
        HTTPError: It does.
    """
    try:
        check_content_length(request.header("content-length"), request.header("transfer-encoding"))
    except BadLength as error:
        raise refusal(error) from error


def payload_response(request: Request, payload: str) -> Response:
    """Return the answer that carries packets, as JSONP where the client asks for it.

    Raises:
        HTTPError: The JSONP index is no number.
    """
    index = request.query.get("j")
    if index is None:
        return text_response(payload)
    return text_response(
        f"___eio[{jsonp_index(index)}]({jsonp_string(payload)});", "text/javascript; charset=UTF-8"
    )


def jsonp_index(index: str) -> int:
    """Return the number of a JSONP callback.

    Raises:
        HTTPError: It is no number: the text would run as a script.
    """
    if not (index.isascii() and index.isdigit() and len(index) <= 15):
        raise HTTPError(BAD_REQUEST, "Invalid JSONP index number")
    return int(index)


def jsonp_string(payload: str) -> str:
    """Return a JavaScript string literal that also survives inside an HTML script element."""
    literal = json.dumps(payload, ensure_ascii=False)
    for character, escape in (
        ("\u2028", "\\u2028"),
        ("\u2029", "\\u2029"),
        ("<", "\\u003c"),
    ):
        literal = literal.replace(character, escape)
    return literal


def decode_body(request: Request, body: bytes) -> str:
    """Return the payload in a request's body.

    A JSONP form posts `d=<payload>`, with line breaks and backslashes escaped once more.

    Raises:
        ProtocolError: The body is no UTF-8, or a JSONP form without `d`.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError(f"the body of a request is not UTF-8: {error}") from error
    if "j" not in request.query:
        return text
    try:
        fields = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=4))
    except ValueError as error:
        raise ProtocolError(f"a JSONP body is no form with the field d: {error}") from error
    if "d" not in fields:
        raise ProtocolError("a JSONP body without its field d")
    return fields["d"].replace("\\n", "\n").replace("\\\n", "\\n")


class OriginPolicy:
    """Which origins may connect, and the CORS headers that say so.

    The check and the headers are two things: with `cors_allowed_origins=[]` a framework's own
    CORS middleware writes the headers, and other origins are refused all the same unless
    `check_origin` is False.

    Args:
        config: The options.
        logger: Told of refusals, with what was expected.
    """

    def __init__(self, config: EngineConfig, logger: logging.Logger) -> None:
        allowed = config.cors_allowed_origins
        self._logger = logger
        self._check = config.check_origin
        self._credentials = config.cors_credentials
        self._function: Callable[..., bool] | None = None
        self._takes_environ = False
        self._any = False
        self._listed: frozenset[str] = frozenset()
        self._own = allowed is None
        self._headers = True
        if callable(allowed):
            self._function = allowed
            self._takes_environ = _arguments(allowed) != 1
        elif allowed is not None:
            origins = [allowed] if isinstance(allowed, str) else list(allowed)
            self._any = "*" in origins
            self._headers = bool(origins)
            self._own = not origins
            self._listed = frozenset(map(normal, origins))

    def allows(self, request: Request, origin: str) -> bool:
        """Tell whether an origin may connect."""
        if "," in origin:
            return False  # two headers: who asks is not known
        if self._any:
            return True
        if self._function is not None:
            try:
                if self._takes_environ:
                    return bool(self._function(origin, request.environ))
                return bool(self._function(origin))
            except BaseException as error:
                failed(error, self._logger, "the function of cors_allowed_origins= failed")
                return False
        origin = normal(origin)
        if origin in self._listed:
            return True
        return self._own and origin in own_origins(request)

    def check(self, request: Request) -> None:
        """Refuse a request of an origin that may not connect.

        Requests without an `Origin` header do not come from a page and pass.

        Raises:
            HTTPError: Forbidden.
        """
        if not self._check:
            return
        origin = request.header("origin")
        if origin is None or self.allows(request, origin):
            return
        expected = sorted(own_origins(request) if self._own else self._listed)
        self._logger.warning(
            "%s is not an accepted origin, expected %s; see cors_allowed_origins%s",
            escaped(origin),
            escaped(", ".join(expected)) or "one that the function accepts",
            # An empty list reads like "no check", which it is not.
            "" if self._headers else "=[], and check_origin=False if somebody else checks it",
        )
        raise HTTPError(FORBIDDEN, f"{origin} is not an accepted origin.")

    def headers(self, request: Request) -> Headers:
        """Return the CORS headers of an answer."""
        if not self._headers:
            return []
        origin = request.header("origin")
        headers: Headers = []
        if origin is not None and self.allows(request, origin):
            headers.append(("Access-Control-Allow-Origin", origin))
            headers.append(("Vary", "Origin"))
        if request.method == "OPTIONS":
            headers.append(("Access-Control-Allow-Methods", "OPTIONS, GET, POST"))
        requested = request.header("access-control-request-headers")
        if requested is not None:
            headers.append(("Access-Control-Allow-Headers", requested))
        if self._credentials and origin is not None:
            headers.append(("Access-Control-Allow-Credentials", "true"))
        return headers


def _arguments(function: Callable[..., Any]) -> int:
    try:
        return len(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # a builtin without a signature
        return 2


def cookie_header(cookie: CookieOption, sid: str, request: Request) -> Headers:
    """Return the `Set-Cookie` header of a handshake, if one is wanted.

    Args:
        cookie: The option: a name, a mapping of `name` and attributes, or a function of the
            session id and environ that returns the header's value.
        sid: The session id.
        request: The handshake.
    """
    if cookie is None or not cookie:
        return []
    if callable(cookie):
        return [("Set-Cookie", cookie(sid, request.environ))]
    if isinstance(cookie, str):
        return [("Set-Cookie", f"{cookie}={sid}; path=/; SameSite=Lax")]
    parts = [f"{cookie.get('name', 'io')}={sid}"]
    for name, value in cookie.items():
        if name == "name":
            continue
        if callable(value):
            value = value()
        if value is True:
            parts.append(name)
        elif value is not None and value is not False:
            parts.append(f"{name}={value}")
    return [("Set-Cookie", "; ".join(parts))]


def subprotocol_header(request: Request, served: Collection[str] | None) -> Headers:
    """Return the `Sec-WebSocket-Protocol` header of an accepted websocket, if it has one.

    A browser that has offered subprotocols fails a websocket that was accepted without one.

    Args:
        request: The opening request.
        served: The names that may be chosen; None: all.
    """
    for offered in (request.header(SUBPROTOCOL.lower()) or "").split(","):
        name = offered.strip()
        if TOKEN.fullmatch(name) and (served is None or name in served):
            return [(SUBPROTOCOL, name)]
    return []


def compress(response: Response, request: Request, config: EngineConfig) -> None:
    """Compress an answer in place when it is long and the client can read it."""
    if not config.http_compression or len(response.body) < config.compression_threshold:
        return
    accepted = accepted_encodings(request.header("accept-encoding") or "")
    if "gzip" in accepted:
        response.body = gzip.compress(response.body, compresslevel=6)
        response.headers.append(("Content-Encoding", "gzip"))
    elif "deflate" in accepted:
        response.body = zlib.compress(response.body, level=6)
        response.headers.append(("Content-Encoding", "deflate"))
    response.headers.append(("Vary", "Accept-Encoding"))


def accepted_encodings(header: str) -> set[str]:
    """Return the encodings that an `Accept-Encoding` header allows (quality 0 forbids)."""
    accepted = set()
    for item in header.lower().split(","):
        name, _, parameters = item.strip().partition(";")
        quality = parameters.replace(" ", "").removeprefix("q=")
        if name and quality not in ("0", "0.0", "0.00", "0.000"):
            accepted.add(name.strip())
    return accepted
