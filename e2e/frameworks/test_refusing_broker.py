"""A broker that refuses the server, under every framework: its application does not start.

Where a framework has no hook for its start, the first client is refused instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import aiohttp
import pytest
from brokers import RedisServer, answers, private, test_url
from frameworks.matrix import FRAMEWORKS, Framework
from frameworks.test_attachments import HERE, PYTHON, PYTHONPATH
from rig.process import START_DEADLINE, Program

pytestmark = pytest.mark.server

REFUSALS = {"redis": "invalid username-password pair", "rabbitmq": "ACCESS_REFUSED"}
"""What each broker says to a wrong password."""


@pytest.fixture(scope="module")
def locked_redis(need) -> Iterator[RedisServer]:
    need("redis", not RedisServer.missing(), "make brokers")
    with private(RedisServer, password="right") as broker:
        yield broker


@pytest.fixture
def refusing_url(request: pytest.FixtureRequest, broker: str, need) -> str:
    """The URL of a broker, with a wrong password."""
    if broker == "redis":
        redis: RedisServer = request.getfixturevalue("locked_redis")
        return f"redis://:secret@127.0.0.1:{redis.port}"
    need("rabbitmq", answers("rabbitmq"), "make brokers")
    url = test_url("rabbitmq")
    assert "guest:guest" in url, f"this test does not know how to spoil {url}"
    return url.replace("guest:guest", "guest:secret")


@pytest.fixture
def program(framework: Framework, refusing_url: str) -> Iterator[Program]:
    script = HERE / "applications" / f"{framework.name}_app.py"
    environment = {"PYTHONPATH": PYTHONPATH, "CONTRACT_CLIENT_MANAGER": refusing_url}
    program = Program((PYTHON, str(script)), environment).start()
    yield program
    program.close()


def frameworks(condition: Callable[[Framework], bool]) -> pytest.MarkDecorator:
    chosen = [each for each in FRAMEWORKS if condition(each)]
    return pytest.mark.parametrize("framework", chosen, ids=[each.name for each in chosen])


def has_start(framework: Framework) -> bool:
    """Tell whether an attachment learns of the application's start: Tornado and WSGI have none."""
    return framework.mode not in ("tornado", "threading")


@pytest.mark.parametrize("broker", REFUSALS)
@frameworks(has_start)
async def test_the_application_does_not_start(program: Program, broker: str) -> None:
    code = await asyncio.to_thread(program.process.wait, START_DEADLINE)
    program.stop()
    said = "".join(program.errors)
    assert code != 0, said
    assert REFUSALS[broker] in said
    assert "secret" not in said


@pytest.mark.parametrize("broker", REFUSALS)
@frameworks(lambda framework: not has_start(framework))
async def test_the_first_client_is_refused(program: Program, broker: str) -> None:
    handshake = f"{program.url}/socket.io/?EIO=4&transport=polling"
    async with aiohttp.ClientSession() as http:
        for _ in range(2):
            async with http.get(handshake) as answer:
                assert answer.status == 503
                assert (await answer.json())["message"] == "The server is not ready"
        async with http.get(f"{program.url}/own") as answer:
            assert answer.status == 200  # the application goes on
    program.wait_for_log(REFUSALS[broker])
    program.stop()
    assert "secret" not in "".join(program.errors)
