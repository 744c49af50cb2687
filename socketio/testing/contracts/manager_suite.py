"""What the suites for client managers have in common."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

from .cluster import Flavour, Node


class ManagerSuite:
    """Makes servers with the manager under test, in each of its flavours."""

    flavours: ClassVar[tuple[Flavour, ...]] = ("async", "sync")
    """The flavours that the manager exists in."""

    processes: ClassVar[int] = 2
    """1 for a manager whose clients are all in one process: its nodes are all the same one."""

    def create_manager(
        self, flavour: Flavour, channel: str, write_only: bool = False, json: Any = None
    ) -> Any:
        """Return a new manager.

        Args:
            flavour: `"async"` or `"sync"`.
            channel: The name of the channel, different in every test.
            write_only: For a process without a server.
            json: A JSON module, or None.
        """
        raise NotImplementedError

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test in every flavour."""
        if "flavour" in metafunc.fixturenames:
            metafunc.parametrize("flavour", self.flavours)

    @pytest.fixture
    def channel(self) -> str:
        """A channel that no other test uses."""
        return f"socketio-test-{uuid.uuid4().hex}"

    @pytest.fixture
    def create_node(self, flavour: Flavour, channel: str) -> Iterator[Callable[..., Node]]:
        """Start a server; stopped after the test."""
        nodes: list[Node] = []

        def create(**options: Any) -> Node:
            if self.processes == 1 and nodes and not options:
                return nodes[0]
            manager_options = options.pop("manager_options", {})
            prepare = options.pop("prepare", None)

            def create_manager() -> Any:
                manager = self.create_manager(flavour, channel, **manager_options)
                if prepare is not None:
                    prepare(manager)
                return manager

            node = Node(flavour, create_manager, **options)
            nodes.append(node)
            return node

        yield create
        for node in nodes:
            node.stop()
