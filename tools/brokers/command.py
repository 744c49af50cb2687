"""The command line: ``up``, ``down`` and ``status`` of the shared brokers."""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from .base import Broker, BrokerError
from .peer import peer_python
from .shared import PORTS, ROOT, VARIABLES, shared_brokers, stop_abandoned


def _up(broker: Broker) -> str:
    began = time.monotonic()
    present = broker.running and broker.answers()
    broker.start()
    took = "was running" if present else f"started in {time.monotonic() - began:.1f} s"
    return f"{broker.name:15} {took:20} {VARIABLES[broker.name]}={broker.url}"


def _down(broker: Broker) -> str:
    running = broker.running
    broker.stop()
    return f"{broker.name:15} {'stopped' if running else 'was not running'}"


def _status(broker: Broker) -> str:
    state = "answers" if broker.answers() else "does not answer" if broker.running else "down"
    pids = ", ".join(str(process.pid) for process in broker.processes if process.pid)
    return f"{broker.name:15} {state:16} {broker.url} {f'(process {pids})' if pids else ''}"


_ACTIONS = {"up": _up, "down": _down, "status": _status}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="brokers", description=__doc__)
    parser.add_argument("action", choices=_ACTIONS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(k.name for k in PORTS))
    options = parser.parse_args(arguments)
    unknown = set(options.names) - {kind.name for kind in PORTS}
    if unknown:
        parser.error(f"unknown broker {', '.join(sorted(unknown))}")
    ROOT.mkdir(exist_ok=True)
    for name in stop_abandoned():
        print(f"ended {name}, whose test run is gone")
    failed = False
    brokers = shared_brokers(options.names)
    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(_ACTIONS[options.action], broker) for broker in brokers]
        for broker, future in zip(brokers, futures, strict=True):
            try:
                print(future.result(), flush=True)
            except BrokerError as error:
                failed = True
                print(f"{broker.name}: {error}", file=sys.stderr)
    if options.action == "up" and not options.names:
        try:
            print(f"{'python-socketio':15} in {peer_python(create=True)}, for mixed clusters")
        except BrokerError as error:
            failed = True
            print(f"python-socketio: {error}", file=sys.stderr)
    return 1 if failed else 0
