from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from socketio import __version__
from socketio.__main__ import main

from .conftest import MakeDist

PIGEON = """
@hookimpl
def socketio_transports():
    for name in {names}:
        yield TransportEntry(name=name, flavour="async", load_server=lambda: bytes)
"""


def test_table_of_working_plugins(make_dist: MakeDist, capsys: pytest.CaptureFixture[str]) -> None:
    make_dist("socketio-birds", PIGEON.format(names=["pigeon", "stork"]), version="2.5")
    assert main(["plugins"]) == 0
    header, rule, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["name", "dist", "version", "status", "provides"]
    assert set(rule) == {"-", " "}
    assert ["builtin", "socketio", __version__, "ok"] == rows[0].split()[:4]
    start = header.index("provides")
    assert rows[-1].split()[:4] == ["birds", "socketio-birds", "2.5", "ok"]
    assert rows[-1][start:] == "transport pigeon (async), transport stork (async)"


def test_long_lists_are_wrapped(make_dist: MakeDist, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"pigeon{number}" for number in range(20)]
    make_dist("socketio-birds", PIGEON.format(names=names))
    assert main(["plugins"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) < 130
    assert all(f"transport {name} (async)" in out for name in names)  # none is cut in two


def test_broken_plugin_is_explained_and_sets_the_exit_code(
    make_dist: MakeDist, capsys: pytest.CaptureFixture[str]
) -> None:
    make_dist("socketio-eagle", "raise RuntimeError('no such bird')")
    make_dist("socketio-birds", PIGEON.format(names=["pigeon"]))
    assert main(["plugins"]) == 1
    table, _, details = capsys.readouterr().out.partition("\n\n")
    assert "socketio-eagle  1.0      broken" in table
    assert "pigeon" in table
    assert "'eagle' (socketio-eagle 1.0) is broken" in details
    assert "Traceback (most recent call last)" in details
    assert "fake_socketio_eagle.py" in details
    assert "RuntimeError: no such bird" in details


def test_disabled_and_conflicting_plugins_are_explained(
    make_dist: MakeDist, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("socketio-birds", "socketio-doves", "socketio-eagle"):
        make_dist(name, PIGEON.format(names=["pigeon"]))
    monkeypatch.setenv("SOCKETIO_DISABLE_PLUGINS", "eagle")
    monkeypatch.setenv("SOCKETIO_STRICT_PLUGINS", "1")
    assert main(["plugins"]) == 0
    table, _, details = capsys.readouterr().out.partition("\n\n")
    assert [line.split()[3] for line in table.splitlines()[2:] if "socketio-" in line] == [
        "conflict",
        "conflict",
        "disabled",
    ]
    assert "switched off by SOCKETIO_DISABLE_PLUGINS=eagle" in details
    assert "provided by 'birds' (socketio-birds 1.0) and by 'doves' (socketio-doves 1.0)" in details


def test_json(make_dist: MakeDist, capsys: pytest.CaptureFixture[str]) -> None:
    make_dist("socketio-eagle", "raise RuntimeError('no such bird')")
    make_dist("socketio-birds", PIGEON.format(names=["pigeon"]), version="2.5")
    assert main(["plugins", "--json"]) == 1
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["birds"] == {
        "name": "birds",
        "source": "entry point",
        "module": "fake_socketio_birds",
        "dist": "socketio-birds",
        "version": "2.5",
        "status": "ok",
        "provides": ["transport pigeon (async)"],
        "problems": [],
        "error": None,
    }
    assert rows["eagle"]["status"] == "broken"
    assert rows["eagle"]["error"] == "RuntimeError('no such bird')"
    assert rows["builtin"]["source"] == "built-in"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"socketio {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["plugin"], ["plugins", "--yaml"]])
def test_wrong_command_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: python -m socketio" in capsys.readouterr().err


def test_runs_as_a_module(make_dist: MakeDist, site: Path) -> None:
    make_dist("socketio-eagle", "raise SystemExit(9)")
    result = subprocess.run(
        [sys.executable, "-m", "socketio", "plugins", "--json"],
        env={"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1, result.stderr
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert rows["eagle"]["error"] == "SystemExit(9)"
