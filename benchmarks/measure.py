"""One measurement: a stack at a point of a case."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import loadrun
from benchmarks.brokers import Broker
from benchmarks.cases import Case, Point
from benchmarks.loadrun import LoadError, LoadResult
from benchmarks.paths import CLIENTS, PROFILES, python
from benchmarks.processes import LOAD_CORE, SERVER_CORE, Server, pinned
from benchmarks.stacks import NODE, Stack

Figures = dict[str, Any]

FLOOD = 20_000
"""Events of one run of the client case."""

IMPORT_RUNS = 7
"""Processes per run of the import case; the median counts."""

_IMPORT = """
import time
def memory():
    for line in open("/proc/self/smaps_rollup"):
        if line.startswith("Rss:"):
            return int(line.split()[1])
before = memory()
cpu, wall = time.process_time(), time.perf_counter()
exec({snippet!r})
print(time.process_time() - cpu, time.perf_counter() - wall, memory() - before)
"""


def _server(stack: Stack, manager: str | None = None, suffix: str = "") -> Server:
    def command(descriptor: int) -> list[str]:
        return stack.command(descriptor, manager)

    return Server(command, name=stack.name + suffix, core=SERVER_CORE)


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def load(case: Case, point: Point, stack: Stack, *, profile: bool = False) -> Figures:
    """Measures a server under load.

    Args:
        case: The case.
        point: Its setting.
        stack: The server.
        profile: Whether to record a profile of the server, which slows it.
    """
    server = _server(stack)
    profiler: subprocess.Popen[bytes] | None = None
    try:
        command = loadrun.arguments(point, server.port, server.pids(), bare=stack.library == "bare")
        if profile and stack.library != "node":
            profiler = _profiler(case, point, stack, server)
        result = loadrun.run(command, loadrun.deadline(point))
        if profiler is not None:
            profiler.wait(30)
        return result.summary()
    except LoadError as error:
        raise LoadError(f"{error}\nserver's log: {server.tail() or 'empty'}") from error
    finally:
        if profiler is not None and profiler.poll() is None:
            profiler.kill()
            profiler.wait(10)
        server.stop()


def _profiler(case: Case, point: Point, stack: Stack, server: Server) -> subprocess.Popen[bytes]:
    """Starts py-spy on the server for the length of the run; the output is folded stacks."""
    name = f"{case.name}-{point.label}-{stack.name}".replace(" ", "-").replace(":", "-")
    output = PROFILES / f"{name}.folded"
    pid = server.pids()[-1]  # the worker where there is a master
    spy = str(Path(python("ours" if stack.library == "ours" else "peer")).with_name("py-spy"))
    command = [spy, "record", "--pid", str(pid), "--format", "raw", "--rate", "400"]
    command += ["--duration", str(max(1, round(point.warmup + point.seconds)))]
    command += ["--nonblocking", "--output", str(output)]
    with pinned(LOAD_CORE):
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def idle(case: Case, point: Point, stack: Stack) -> Figures:
    """Measures the memory that an idle connection takes.

    Args:
        case: The case.
        point: Its setting.
        stack: The server.
    """
    server = _server(stack)
    bare = stack.library == "bare"
    try:
        # connect once before the first reading: what is allocated once is no cost per connection
        warm = Point(label="warm", clients=20, seconds=0.3, warmup=0.2)
        loadrun.run(loadrun.arguments(warm, server.port, [], bare=bare), loadrun.deadline(warm))
        before = _settled(server.memory)
        command = loadrun.arguments(point, server.port, [], bare=bare)
        with loadrun.Holding(command):
            held = _settled(server.memory)
        return {"kib": (held - before) / point.clients / 1024, "before_mib": before / 2**20}
    finally:
        server.stop()


def _settled(read: Callable[[], int]) -> int:
    """Returns a reading once two of them, half a second apart, differ by less than 0.5 %."""
    last = read()
    for _ in range(20):
        time.sleep(0.5)
        value = read()
        if abs(value - last) < last * 0.005:
            return value
        last = value
    return last


def imports(case: Case, point: Point, stack: Stack) -> Figures:
    """Measures CPU time and memory of an import in new processes.

    Args:
        case: The case.
        point: Its setting.
        stack: The library.
    """
    # `-P`: the folder we are started in holds a `socketio` of its own
    environment = f"{stack.library} alone" if point.alone else stack.library
    command = [python(environment), "-P", "-c", _IMPORT.format(snippet=point.snippet)]
    rows = []
    with pinned(SERVER_CORE):
        for _ in range(IMPORT_RUNS + 1):
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            if done.returncode:
                raise LoadError(done.stderr[-2000:])
            rows.append([float(value) for value in done.stdout.split()])
    del rows[0]  # it compiled the files
    cpu, wall, memory = (_median(list(column)) for column in zip(*rows, strict=True))
    return {"ms": cpu * 1e3, "wall_ms": wall * 1e3, "mib": memory / 1024}


def client(case: Case, point: Point, stack: Stack) -> Figures:
    """Measures a client that receives from Node's server.

    Args:
        case: The case.
        point: Its setting.
        stack: The client's library.
    """

    def command(descriptor: int) -> list[str]:
        return NODE[0].command(descriptor)

    server = Server(command, name=f"node-for-{stack.name}", core=LOAD_CORE)
    try:
        program = [python(stack.library), str(CLIENTS / "receive.py"), point.flavour]
        program += ["--port", str(server.port), "--count", str(FLOOD)]
        cpu_before = server.cpu()
        with pinned(SERVER_CORE):
            done = subprocess.run(program, capture_output=True, text=True, timeout=180)
        if done.returncode:
            raise LoadError(done.stderr[-2000:])
        figures = json.loads(done.stdout)
        if figures["messages"] != FLOOD:
            raise LoadError(f"{figures['messages']} of {FLOOD} events arrived")
        share = (server.cpu() - cpu_before) / figures["seconds"]
        return {
            "cpu_us": figures["cpu"] / FLOOD * 1e6,
            "rate": FLOOD / figures["seconds"],
            "load_share": share,
            "server_share": figures["cpu"] / figures["seconds"],
            "bottleneck": share > 0.85,
        }
    finally:
        server.stop()


def cluster(case: Case, point: Point, stack: Stack, broker: Broker) -> Figures:
    """Measures two servers that a broker connects.

    Args:
        case: The case.
        point: Its setting.
        stack: Both servers.
        broker: What connects them.
    """
    emitting = _server(stack, broker.url, "-emitting")
    try:
        delivering = _server(stack, broker.url, "-delivering")
        try:
            return _clustered(point, emitting, delivering, broker)
        finally:
            delivering.stop()
    finally:
        emitting.stop()


def _clustered(point: Point, emitting: Server, delivering: Server, broker: Broker) -> Figures:
    def attempt(one: Point) -> LoadResult:
        pids = [*emitting.pids(), *delivering.pids()]
        command = loadrun.arguments(
            one, delivering.port, pids, bare=False, leader_port=emitting.port
        )
        return loadrun.run(command, loadrun.deadline(one))

    # what is emitted before the other process has subscribed is lost, so wait until one arrives
    trial = Point(label="trial", mode="group", clients=1, seconds=0.3, warmup=0.1)
    for _ in range(20):
        if attempt(trial).messages:
            break
    else:
        raise LoadError(
            f"nothing arrived through the broker\nemitting: {emitting.tail()}\n"
            f"delivering: {delivering.tail()}"
        )
    cpu, began = broker.process.cpu(), time.monotonic()
    figures = attempt(point).summary()
    # over the whole run, connecting and warm-up included: a little less than in the window
    share = (broker.process.cpu() - cpu) / (time.monotonic() - began)
    return {**figures, "broker_percent": share * 100}
