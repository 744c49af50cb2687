"""What managers do in processes that fork, and in workers that make one for each task."""

# ruff: noqa: D102  # a test's name is its documentation

from __future__ import annotations

import asyncio
import contextlib
import gc
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

from .cluster import DEADLINE, Flavour, Node, wait_for
from .manager_suite import ManagerSuite

CHILDREN = 4


def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a method of a manager from where there is no event loop."""
    result = function(*args, **kwargs)
    if not hasattr(result, "__await__"):
        return result

    async def wait() -> Any:
        return await result

    return asyncio.run(wait())


@contextlib.contextmanager
def forked(count: int, function: Callable[..., Any], *args: Any) -> Iterator[list[Any]]:
    """Run a function in children of this process, and see that none of them fails.

    Args:
        count: How many children.
        function: Called with the child's number and the arguments.
        *args: Its arguments.
    """
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=function, args=(each, *args)) for each in range(count)]
    for child in children:
        child.start()
    try:
        yield children
        for child in children:
            child.join(2 * DEADLINE)
        assert [child.exitcode for child in children] == [0] * count
    finally:
        for child in children:
            if child.is_alive():
                child.kill()


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
# Once eventlet is imported, by whatever test, it warns of every fork.
@pytest.mark.filterwarnings("ignore:Using fork.. is a bad idea, and there is no guarantee eventlet")
class ProcessContract(ManagerSuite):
    """Tests for managers in forked processes, workers and several event loops."""

    quiet_seconds: ClassVar[float] = 61.0
    """How long nothing is sent in the test of a quiet time."""

    @pytest.fixture
    def outside(self, flavour: Flavour, channel: str) -> Iterator[Any]:
        """A manager for a process without a server."""
        manager = self.create_manager(flavour, channel, write_only=True)
        yield manager
        call(manager.shutdown)

    # -- forks ----------------------------------------------------------------------------

    @pytest.mark.parametrize("used", [False, True], ids=["made", "used"])
    def test_every_child_of_a_fork_is_heard(
        self, create_node: Callable[..., Node], outside: Any, used: bool
    ) -> None:
        """The children of a task queue that was set up before they were forked."""
        node = create_node()
        client = node.client()
        if used:
            call(outside.emit, "n", [-1, 0])
            assert client.receive() == ["n", [-1, 0]]

        def work(number: int) -> None:
            for count in range(5):
                call(outside.emit, "n", [number, count])

        with forked(CHILDREN, work):
            pass
        call(outside.emit, "last", None)  # the parent's connection is none the worse
        events = client.until("last")
        for number in range(CHILDREN):
            counts = [event[1][1] for event in events if event[1][0] == number]
            assert counts == list(range(5)), f"child {number}: {events!r:.500}"
        assert len(events) == 5 * CHILDREN

    def test_a_child_of_a_serving_process_emits_to_its_parents_clients(
        self, create_node: Callable[..., Node]
    ) -> None:
        here, there = create_node(), create_node()
        clients = [here.client(), there.client()]
        here.run(here.server.enter_room, clients[0].sid, "r")
        identity = here.manager.host_id
        assert here.fence(clients) == [[], []]

        def work(number: int) -> None:
            assert here.manager.host_id != identity
            assert not here.server.eio.sessions
            call(here.server.emit, "all", number)
            call(here.server.emit, "room", number, room="r")
            call(here.manager.emit, "sid", number, to=clients[1].sid)

        with forked(1, work):
            pass
        assert here.manager.host_id == identity
        here.emit("mine")
        assert here.fence(clients) == [
            [["all", 0], ["room", 0], ["mine"]],
            [["all", 0], ["sid", 0], ["mine"]],
        ]

    def test_a_server_that_was_started_before_a_fork_hears_and_is_heard_in_the_child(
        self, create_node: Callable[..., Node]
    ) -> None:
        """A server of workers that are forked when the application is loaded and started."""
        parent = create_node()
        guest = parent.client()
        context = multiprocessing.get_context("fork")
        ready = [context.Event() for _ in range(2)]
        heard: Any = context.Queue()

        def work(number: int) -> None:
            parent.renew_threads()
            parent.run(parent.server.start)
            client = parent.client()
            ready[number].set()
            heard.put((number, client.receive(), client.receive()))
            parent.emit("child", number)
            parent.stop()

        with forked(2, work):
            for event in ready:
                assert event.wait(DEADLINE), "a child did not get ready"
            parent.emit("x", 1)
            parent.emit("y", 2)
            expected = [(number, ["x", 1], ["y", 2]) for number in range(2)]
            assert sorted(heard.get(timeout=DEADLINE) for _ in range(2)) == expected
            events = [guest.receive() for _ in range(4)]
        assert events[:2] == [["x", 1], ["y", 2]]
        assert sorted(events[2:]) == [["child", 0], ["child", 1]]

    # -- workers --------------------------------------------------------------------------

    def test_a_manager_for_each_task_leaves_nothing_behind(
        self, flavour: Flavour, channel: str, create_node: Callable[..., Node]
    ) -> None:
        client = create_node().client()
        gc.collect()
        before = threading.active_count()
        most = before
        for number in range(30):
            manager = self.create_manager(flavour, channel, write_only=True)
            call(manager.emit, "n", number)
            del manager
            most = max(most, threading.active_count())
        assert [client.receive()[1] for _ in range(30)] == list(range(30))
        gc.collect()
        wait_for(lambda: threading.active_count() <= before, "the end of the last task's threads")
        assert most < before + 15, "there is a connection for each task"

    def test_a_with_block_ends_the_connection(
        self, flavour: Flavour, channel: str, create_node: Callable[..., Node]
    ) -> None:
        client = create_node().client()
        before = threading.active_count()
        manager = self.create_manager(flavour, channel, write_only=True)
        if flavour == "async":

            async def use() -> None:
                async with manager as same:
                    assert same is manager
                    await manager.emit("n", 1)

            asyncio.run(use())
        else:
            with manager as same:
                assert same is manager
                manager.emit("n", 1)
        assert client.receive() == ["n", 1]
        assert manager.health().state == "closed"
        wait_for(lambda: threading.active_count() <= before, "the end of its threads")
        call(manager.emit, "n", 2)  # a process without a server may go on
        assert client.receive() == ["n", 2]
        call(manager.close)

    def test_one_manager_is_used_by_many_threads(
        self, create_node: Callable[..., Node], outside: Any
    ) -> None:
        """In the asyncio flavour each thread has event loops of its own, one after another."""
        client = create_node().client()

        def work(number: int) -> None:
            for count in range(10):
                call(outside.emit, "n", [number, count])

        threads = [threading.Thread(target=work, args=(each,)) for each in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * DEADLINE)
        events = [client.receive()[1] for _ in range(40)]
        for number in range(4):
            assert [count for who, count in events if who == number] == list(range(10))

    def test_loops_that_are_closed_without_a_word_leave_nothing_behind(
        self, flavour: Flavour, create_node: Callable[..., Node], outside: Any
    ) -> None:
        if flavour == "sync":
            return  # there are no loops
        client = create_node().client()
        for number in range(5):
            loop = asyncio.new_event_loop()
            loop.run_until_complete(outside.emit("n", number))
            assert not asyncio.all_tasks(loop)
            loop.close()
        assert [client.receive() for _ in range(5)] == [["n", number] for number in range(5)]

    def test_another_threads_loop_emits_through_the_manager(
        self, flavour: Flavour, create_node: Callable[..., Node]
    ) -> None:
        if flavour == "sync":
            return  # there are no loops
        here, there = create_node(), create_node()
        clients = [here.client(), there.client()]
        for number in range(3):
            asyncio.run(here.manager.emit("n", number))
        asyncio.run(here.manager.enter_room(clients[1].sid, "/", "r"))
        asyncio.run(here.manager.emit("r", None, room="r"))
        expected = [["n", 0], ["n", 1], ["n", 2]]
        assert here.fence(clients) == [expected, [*expected, ["r"]]]

    # -- quiet hours ----------------------------------------------------------------------

    @pytest.mark.heavy  # a minute in which nothing happens
    def test_a_quiet_time_changes_nothing(
        self, create_node: Callable[..., Node], outside: Any
    ) -> None:
        def prepare(manager: Any) -> None:
            manager.probe_interval = 10 * self.quiet_seconds  # nothing of ours ends the quiet

        nodes = [create_node(prepare=prepare), create_node(prepare=prepare)]
        client = nodes[1].client()
        call(outside.emit, "n", 0)
        nodes[0].emit("n", 1)
        assert sorted(client.receive()[1] for _ in range(2)) == [0, 1]
        time.sleep(self.quiet_seconds)
        call(outside.emit, "n", 2)
        assert client.receive() == ["n", 2]
        nodes[0].emit("n", 3)
        assert client.receive() == ["n", 3]
        assert [node.manager.health().reconnects for node in nodes] == [0, 0]
        assert outside.health().reconnects == 0
