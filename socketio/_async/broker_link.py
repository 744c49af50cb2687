"""The supervised link of a process to the broker of its channel.

It carries bytes, keeps them during an outage, notices when the broker goes away or falls silent,
and connects again. What the messages mean, and who must be there to get them, is its receiver's
to know.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from .._core.chance import uniform
from .._core.logs import escaped
from ..abc.driver import BusDriver, MessageRefused
from ..abc.runtime import Runtime, Waiter
from ..bus.health import HealthState, ManagerHealth
from ..bus.outbox import BATCH_BYTES, Outbox
from ..bus.presence import Silence
from ..exceptions import ConnectionError
from ..runtimes import asynchronous as flavour
from .bus_owner import BusOwner

TICK = 0.25
"""Seconds between two looks at whether the link is still alive."""

LAST_SECONDS = 1.0
"""How long the task may take to end when everything is said."""

SLOW = 1.0
"""Seconds after which a publication that fails was not refused, but met silence."""

COUNT_INTERVAL = 0.05
"""Seconds between two looks at how many are subscribed again, where they can be counted."""

MOST_SLOW = 4
"""How often the time for publishing is doubled, while less and less travels together."""

SMALL = 64 << 10
"""Bytes up to which a message is not what makes publishing slow."""


@dataclass(frozen=True, kw_only=True)
class LinkTimes:
    """How patient a link is, in seconds."""

    timeout: float
    """That connecting and publishing may take."""

    reconnect_delay: float
    """Before the second attempt to connect; they double with each further one."""

    reconnect_delay_max: float
    """Between two attempts to connect, at most."""

    @classmethod
    def of(cls, manager: BusOwner) -> LinkTimes:
        """Return how patient the link of a manager is."""
        return cls(
            timeout=manager.timeout,
            reconnect_delay=manager.reconnect_delay,
            reconnect_delay_max=manager.reconnect_delay_max,
        )

    def delay(self, failures: int) -> float:
        """Return how long to wait after a number of failures in a row, with chance in it."""
        delay = self.reconnect_delay * float(2 ** min(failures - 1, 16))
        return min(delay, self.reconnect_delay_max) * uniform(0.5, 1.0)


class LinkReceiver(Protocol):
    """What a link tells: what came, and how it is doing."""

    def linked(self, *, at_once: bool, driver: BusDriver) -> None:
        """Note a new connection.

        Args:
            at_once: Whether the first attempt after the loss succeeded: the broker was there.
            driver: What it is; its attributes tell what the broker keeps for others.
        """

    async def received(self, messages: list[Any]) -> None:
        """Take what came, nothing when nothing did for a while.

        Raises:
            Silence: The connection is dead, and has to be made again.
        """

    def unlinked(self, *, silently: bool) -> None:
        """Note that the connection is lost.

        Args:
            silently: Whether nothing told us so.
        """

    def rest(self, waiting: int) -> float | None:
        """Return for how many seconds the link may go on with nothing new, None for ever.

        Args:
            waiting: How many messages wait. At 0 or less seconds it ends.
        """

    def ended(self) -> None:
        """Note that the link has ended."""


class BrokerLink:
    """Keeps one driver at work, and replaces it by a new one when it fails.

    Args:
        create_driver: Returns a driver that is not connected yet.
        receiver: Who is told.
        outbox: What waits to be published.
        receive: False for a process that only writes.
        runtime: What runs tasks and timers.
        times: How patient it is.
        name: What the manager is called in the log.
        url: Where the broker is, without the password.
        logger: Where changes are logged.
    """

    def __init__(
        self,
        *,
        create_driver: Callable[[], BusDriver],
        receiver: LinkReceiver,
        outbox: Outbox,
        receive: bool,
        runtime: Runtime,
        times: LinkTimes,
        name: str,
        url: str,
        logger: logging.Logger,
    ) -> None:
        self._create_driver = create_driver
        self._receiver = receiver
        self._receive = receive
        self._runtime = runtime
        self._times = times
        self._name = name
        self._url = url
        self._logger = logger
        self.outbox = outbox
        self._urgent: deque[bytes] = deque()
        self._held_until = 0.0
        self._driver: BusDriver | None = None
        self._failures = 0
        self._attempts = 0
        """How often we tried to connect since the connection was lost."""
        self._closing = False
        self._leaving = False
        self._state: HealthState = "idle"
        self._since = time.time()
        self._last_error: str | None = None
        self._connections = 0
        self._published = 0
        self._retries = 0
        self._refusals = 0
        self._holds = 0
        self._held_since: float | None = None
        self._slow = 0
        """How often in a row the time for publishing was too short, within bounds."""
        self._reached: int | None = None
        """How many subscribers our last message has reached, if the broker tells."""
        self.publishing = False
        """Whether something is being published at this moment."""
        self._refused: Exception | None = None
        self._publish_error: Exception | None = None
        self._task: Any = None
        self._receiving: Any = None
        """The task or thread in which the receiver gets what came."""
        self._publisher_idle: Waiter | None = None
        self._pausing: Waiter | None = None
        self._started: list[Waiter] = []
        self._flushing: deque[tuple[int, Waiter]] = deque()
        self._crowd: deque[Waiter] = deque()
        """Who waits for room in the outbox, in order; let in one after another."""
        self._crowd_lock = threading.Lock()

    # -- for the process ------------------------------------------------------------------

    @property
    def state(self) -> HealthState:
        """How the link is now."""
        return self._state

    def health(self, received: int, malformed: int, duplicates: int, others: int) -> ManagerHealth:
        """Return how the link is doing, with what its receiver has counted."""
        return ManagerHealth(
            state=self._state,
            since=self._since,
            url=self._url,
            last_error=self._last_error,
            connections=self._connections,
            reconnects=max(0, self._connections - 1),
            retries=self._retries,
            refusals=self._refusals,
            holds=self._holds,
            held_since=self._held_since,
            published=self._published,
            received=received,
            dropped=self.outbox.dropped,
            dropped_at=self.outbox.dropped_at,
            malformed=malformed,
            duplicates=duplicates,
            outbox_messages=len(self.outbox),
            outbox_bytes=self.outbox.bytes,
            others=others,
        )

    def start(self) -> None:
        """Begin to connect, in the background; harmless when it has begun."""
        if self._state == "idle" and not self._closing:
            self._set_state("connecting")
            self._task = self._runtime.start_own_task(self._run)

    async def wait_started(self) -> None:
        """Wait for the outcome of the first attempt to connect.

        A broker that cannot be reached is no error: it may come later.

        Raises:
            ConnectionError: The broker refuses us, or the link was closed meanwhile.
        """
        if self._state == "connecting":
            waiter = self._runtime.create_waiter()
            self._started.append(waiter)
            if self._state == "connecting":
                try:
                    await waiter.wait(2 * self._times.timeout)
                except TimeoutError:
                    pass  # the attempt is slow, and goes on
        self.raise_if_refused()
        if self._closing:
            raise ConnectionError(f"{self._name} was shut down before {self._url} answered")

    def raise_if_refused(self) -> None:
        """Raise what the broker refuses us with, if it does."""
        if self._refused is not None:
            raise ConnectionError(
                f"{self._name} cannot use {self._url}: {describe(self._refused)}"
            ) from self._refused

    async def put(self, message: bytes) -> bool:
        """Put a message into the outbox; while the broker takes messages, wait for room.

        It waits for twice the timeout at most, should the broker be there and take nothing.

        Whoever waits is let in in order, one after another. What the link's receiver puts waits
        for nothing: nobody would receive meanwhile.

        Returns:
            False if it did not fit and was dropped, because the broker is away.

        Raises:
            ConnectionError: The broker refuses us, or the link was closed.
        """
        if not self._crowd and not self.outbox.high:
            return self.add(message)
        if self._takes_messages() and flavour.current() != self._receiving:
            await self._wait_for_room()
        try:
            return self.add(message)
        finally:
            self._let_in()

    def add(self, message: bytes) -> bool:
        """Put a message into the outbox, from which it is published as soon as possible.

        Returns:
            False if it did not fit and was dropped.

        Raises:
            ConnectionError: The broker refuses us, or the link was closed.
        """
        if self._refused is not None:
            self.raise_if_refused()
        if self._closing:
            raise ConnectionError(f"{self._name} has been shut down, and publishes nothing more")
        if not self.outbox.add(message):
            if self.outbox.dropped == 1:
                self._logger.error(
                    "%s: the outbox is full (%d messages, %d bytes), messages are dropped",
                    *(self._name, len(self.outbox), self.outbox.bytes),
                )
            return False
        self._wake_publisher()
        return True

    def add_urgent(self, message: bytes) -> None:
        """Publish a message before all others, on this connection or not at all."""
        if self._state == "connected":
            self._urgent.append(message)
            self._wake_publisher()

    def hold(self, seconds: float) -> None:
        """Publish nothing but what is urgent for a while; see `release`."""
        self._end_hold()
        if seconds:
            self._held_until = self._runtime.now() + seconds
            self._holds += 1
            self._held_since = time.time()

    def release(self) -> None:
        """Publish what is held back."""
        if self._held_until:
            self._end_hold()
            self._wake_publisher()

    def _end_hold(self) -> None:
        self._held_until, self._held_since = 0.0, None

    async def flush(self, limit: float | None = None) -> bool:
        """Wait until what is in the outbox now has been published.

        Args:
            limit: Seconds to wait at most; None for as long as it may take.

        Returns:
            False when the broker is away; the messages are kept.
        """
        position = self.outbox.added
        waiter = self._runtime.create_waiter()
        self._flushing.append((position, waiter))
        if self.outbox.sent >= position or not self._takes_messages():
            return self.outbox.sent >= position
        try:
            await waiter.wait(limit or 2 * self._patience())
        except TimeoutError:
            pass  # the next lines tell what became of it
        self.raise_if_refused()
        return self.outbox.sent >= position

    async def close(self, farewell: bytes | None = None, limit: float | None = None) -> None:
        """Publish what waits, if the broker is there, and disconnect.

        Args:
            farewell: The last message; it comes back, and wakes the receiver.
            limit: Seconds that publishing may take; None: as long as two attempts.
        """
        if self._task is None or self._closing:
            self._closing = True
            return
        self._leaving = True
        if self._state == "connected" and farewell is not None:
            self.outbox.add(farewell)
        self._held_until = 0.0
        self._wake_publisher()
        if self._state != "connecting" or len(self.outbox):
            await self.flush(limit or 2 * self._times.timeout)
        self._closing = True
        self.look_again()
        self._let_in()
        self._wake_started()
        await flavour.end_task(
            self._task, LAST_SECONDS if self._state == "connected" else LAST_SECONDS / 2
        )

    def retire(self) -> None:
        """End without a word: the loop in which this was at work does not run any more."""
        self._closing = True
        self._driver = None

    def look_again(self) -> None:
        """Ask the receiver again for how long this may go on."""
        self._wake_publisher()
        pausing = self._pausing
        if pausing is not None:
            pausing.set(None)

    def say_dropped(self) -> None:
        """Log what will never be published."""
        if len(self.outbox):
            self._logger.error(
                "%s has no connection to %s; %d messages are lost",
                *(self._name, self._url, len(self.outbox)),
            )

    # -- waiting for room -----------------------------------------------------------------

    def _takes_messages(self) -> bool:
        """Tell whether what is in the outbox leaves it, as far as we know."""
        return self._state in ("connecting", "connected") and not self._closing

    async def _wait_for_room(self) -> None:
        waiter = self._runtime.create_waiter()
        with self._crowd_lock:
            self._crowd.append(waiter)
        self._let_in()  # what left the outbox before that line has let nobody in
        try:
            await waiter.wait(2 * self._times.timeout)
        except TimeoutError:
            self._leave_crowd(waiter)  # no broker that takes messages, whatever the state says
        except BaseException:
            self._leave_crowd(waiter)
            self._let_in()  # it may have been this one's turn
            raise

    def _leave_crowd(self, waiter: Waiter) -> None:
        with self._crowd_lock:
            if waiter in self._crowd:
                self._crowd.remove(waiter)

    def _let_in(self) -> None:
        """Let the next one go on who waits for room, if there is some; it lets in the next."""
        while self._crowd and (not self.outbox.high or not self._takes_messages()):
            with self._crowd_lock:
                if self._crowd:
                    self._crowd.popleft().set(None)
            if self._takes_messages():
                return

    # -- the supervisor -------------------------------------------------------------------

    async def _run(self) -> None:
        self._failures = 0
        try:
            while not self._closing:
                began = self._runtime.now()
                driver = self._create_driver()
                driver.timeout = self._patience()
                connections = self._connections
                try:
                    error = await self._use(driver)
                    if error is None:
                        return
                    if self._connections == connections:
                        self._slow = 0  # that is no slow broker, it is none
                    refused = self._connections == 0 and (
                        driver.is_permanent(error) or is_misconfigured(error)
                    )
                    # A connection that lasted counts as a new beginning, one that flaps does not.
                    lasted = self._runtime.now() - began > self._times.reconnect_delay_max
                    lasted = lasted and self._state == "connected"
                    self._failures = 1 if lasted else self._failures + 1
                    delay = self._times.delay(self._failures)
                    if refused:
                        self._refuse(error, delay)
                    else:
                        self._note_loss(error, delay)
                finally:
                    driver.leaving = self._closing or self._state == "failed"
                    await flavour.close_driver(driver, self._times.timeout, self._logger)
                await self._pause(delay)
        finally:
            self._set_state("closed")
            self._receiver.ended()

    async def _use(self, driver: BusDriver) -> Exception | None:
        """Connect a driver, and stay with it until it fails or we close.

        Returns:
            Why it failed; None if we close.
        """
        timeout = self._times.timeout
        self._attempts += 1
        try:
            await flavour.limited(driver.connect(self._receive), timeout, "connecting")
            self._publish_error = None
            self._urgent.clear()
            self._end_hold()
            self._refused = None
            self._connections += 1
            self._driver = driver
            self._set_state("connected")
            attempts, self._attempts = self._attempts, 0
            self._receiver.linked(at_once=attempts == 1, driver=driver)
            if self._receive:
                await self._exchange(driver)
            else:
                await self._publish_until_lost(driver)
            return None
        except Exception as error:  # whatever the client library raises
            if self._driver is driver:
                self._driver = None
                self._receiver.unlinked(silently=isinstance(error, Silence | TimeoutError))
            return None if self._closing else error
        except flavour.INTERRUPTED:
            if self._driver is driver and not self._closing:
                await self._publish_last_words(driver)
            raise
        finally:
            self._driver = None
            self._end_hold()
            self._wake_publisher()

    async def _exchange(self, driver: BusDriver) -> None:
        publisher = self._runtime.start_own_task(self._publish_beside, driver)
        self._receiving = flavour.current()
        timeout = self._times.timeout
        try:
            while not self._closing:
                tick = TICK / 5 if self._leaving else TICK
                receiving = driver.receive(tick)
                await self._receiver.received(
                    await flavour.limited(receiving, timeout + tick, "receiving")
                )
                if self._publish_error is not None:
                    raise self._publish_error
        finally:
            self._receiving = None
            flavour.cancel(publisher)

    async def _publish_beside(self, driver: BusDriver) -> None:
        try:
            await self._publish_until_lost(driver)
        except Exception as error:  # whatever the client library raises; the receiver passes it on
            if driver is self._driver:
                self._publish_error = error

    async def _publish_until_lost(self, driver: BusDriver) -> None:
        outbox = self.outbox
        while driver is self._driver and not self._closing:
            if self._urgent:
                urgent = [self._urgent.popleft() for _ in range(len(self._urgent))]
                await self._publish(driver, urgent, urgent=True)
                continue
            held = self._held_until - self._runtime.now() if self._held_until else 0.0
            if self._held_until and (held <= 0 or await self._are_all_back(driver)):
                held = 0.0
                self._end_hold()
            batch = outbox.batch(BATCH_BYTES >> 2 * self._slow) if held <= 0 else []
            if not batch:
                counting = driver.counts_subscribers and not self._receive
                await self._wait_for_messages(min(held, COUNT_INTERVAL) if counting else held)
                continue
            sent, refused = len(batch), None
            try:
                await self._publish(driver, batch)
            except MessageRefused as error:
                sent, refused = error.index, error
            if driver is not self._driver:
                return  # too late: a new driver sends it again; receivers know its numbers
            outbox.discard(sent)
            self._published += sent
            self._reached = driver.reached
            if refused is not None:
                self._logger.error(
                    "%s dropped a message of %d bytes: %s",
                    *(self._name, len(batch[sent]), escaped(refused)),
                )
                outbox.discard(1, refused=True)
            while self._flushing and self._flushing[0][0] <= outbox.sent:
                self._flushing.popleft()[1].set(None)
            self._let_in()

    async def _publish_last_words(self, driver: BusDriver) -> None:
        """Publish what waits because we are interrupted: our loop ends, and nobody shut us down."""
        self._driver = None  # whoever publishes beside stops
        self._closing = True
        try:
            while batch := self.outbox.batch(BATCH_BYTES):
                await self._publish(driver, batch)
                self.outbox.discard(len(batch))
                self._published += len(batch)
        except Exception as error:  # whatever the client library raises in a loop that ends
            self._logger.error(
                "%s cannot publish its last words: %s", self._name, escaped(describe(error))
            )
            self.say_dropped()

    async def _publish(
        self, driver: BusDriver, messages: list[bytes], *, urgent: bool = False
    ) -> None:
        began, patience = self._runtime.now(), self._patience()
        self.publishing = True
        try:
            await flavour.limited(driver.publish(messages), patience, "publishing")
        except MessageRefused:
            raise
        except Exception as error:  # whatever the client library raises
            took = self._runtime.now() - began
            if took > 0.9 * patience and driver is self._driver and not urgent:
                self._note_slow(messages)
            if took > SLOW:
                raise Silence(describe(error)) from error
            raise
        finally:
            self.publishing = False
        if self._slow and sum(map(len, messages)) > BATCH_BYTES >> 2 * self._slow + 1:
            # Four times as much, in half the time: would that do, with some room?
            self._slow -= 8 * (self._runtime.now() - began) < patience / 2

    def _patience(self) -> float:
        """Return how many seconds publishing may take."""
        return self._times.timeout * float(1 << self._slow)

    def _note_slow(self, messages: list[bytes]) -> None:
        """Have more time and less at once the next time, and give up what even so will not go."""
        if self._slow < MOST_SLOW:
            self._slow += 1
        elif len(messages) == 1 and len(messages[0]) > SMALL:
            self._logger.error(
                "%s dropped a message of %d bytes: it was not published within %.0f s",
                *(self._name, len(messages[0]), self._patience()),
            )
            self.outbox.discard(1, refused=True)

    async def _are_all_back(self, driver: BusDriver) -> bool:
        """Tell whether as many hear us as before the loss, where we can only count them."""
        if self._receive or self._reached is None or not driver.counts_subscribers:
            return False
        counting = flavour.limited(driver.subscribers(), self._times.timeout, "counting")
        return bool(await counting >= self._reached)

    async def _wait_for_messages(self, held: float) -> None:
        limit = self._rest(held if held > 0 else None)
        if self._closing:
            return
        waiter = self._runtime.create_waiter()
        self._publisher_idle = waiter
        # What came between the look into the outbox and this line has woken nobody.
        if self._urgent or self._closing or (len(self.outbox) and held <= 0):
            return
        try:
            await waiter.wait(limit)
        except TimeoutError:
            pass  # held back, or unused, for long enough

    def _rest(self, limit: float | None) -> float | None:
        """Return for how long to wait at most, and end if nobody wants us any more."""
        rest = self._receiver.rest(len(self.outbox))
        if rest is None:
            return limit
        if rest <= 0:
            self.say_dropped()
            self._closing = True
        return rest if limit is None else min(limit, rest)

    def _wake_publisher(self) -> None:
        waiter = self._publisher_idle
        if waiter is not None:
            # Once is enough: the other messages of this loop turn travel with this one.
            self._publisher_idle = None
            waiter.set(None)

    # -- outcomes -------------------------------------------------------------------------

    def _set_state(self, state: HealthState) -> None:
        if state == self._state:
            return
        previous, self._state = self._state, state
        self._since = time.time()
        if state == "connected":
            waiting = len(self.outbox)
            note = f", {waiting} messages waited" if waiting else ""
            self._logger.info("%s connected to %s%s", self._name, self._url, note)
        elif state == "closed" and previous != "idle":
            self._logger.info("%s disconnected from %s", self._name, self._url)
        if state != "connecting":
            self._wake_started()
        if state not in ("connecting", "connected"):
            while self._flushing:
                self._flushing.popleft()[1].set(None)
            self._let_in()

    def _wake_started(self) -> None:
        while self._started:
            self._started.pop().set(None)

    def _note_loss(self, error: Exception, delay: float) -> None:
        self._last_error = describe(error)
        self._refused = None
        self._retries += self._attempts > 0
        if self._state != "disconnected":
            self._logger.error(
                "%s has no connection to %s: %s; messages are kept, next attempt in %.1f s",
                *(self._name, self._url, escaped(self._last_error), delay),
            )
        else:
            self._logger.debug("%s: %s; next attempt in %.1f s", self._name, escaped(error), delay)
        self._set_state("disconnected")

    def _refuse(self, error: Exception, delay: float) -> None:
        """Note a refusal at the start: the caller has to know, and it may change all the same."""
        self._last_error = describe(error)
        level = logging.DEBUG if self._state == "failed" else logging.ERROR
        self._refused = error
        self._refusals += 1
        self._set_state("failed")
        if not self._receive:
            # Each emit of a process that only writes waits here, and hears of the refusal.
            self.outbox.discard(len(self.outbox), refused=True)
        self._logger.log(
            *(level, "%s cannot use %s: %s; next attempt in %.1f s"),
            *(self._name, self._url, escaped(self._last_error), delay),
        )

    async def _pause(self, seconds: float) -> None:
        self._pausing = waiter = self._runtime.create_waiter()
        limit = self._rest(seconds)
        if self._closing:
            return
        try:
            await waiter.wait(limit)
        except TimeoutError:
            pass  # the usual case: nobody closed us meanwhile
        finally:
            self._pausing = None


def is_misconfigured(error: BaseException | None) -> bool:
    """Tell whether an error comes from an unknown host name, or a certificate nobody trusts."""
    seen = set()
    while error is not None and id(error) not in seen:  # some libraries tie their errors in rings
        seen.add(id(error))
        if isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME:
            return True
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def describe(error: BaseException) -> str:
    """Return an error in its own words, with its class when it has none."""
    said = str(error).strip()
    return said if said else type(error).__name__
