# Generated from socketio/_async/flow.py by tools/unasync.py, do not edit.
"""Who waits for a client that does not take what is sent to it as fast as it is sent.

Only where an outbox stands above its mark is anything of this called. A handler waits for its own
client, before it sends to that alone, or after it has sent to others as well. Nobody else waits
for anybody, unless by `wait=True`; but the connections get a turn, so that a loop of emits cannot
outrun those that take what they are given.
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

from .._core.pending_call import PendingCall
from ..exceptions import TimeoutError
from ..server.membership import Membership
from ..server.rooms import without

if TYPE_CHECKING:
    from ..engine.session import Session
    from ..server.base_server import BaseServer

TURN = 0.01
"""Seconds that an emit to others leaves to the connections at most."""


class Flow:
    """Lets those wait who send more to clients than these take.

    Args:
        server: The server that sends.
    """

    __slots__ = ("_server",)

    def __init__(self, server: BaseServer) -> None:
        self._server = server

    def _members(self, namespace: str, room: Any, skip_sid: Any) -> list[Membership]:
        members = self._server.manager.table.in_room(namespace, room)
        return without(members, skip_sid) if skip_sid else members

    def _handled(self) -> Membership | None:
        """Return the client whose handler calls this; None in what a handler has started."""
        subject = self._server.runtime.running_for()
        return subject if isinstance(subject, Membership) else None

    def before(self, namespace: str, room: Any, skip_sid: Any, callback: Any, wait: bool) -> None:
        """Wait before an event is sent, if that is to be.

        Args:
            namespace: The namespace of the event.
            room: To whom it goes.
            skip_sid: Who is left out.
            callback: Who gets the acks; a `call()` waits for its answer in any case.
            wait: Whether to wait for whomever it goes to.
        """
        if type(callback) is PendingCall:
            return
        own = None if wait else self._handled()
        if own is None and not wait:
            return
        members = self._members(namespace, room, skip_sid)
        if wait:
            for member in members:
                self.relief(member.session)
        elif own is not None and len(members) == 1 and members[0].session is own.session:
            self.relief(own.session)

    def after(self, namespace: str, room: Any, skip_sid: Any, callback: Any, wait: bool) -> None:
        """Wait for the caller's own client, or give the connections a turn; see `before`."""
        if wait or type(callback) is PendingCall:
            return
        pressed = self._server.eio.pressed
        members = self._members(namespace, room, skip_sid)
        slow = {member.session for member in members if member.session in pressed}
        if not slow:
            return
        own = self._handled()
        if own is None or own.session not in slow:
            self._turn(slow)
        elif len(members) > 1:
            self.relief(own.session)

    def relief(self, session: Session) -> None:
        """Wait while an outbox stands above the mark, until half of that is left.

        When several wait, the first of them may fill it again, and the others wait on.
        """
        engine = self._server.eio
        while session in engine.pressed:
            waiter = session.waiter()
            if waiter is None:
                return
            engine.flow.waits += 1
            waiter.wait()

    def _turn(self, slow: set[Session]) -> None:
        """Let connections be written to, and wait a moment for those that take something."""
        runtime = self._server.runtime
        self._server.eio.flow.turns += 1
        waiters = []
        for session in slow:
            if session.turned != session.taken:
                session.turned = session.taken
                waiter = session.waiter()
                if waiter is not None:
                    waiters.append((session, waiter))
        if not waiters:
            # None of them has taken anything since somebody waited for it last.
            runtime.sleep(0)
            return
        deadline = runtime.now() + TURN
        left = TURN
        for session, waiter in waiters:
            try:
                if left > 0:
                    waiter.wait(left)
            except builtins.TimeoutError:
                pass  # its turn is over
            finally:
                session.forget_waiter(waiter)
            left = round(deadline - runtime.now(), 3)  # few different times: each has a timer

    def flushed(self, session: Session, timeout: float | None) -> bool:
        """Wait until nothing waits for a client; see `Server.flushed`."""
        waiter = session.waiter(0)
        if waiter is not None:
            try:
                waiter.wait(timeout)
            except builtins.TimeoutError:
                raise TimeoutError(
                    f"{session.outbox_size} bytes still wait for the client after {timeout} s"
                ) from None
            finally:
                session.forget_waiter(waiter)
        return session.ended is None
