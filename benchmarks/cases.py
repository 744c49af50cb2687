"""What is measured: each case, its points and its servers."""

from dataclasses import dataclass, field, replace
from typing import Literal

from benchmarks import stacks
from benchmarks.stacks import Stack

Kind = Literal["load", "idle", "import", "client", "cluster"]


@dataclass(frozen=True, kw_only=True)
class Point:
    """One setting of a case.

    Args:
        label: Its name in the report.
        mode: Mode of the load generator.
        clients: Clients, or concurrent connection cycles.
        depth: Messages in flight per client, or broadcasts in flight per group.
        size: Payload in bytes.
        binary: Whether the payload is a binary attachment.
        rooms: Number of rooms the clients are spread over; None emits to everyone.
        seconds: Length of the measured window, in seconds.
        warmup: Seconds of load before the window.
        snippet: What the `import` case runs.
        alone: Whether it runs where no framework and no broker client is installed.
        flavour: Which client the `client` case runs.
    """

    label: str
    mode: str = "echo"
    clients: int = 100
    depth: int = 1
    size: int = 32
    binary: bool = False
    rooms: int | None = None
    seconds: float = 2.5
    warmup: float = 0.7
    snippet: str = ""
    alone: bool = True
    flavour: str = ""

    def quick(self) -> "Point":
        """Returns the same with short times: for trying the harness, not for numbers."""
        return replace(self, seconds=min(self.seconds, 0.7), warmup=min(self.warmup, 0.3))


@dataclass(frozen=True, kw_only=True)
class Case:
    """One question about all the servers it names.

    Args:
        name: The name on the command line.
        title: Heading in the report.
        about: One or two sentences: what one message is.
        kind: How it is measured.
        unit: What the number is, per server.
        points: Settings; all of a case are measured interleaved.
        stacks: Servers.
        broker: Broker of a `cluster` case.
    """

    name: str
    title: str
    about: str
    kind: Kind = "load"
    unit: str = "µs of server CPU per message"
    points: tuple[Point, ...]
    stacks: tuple[Stack, ...]
    broker: str = ""
    measured: str = field(default="cpu_us")


_ALL = (*stacks.ASYNCIO, *stacks.NODE, *stacks.BARE)
_SOCKETIO = (*stacks.ASYNCIO, *stacks.NODE)
_GROWTH = (100, 1_000, 10_000)


def _sync_case(name: str, servers: tuple[Stack, ...]) -> Case:
    return Case(
        name=name,
        title=f"Synchronous echo: {name}",
        about="The echo case on a synchronous server, 100 clients on websockets: `threading` under "
        "gunicorn's gthread worker, `gevent` under gevent's pywsgi.",
        points=(Point(label="1 in flight"), Point(label="10 in flight", depth=10)),
        stacks=servers,
    )


def _broker_case(name: str, title: str) -> Case:
    return Case(
        name=name,
        title=f"{title}: emit to delivery between two processes",
        about="A client of process A emits an event, A broadcasts it, a client of process B gets "
        "it through the broker. Both processes share the measured core, the broker has the other. "
        "The first point keeps 64 in flight (throughput), the second one (latency).",
        kind="cluster",
        unit="delivered messages per second",
        points=(
            Point(label="64 in flight", mode="group", clients=1, depth=64),
            Point(label="1 in flight", mode="group", clients=1),
        ),
        stacks=stacks.CLUSTER,
        broker=name,
        measured="rate",
    )


CASES: tuple[Case, ...] = (
    Case(
        name="echo",
        title="Echo",
        about="100 clients on websockets send an event with a 32-byte string and get it back.",
        points=(Point(label="1 in flight"), Point(label="10 in flight", depth=10)),
        stacks=_ALL,
    ),
    Case(
        name="broadcast",
        title="Broadcast",
        about="One client's event makes the server emit to everyone; the next follows when "
        "everyone has it. One message is one delivery.",
        points=tuple(
            Point(label=f"{count:,} clients", mode="group", clients=count)
            for count in (10, 500, 5_000)
        ),
        stacks=_ALL,
    ),
    Case(
        name="burst",
        title="Bursts of ten broadcasts",
        about="One client's event makes the server emit ten times to all 500 clients; the next "
        "follows when everyone has all of it. One message is one delivery.",
        points=(Point(label="500 clients", mode="burst", clients=500, depth=10),),
        stacks=(*_SOCKETIO, *stacks.OXIDE),
    ),
    Case(
        name="rooms",
        title="Broadcast to rooms",
        about="500 clients in 50 rooms of 10; one client of each room makes the server emit to "
        "the room. One message is one delivery.",
        points=(Point(label="50 rooms of 10", mode="group", clients=500, rooms=50),),
        stacks=_SOCKETIO,
    ),
    Case(
        name="binary",
        title="Binary echo",
        about="Clients send an event with one binary attachment and get it back.",
        points=(
            Point(label="1 KiB", clients=100, size=1024, binary=True),
            Point(label="64 KiB", clients=20, size=65536, binary=True),
        ),
        stacks=_ALL,
    ),
    Case(
        name="json",
        title="Echo with the standard library's JSON",
        about="The echo case with `json=json`: what is left when orjson, which ours uses where it "
        "is installed, is not.",
        points=(Point(label="10 in flight", depth=10),),
        stacks=stacks.STDLIB_JSON,
    ),
    Case(
        name="ack",
        title="Ack round trip",
        about="The server calls its 100 clients in a loop (`await sio.call(...)`); one message is "
        "one call with its answer.",
        points=(Point(label="100 clients", mode="ack"),),
        stacks=_SOCKETIO,
    ),
    Case(
        name="connect",
        title="Connection rate",
        about="20 clients connect, join the namespace and leave again, in a loop. One message is "
        "one such cycle: with a websocket at once, or polling upgraded to websocket.",
        unit="µs of server CPU per connection",
        points=(
            Point(label="websocket", mode="connect", clients=20),
            Point(label="polling, upgraded", mode="upgrade", clients=20),
        ),
        stacks=_SOCKETIO,
    ),
    Case(
        name="polling",
        title="Long-polling echo",
        about="The echo case over long-polling: one message is one POST and one GET.",
        points=(Point(label="50 clients", mode="polling", clients=50),),
        stacks=_SOCKETIO,
    ),
    Case(
        name="idle",
        title="Memory per idle connection",
        about="Growth of the server's memory (PSS) from before to after the clients connected, "
        "divided by their number.",
        kind="idle",
        unit="KiB per connection",
        points=(
            Point(label="1,000 connections", mode="idle", clients=1_000),
            Point(label="10,000 connections", mode="idle", clients=10_000),
        ),
        stacks=(*stacks.TWO_FRAMEWORKS, *stacks.NODE, *stacks.TWO_BARE),
        measured="kib",
    ),
    Case(
        name="growth-echo",
        title="Growth: echo",
        about="What a message costs as the clients become more, 1 in flight each.",
        points=tuple(
            Point(label=f"{count:,} clients", clients=count, seconds=5, warmup=2)
            for count in _GROWTH
        ),
        stacks=(*stacks.TWO_FRAMEWORKS, *stacks.NODE, *stacks.TWO_BARE),
    ),
    Case(
        name="growth-broadcast",
        title="Growth: broadcast",
        about="What a delivery costs as the clients become more.",
        points=tuple(
            Point(label=f"{count:,} clients", mode="group", clients=count, seconds=5, warmup=2)
            for count in _GROWTH
        ),
        stacks=(*stacks.TWO_FRAMEWORKS, *stacks.NODE, *stacks.TWO_BARE),
    ),
    _sync_case("threading", stacks.THREADING),
    _sync_case("gevent", stacks.GEVENT),
    Case(
        name="client",
        title="Client receive rate",
        about="The client receives 20,000 events from Node's server as fast as it takes them; "
        "the client is what is measured.",
        kind="client",
        unit="µs of client CPU per message",
        points=(
            Point(label="asyncio", flavour="asyncio"),
            Point(label="threading", flavour="threading"),
        ),
        stacks=(
            Stack(library="ours", framework="client"),
            Stack(library="peer", framework="client"),
        ),
    ),
    Case(
        name="import",
        title="Import time",
        about="CPU time of the import in a new process, with compiled files in place. Names of "
        "`socketio` load when first used, so the import alone is not the whole truth: the second "
        "point also constructs a server. In the third the frameworks and broker clients of the "
        "other cases are installed, some of which python-socketio imports when it finds them.",
        kind="import",
        unit="ms",
        points=(
            Point(label="import socketio", snippet="import socketio"),
            Point(
                label="and construct an AsyncServer",
                snippet="import socketio; socketio.AsyncServer(async_mode='asgi')",
            ),
            Point(
                label="import socketio, frameworks and broker clients installed",
                snippet="import socketio",
                alone=False,
            ),
        ),
        stacks=(
            Stack(library="ours", framework="import"),
            Stack(library="peer", framework="import"),
        ),
        measured="ms",
    ),
    _broker_case("redis", "Redis"),
    _broker_case("rabbitmq", "RabbitMQ"),
)

BY_NAME = {case.name: case for case in CASES}
