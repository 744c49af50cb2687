"""What tests of applications and of plugins need: clients without a network, contract suites.

* `AsyncTestClient`, `TestClient`: clients that talk to a server in the same process
* `socketio.testing.contracts`: suites that a plugin's tests subclass
"""

from .memory import AsyncTestClient, MemoryTransport, TestClient

__all__ = ["AsyncTestClient", "MemoryTransport", "TestClient"]
