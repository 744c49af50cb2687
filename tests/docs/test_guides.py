"""The guides of applications, followed to the letter: their code does what they say."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from socketio.testing import AsyncTestClient

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "how-to"


def blocks(guide: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (GUIDES / guide).read_text(), re.M | re.S)


def run(guide: str) -> dict[str, Any]:
    """Run a guide's code as one program and return its names."""
    names: dict[str, Any] = {"__name__": "guide"}
    for code in blocks(guide):
        exec(compile(code, guide, "exec"), names)
    return names


async def test_the_server_guide(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    names = run("use-the-server.md")
    sio = names["sio"]
    with pytest.raises(ConnectionRefusedError, match="who are you"):
        await AsyncTestClient(sio).connect()

    ada, bob = AsyncTestClient(sio), AsyncTestClient(sio)
    sid = await ada.connect(auth={"token": "secret-of-ada"})
    await bob.connect(auth={"token": "secret-of-ada"})
    assert await bob.call("join", "room") == ["welcome", "room"]
    await ada.call("join", "room")
    assert await bob.receive() == ["joined", "Ada"]

    ada.on("question", lambda text: f"answer to {text}")
    assert await names["announce"](sid, "room") == "answer to for one client"
    news = [["news", {"title": "…"}], ["news", "for a room"], ["news", "two", "arguments"]]
    assert ada.received()[:3] == news
    assert bob.received() == news[:2]

    ada.emit("unheard of")
    ada.emit("join")  # without its argument
    await ada.call("join", "room")
    assert "nobody handles unheard of" in capsys.readouterr().out
    ours = (record for record in caplog.records if record.name == "socketio.server")
    (failed,) = (record for record in ours if record.levelno == logging.ERROR)
    assert failed.exc_info is not None and failed.exc_info[0] is TypeError

    await ada.connect("/chat")
    await bob.connect("/chat")
    ada.emit("say", "hi", namespace="/chat")
    assert await bob.receive("/chat") == ["said", "hi"]

    await ada.connect("/careful")
    assert await ada.call("double", "21", namespace="/careful") == [42]
    (error,) = await ada.call("double", "many", namespace="/careful")
    assert "invalid literal" in error["error"]

    await sio.shutdown()
    assert f"{sid} is gone: server disconnect" in capsys.readouterr().out


def test_the_guide_to_tests(tmp_path: Path) -> None:
    for code in blocks("test-your-application.md"):
        name, _, _ = code.removeprefix("# ").partition("\n")
        (tmp_path / name).write_text(code)
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_app.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "2 passed" in result.stdout, result.stdout + result.stderr


async def test_the_guide_to_security() -> None:
    sio = run("secure-a-server.md")["sio"]
    for auth in (None, {}, {"token": "other"}, {"token": 1}, {"token": "ä"}):
        with pytest.raises(ConnectionRefusedError, match="not allowed"):
            await AsyncTestClient(sio).connect(auth=auth)
    client = AsyncTestClient(sio)
    await client.connect(auth={"token": "…"})
    client.drop()


async def test_the_guide_to_static_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "public" / "deep").mkdir(parents=True)
    (tmp_path / "index.html").write_text("index")
    (tmp_path / "feed.xml").write_text("feed")
    (tmp_path / "public" / "deep" / "home.html").write_text("home")
    (tmp_path / "public" / "a.css").write_text("css")
    transport = httpx.ASGITransport(run("serve-static-files.md")["app"])
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        answers = {
            path: await http.get(path)
            for path in ("/", "/static/a.css", "/static/deep/", "/feed", "/static/", "/none")
        }
    assert {path: answer.text for path, answer in answers.items()} == {
        "/": "index",
        "/static/a.css": "css",
        "/static/deep/": "home",
        "/feed": "feed",
        "/static/": "Not Found",
        "/none": "Not Found",
    }
    assert answers["/feed"].headers["content-type"] == "application/rss+xml"


async def test_the_observers_guide() -> None:
    names = run("watch-a-server.md")
    sio, figures = names["sio"], names["figures"]
    sio.on("add", lambda sid, one, two: one + two)
    client = AsyncTestClient(sio)
    await client.connect()
    assert await client.call("add", 1, 2) == [3]
    assert (figures["clients"], figures["events in"], figures["packets out"]) == (1, 1, 2)
    assert figures["bytes out"] == len(f'0{{"sid":"{client.sids["/"]}"}}30[3]')
    client.drop()
    assert (figures["clients"], figures["left: transport close"]) == (0, 1)
    await sio.shutdown()
