"""The NATS manager passes the contract of client managers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from brokers import FaultyBroker, NatsBroker, answers, faulty, test_url
from nats.aio.transport import TcpTransport
from socketio_nats.manager import AsyncNatsManager

from socketio import AsyncServer, exceptions
from socketio.testing.contracts import BrokerFaultContract, BusContract


class Managers:
    flavours = ("async",)
    url: str

    def create_manager(self, flavour: str, channel: str, **options: Any) -> AsyncNatsManager:
        return AsyncNatsManager(self.url, channel=channel, **options)


class TestNats(Managers, BusContract):
    @pytest.fixture(autouse=True)
    def needed_broker(self, need: Any) -> None:
        need("nats", answers("nats"), "make brokers")
        self.url = test_url("nats")

    async def test_it_is_chosen_by_its_url(self) -> None:
        assert type(AsyncServer(client_manager=self.url).manager) is AsyncNatsManager

    async def test_a_wrong_url_is_refused_at_once(self) -> None:
        with pytest.raises(ValueError, match="nats://"):
            AsyncNatsManager("http://localhost")
        with pytest.raises(ValueError, match="'max_reconnect_attempts'"):
            AsyncNatsManager("nats://localhost?max_reconnect_attempts=1")

    async def test_a_message_that_nats_refuses_is_counted(self) -> None:
        manager = AsyncNatsManager(self.url, channel="large", write_only=True)
        await manager.emit("x", "y" * 2_000_000)
        await manager.emit("x", "small")
        health = manager.health()
        await manager.shutdown()
        assert (health.published, health.dropped, health.outbox_messages) == (1, 1, 0)


@pytest.fixture(scope="module")
def faulty_nats(need: Any) -> Iterator[FaultyBroker]:
    missing = NatsBroker.missing()
    need("nats", not missing, f"make brokers (missing: {', '.join(missing)})")
    with faulty(NatsBroker) as broker:
        yield broker


@pytest.mark.heavy  # minutes of waiting for an outage to be noticed
@pytest.mark.xdist_group("faulty-nats")
class TestNatsFaults(Managers, BrokerFaultContract):
    @pytest.fixture
    def broker(self, faulty_nats: FaultyBroker) -> Iterator[FaultyBroker]:
        self.url = faulty_nats.url
        yield faulty_nats
        faulty_nats.mend()


@pytest.mark.parametrize("slow", [False, True], ids=["answer-read", "answer-lost"])
async def test_a_refused_login_fails_at_the_start(
    need: Any, monkeypatch: pytest.MonkeyPatch, slow: bool
) -> None:
    need("nats", not NatsBroker.missing(), "make brokers")
    if slow:
        write = TcpTransport.write

        def write_slowly(transport: TcpTransport, payload: bytes) -> None:
            write(transport, payload)
            time.sleep(0.2)  # the whole loop stands still, as on a machine that is busy

        monkeypatch.setattr(TcpTransport, "write", write_slowly)
    with faulty(NatsBroker, token="right") as broker:
        manager = AsyncNatsManager(broker.url.replace("//", "//wrong:secret@"), write_only=True)
        with pytest.raises(exceptions.ConnectionError, match="Authorization Violation") as raised:
            await manager.start()
        await manager.shutdown()
    assert "secret" not in str(raised.value)
