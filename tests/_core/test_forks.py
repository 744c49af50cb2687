"""The registry of what begins anew in a forked child."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, sys
from socketio._core import forks

class Panic(BaseException):
    pass

class Broken:
    def after_fork(self):
        raise Panic("of a third party")

class Begins:
    anew = False
    def after_fork(self):
        self.anew = True

things = [Broken(), Begins(), Broken()]
gone = Begins()
for thing in (*things, gone):
    forks.watch(thing)
del gone, thing
child = os.fork()
if child == 0:
    os._exit(17 if things[1].anew else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), things[1].anew)
"""


def test_what_fails_to_begin_anew_hinders_no_other() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout.split() == ["17", "False"]
    assert run.stderr.count("'Broken' does not begin anew in a forked process") == 2
    assert "Exception ignored" not in run.stderr
