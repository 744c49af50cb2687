"""Flask-SocketIO's own tests, from its source distribution, unmodified."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rig.kinds import E2E

PACKAGE = E2E / ".tools" / "flask-socketio"
SOURCE = E2E / ".tools" / "flask-socketio-source"


@pytest.mark.heavy
def test_all_of_them_pass(need: Callable[..., Any], tmp_path: Path) -> None:
    suite = SOURCE / "test_socketio.py"
    need("flask-socketio", PACKAGE.is_dir() and suite.is_file(), f"make {SOURCE}")
    report = tmp_path / "report.xml"
    # Neither our settings nor our plugins: they are for our tests.
    plain = ["-c", os.devnull, "--rootdir", str(SOURCE), "-p", "no:cacheprovider", "-p", "no:xdist"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plain, "--junit-xml", str(report), str(suite)],
        env={**os.environ, "PYTHONPATH": str(PACKAGE), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    total = ET.parse(report).getroot().find("testsuite")
    assert total is not None
    counts = {name: int(total.attrib[name]) for name in ("tests", "failures", "errors", "skipped")}
    assert counts.pop("tests") >= 42
    assert counts == {"failures": 0, "errors": 0, "skipped": 0}
