"""The backend of the official Socket.IO Admin UI.

It is one of the observers of a server, and serves the Admin UI on a namespace of that server. The
Admin UI speaks the events of `@socket.io/admin-ui`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Literal

from .._core import forks
from .._core.failures import failed
from .._core.logs import escaped
from ..engine.session import Session
from ..exceptions import ConnectionRefusedError
from ..protocol.packets import arguments_of
from ..runtimes.asynchronous import settled
from ..server.admin_guard import FAILURE_DELAY, LoginGuard
from ..server.admin_view import TrafficCounts, client_description, now, room_name, shown
from ..server.asynchronous import AdminArguments
from ..server.membership import CONNECTED, Membership
from ..server.observers import ServerObserver
from .namespace import AsyncNamespace

Credentials = dict[str, Any]
Auth = Credentials | list[Credentials] | Callable[[Any], Any] | Literal[False] | None

MAX_ADMIN_SESSIONS = 1000
"""How many browsers may come back without credentials; the oldest is forgotten first."""

MODES = ("development", "production")


class InstrumentedAsyncServer(AdminArguments, ServerObserver):
    """A server that the Admin UI watches.

    Args:
        sio: The server.
        auth: Who may use the Admin UI: what the login form must send, as a dict such as
            `{'username': 'admin', 'password': secret}`; a list of such dicts; a function, or
            coroutine function, that gets what was sent and returns whether it is right; or False
            for everyone.
        namespace: The namespace of the Admin UI.
        read_only: Whether the Admin UI may only look.
        server_id: What this server is called there; None means the manager's id in a cluster,
            else the host's name.
        mode: `'development'` shows every client, event and room and lets the Admin UI act;
            `'production'` shows numbers only.
        server_stats_interval: Seconds between two reports of the numbers.

    Raises:
        ValueError: `auth` is missing, or there is no such mode.
    """

    failure_delay = FAILURE_DELAY
    """Seconds until somebody hears that their credentials are wrong."""

    def _configure(
        self,
        sio: Any,
        auth: Auth,
        mode: str,
        read_only: bool,
        server_id: str | None,
        namespace: str,
        server_stats_interval: float,
    ) -> None:
        if auth is None:
            raise ValueError(
                "instrument() needs auth=: credentials such as {'username': …, 'password': …}, "
                "or False to let everyone in"
            )
        if auth and not (callable(auth) or isinstance(auth, dict | list | tuple)):
            raise TypeError(
                "auth= needs credentials as a dict, a list of dicts, a function or False, "
                f"got {auth!r}"
            )
        if mode not in MODES:
            raise ValueError(f"mode= must be one of {', '.join(MODES)}, got {mode!r}")
        self.sio = sio
        self.auth = auth
        self.mode = mode
        self.read_only = read_only
        self._given_id = server_id
        self.admin_namespace = namespace
        self.server_stats_interval = server_stats_interval
        self._begin_anew()
        if self.is_development:
            for member in self._clients():
                self._since[member.namespace, member.sid] = time.time()
        sio.observers.append(self)
        sio.register_namespace(AdminNamespace(namespace, self))
        forks.watch(self)

    def _begin_anew(self) -> None:
        self._counts = TrafficCounts()
        self._since: dict[tuple[str, str], float] = {}
        self._admin_sessions: dict[str, None] = {}
        self._guard = LoginGuard()
        self._began = time.monotonic()
        self._timer: Any = None
        self._starting = threading.Lock()  # in threads several first sessions may open at once
        self._stopped = False
        self._series: Any = None

    def after_fork(self) -> None:
        """Watch a process that has no clients yet; see `socketio._core.forks`."""
        forks.keep((self._timer, self._series))
        stopped = self._stopped
        self._begin_anew()
        self._stopped = stopped

    @property
    def server_id(self) -> str:
        """What this server is called in the Admin UI; another one in each process."""
        own = getattr(self.sio.manager, "host_id", None)
        return str(self._given_id or own or socket.gethostname())

    @property
    def is_development(self) -> bool:
        """Whether clients, events and rooms are shown one by one."""
        return self.mode == "development"

    @property
    def supported_features(self) -> list[str]:
        """What the Admin UI offers its user."""
        features = ["AGGREGATED_EVENTS"]
        if self.is_development:
            features.append("ALL_EVENTS")
            if not self.read_only:
                features += ["EMIT", "JOIN", "LEAVE", "DISCONNECT"]
                features += ["MJOIN", "MLEAVE", "MDISCONNECT"]
        return features

    def uninstrument(self) -> None:
        """Watch the server no more; the Admin UI finds nothing any longer."""
        if self in self.sio.observers:
            self.sio.observers.remove(self)
        self._stop_reports()
        self.sio.namespace_handlers.pop(self.admin_namespace, None)

    async def shutdown(self) -> None:
        """Report no more numbers."""
        self._stop_reports()

    # -- who may look ---------------------------------------------------------------------

    async def admit(self, client_auth: Any, address: str = "") -> str | None:
        """Let somebody in, or not.

        Args:
            client_auth: What the Admin UI sent: credentials, or the id of a session.
            address: Where that came from; too many failures shut an address out for a while.

        Returns:
            The id of a new session with which the Admin UI comes back, or None.

        Raises:
            ConnectionRefusedError: The credentials are wrong.
        """
        if not self.auth:
            return None
        sent = client_auth if isinstance(client_auth, dict) else {}
        session_id = sent.get("sessionId")
        if isinstance(session_id, str) and session_id in self._admin_sessions:
            return None
        runtime = self.sio.runtime
        if not self._guard.admits(address, runtime.now()):
            raise ConnectionRefusedError("too many attempts, try again in a minute")
        if not await self._knows(client_auth, sent):
            self._guard.note_failure(address, runtime.now())
            self.sio.logger.warning("wrong credentials for the Admin UI from %s", escaped(address))
            await runtime.sleep(self.failure_delay)
            # The Admin UI knows these words and shows its login form again.
            raise ConnectionRefusedError("invalid credentials")
        self._guard.note_success(address)
        session_id = secrets.token_hex(16)
        self._admin_sessions[session_id] = None
        while len(self._admin_sessions) > MAX_ADMIN_SESSIONS:
            self._admin_sessions.pop(next(iter(self._admin_sessions)), None)
        return session_id

    async def _knows(self, client_auth: Any, sent: Credentials) -> bool:
        """Tell whether what somebody sent are the credentials."""
        if callable(self.auth):
            try:
                return bool(await settled(self.auth(client_auth)))
            except BaseException as error:  # a function of the application's
                failed(error, self.sio.logger, "the function of instrument(auth=) failed")
                return False
        accepted = [self.auth] if isinstance(self.auth, dict) else list(self.auth or ())
        # Every one is compared, in constant time.
        return any([_same(sent, credentials) for credentials in accepted])  # noqa: C419  # a generator would stop at the first

    # -- telling the Admin UI -------------------------------------------------------------

    def _tell(self, event: str, *args: Any, to: str | None = None) -> None:
        """Send an event to the Admin UIs of the whole cluster, after those sent before."""
        emit_here = self.sio._emit_here
        if emit_here is not None:
            emit_here(event, args, self.admin_namespace, to)
            return
        if self._series is None:
            self._series = self.sio.runtime.create_series()
        self._series.start(self._emit, event, args, to)

    async def _emit(self, event: str, args: tuple[Any, ...], to: str | None) -> None:
        await self.sio.emit(event, args, to=to, namespace=self.admin_namespace)

    def _is_watched(self) -> bool:
        """Tell whether there may be somebody to tell."""
        if self.sio._emit_here is None:
            return True  # in another process there may be
        return any(True for _ in self.sio.manager.get_participants(self.admin_namespace, None))

    def _clients(self) -> list[Membership]:
        """Return the connected clients of this process."""
        members: list[Membership] = self.sio.manager.table.everybody()
        return [member for member in members if member.state is CONNECTED]

    def _describe(self, namespace: str, sid: str) -> dict[str, Any] | None:
        """Return what the Admin UI shows of a client; None when it is gone."""
        manager = self.sio.manager
        member: Membership | None = manager.table.member(namespace, sid)
        if member is None:
            return None
        session = member.session
        return client_description(
            sid,
            namespace,
            session.sid,
            session.transport_name,
            session.environ,
            manager.get_rooms(sid, namespace),
            member.storage or {},
            self._since.get((namespace, sid), time.time()),
        )

    def welcome(self, sid: str) -> None:
        """Send an Admin UI what it begins with.

        Args:
            sid: The Admin UI, as a client of this server.
        """
        self._tell("config", {"supportedFeatures": self.supported_features}, to=sid)
        if self.is_development:
            described = [self._describe(one.namespace, one.sid) for one in self._clients()]
            self._tell("all_sockets", [client for client in described if client], to=sid)
        self._tell("server_stats", self._stats([]), to=sid)

    # -- the numbers ----------------------------------------------------------------------

    def _stats(self, counts: list[dict[str, Any]]) -> dict[str, Any]:
        manager = self.sio.manager
        sessions = list(self.sio.eio.sessions.values())
        return {
            "serverId": self.server_id,
            "hostname": socket.gethostname(),
            "pid": os.getpid(),
            "uptime": time.monotonic() - self._began,
            "clientsCount": len(sessions),
            "pollingClientsCount": sum(one.transport_name == "polling" for one in sessions),
            "aggregatedEvents": counts,
            "namespaces": [
                {"name": name, "socketsCount": len(list(manager.get_participants(name, None)))}
                for name in list(manager.get_namespaces())
            ],
        }

    def _report(self) -> None:
        """Tell the numbers, and come back after the interval."""
        if self._stopped or self.sio.eio.stopping:
            self._timer = None
            return
        # First of all: a session that opens meanwhile must not find the place of the timer empty.
        self._timer = self.sio.runtime.call_later(self.server_stats_interval, self._report)
        counts = self._counts.take()
        if self._is_watched():
            self._tell("server_stats", self._stats(counts))

    def _stop_reports(self) -> None:
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- what is observed -----------------------------------------------------------------

    def session_opened(self, session: Session) -> None:
        """Count a new engine session; the first one starts the reports."""
        self._counts.add("rawConnection")
        with self._starting:
            if self._timer is None and not self._stopped:
                self._timer = self.sio.runtime.call_later(self.server_stats_interval, self._report)

    def session_closed(self, session: Session, reason: str) -> None:
        """Count the end of an engine session."""
        self._counts.add("rawDisconnection", reason)

    def session_upgraded(self, session: Session) -> None:
        """Tell the new transport of a session's clients."""
        if self.is_development:
            transport = session.transport_name
            for member in list(session.client.memberships.values()):
                if member.is_joined:
                    update = {"id": member.sid, "nsp": member.namespace, "transport": transport}
                    self._tell("socket_updated", update)

    def message_received(self, size: int) -> None:
        """Count what comes in."""
        self._counts.add("packetsIn")
        self._counts.add("bytesIn", None, size)

    def packets_sent(self, count: int, size: int) -> None:
        """Count what goes out."""
        self._counts.add("packetsOut", None, count)
        self._counts.add("bytesOut", None, size)

    def client_connected(self, namespace: str, sid: str) -> None:
        """Tell a new client, and welcome it if it is an Admin UI."""
        if not self.is_development:
            return
        self._since[namespace, sid] = time.time()
        description = self._describe(namespace, sid)
        if description is not None:
            self._tell("socket_connected", description, now())
        if namespace == self.admin_namespace:
            self.welcome(sid)

    def client_disconnected(self, namespace: str, sid: str, reason: str) -> None:
        """Tell that a client is gone, from its rooms too."""
        if self._since.pop((namespace, sid), None) is None:
            return  # it was never accepted
        self._tell("socket_disconnected", namespace, sid, reason, now())
        for room in self.sio.manager.get_rooms(sid, namespace):
            self._tell("room_left", namespace, room_name(room), sid, now())

    def event_received(self, namespace: str, sid: str, arguments: list[Any]) -> None:
        """Tell an event of a client."""
        if namespace != self.admin_namespace and self.is_development and self._is_watched():
            self._tell("event_received", namespace, sid, shown(arguments), now())

    def event_sent(self, namespace: str, sids: list[str], event: str, data: Any) -> None:
        """Tell an event to clients, for each of them."""
        if namespace == self.admin_namespace or not self.is_development or not self._is_watched():
            return
        arguments, time_sent = shown([event, *arguments_of(data)]), now()
        for sid in sids:
            self._tell("event_sent", namespace, sid, arguments, time_sent)

    def room_entered(self, namespace: str, room: Any, sid: str) -> None:
        """Tell that a client is in a room."""
        if self.is_development:
            self._tell("room_joined", namespace, room_name(room), sid, now())

    def room_left(self, namespace: str, room: Any, sid: str) -> None:
        """Tell that a client is in a room no more."""
        if self.is_development:
            self._tell("room_left", namespace, room_name(room), sid, now())


class AdminNamespace(AsyncNamespace):
    """What the Admin UI asks for.

    Args:
        namespace: Its namespace.
        instrumented: Whom it belongs to.
    """

    def __init__(self, namespace: str, instrumented: InstrumentedAsyncServer) -> None:
        super().__init__(namespace)
        self._instrumented = instrumented

    async def on_connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        """Let an Admin UI in if its credentials are right.

        Raises:
            ConnectionRefusedError: They are not.
        """
        session_id = await self._instrumented.admit(auth, str(environ.get("REMOTE_ADDR", "")))
        if session_id is not None:
            await self.emit("session", session_id, to=sid)
        if not self._instrumented.is_development:
            self._instrumented.welcome(sid)

    def _targets(self, namespace: str, room_filter: Any) -> list[str]:
        """Return the clients that a filter means; a single one may be another process's."""
        server = self.server
        here = [sid for sid, _ in server.manager.get_participants(namespace, room_filter)]
        if not here and isinstance(room_filter, str) and server._emit_here is None:
            return [room_filter]
        return here

    def _may_act(self, what: str) -> bool:
        if what in self._instrumented.supported_features:
            return True
        self.server.logger.warning("the Admin UI may not use %s here", what)
        return False

    async def on_emit(
        self, sid: str, namespace: str, room_filter: Any, event: str, *data: Any
    ) -> None:
        """Send an event to clients: those in a room, or all of a namespace."""
        if self._may_act("EMIT"):
            await self.server.emit(event, data, to=room_filter or None, namespace=namespace)

    async def on_join(self, sid: str, namespace: str, room: str, room_filter: Any = None) -> None:
        """Put clients into a room."""
        if self._may_act("JOIN"):
            for target in self._targets(namespace, room_filter or None):
                await self.server.enter_room(target, room, namespace=namespace)

    async def on_leave(self, sid: str, namespace: str, room: str, room_filter: Any = None) -> None:
        """Take clients out of a room."""
        if self._may_act("LEAVE"):
            for target in self._targets(namespace, room_filter or None):
                await self.server.leave_room(target, room, namespace=namespace)

    async def on__disconnect(
        self, sid: str, namespace: str, close: bool = False, room_filter: Any = None
    ) -> None:
        """Disconnect clients; `close` ends their connections, with all other namespaces."""
        if self._may_act("DISCONNECT"):
            for target in self._targets(namespace, room_filter or None):
                await self.server.disconnect(target, namespace=namespace, close=bool(close))


def _same(one: Any, other: Any) -> bool:
    """Compare JSON values in a time that tells neither where they differ nor their length."""
    return hmac.compare_digest(_digest(one), _digest(other))


def _digest(value: Any) -> bytes:
    """Return what stands for a value; one that cannot be written is like no other."""
    try:
        text = json.dumps(value, sort_keys=True, default=repr)
    except (TypeError, ValueError, RecursionError):  # keys of several types, say, or a circle
        return secrets.token_bytes(32)
    return hashlib.sha256(text.encode()).digest()
