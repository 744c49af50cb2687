"""The names that applications import, and where their code lives: the one table of them.

`socketio/__init__.py` looks names up here, `tools/root_names.py` writes the modules of names in the
package's root from it, and `plugins/public_names.py` asks plugins for theirs. It imports nothing,
since `import socketio` imports it.
"""

# A constant of this name is taken for true by type checkers; typing is not imported here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

MODULES = {
    "admin": {"InstrumentedServer": "_sync.admin"},
    "asgi": {"ASGIApp": "web.asgi_app"},
    "async_admin": {"InstrumentedAsyncServer": "_async.admin"},
    "async_client": {"AsyncClient": "_async.client"},
    "async_inbox": {"AsyncInbox": "bus.async_inbox"},
    "async_manager": {"AsyncManager": "_async.manager"},
    "async_namespace": {
        "AsyncClientNamespace": "_async.client_namespace",
        "AsyncNamespace": "_async.namespace",
    },
    "async_pubsub_manager": {"AsyncPubSubManager": "_async.pubsub_manager"},
    "async_server": {"AsyncServer": "_async.server"},
    "async_simple_client": {"AsyncSimpleClient": "_async.simple_client"},
    "base_client": {
        "BaseClient": "client.base_client",
        "reconnecting_clients": "client.base_client",
    },
    "base_manager": {"BaseManager": "server.base_manager"},
    "base_namespace": {
        "BaseClientNamespace": "_core.base_namespace",
        "BaseNamespace": "_core.base_namespace",
        "BaseServerNamespace": "_core.base_namespace",
    },
    "base_server": {"BaseServer": "server.base_server"},
    "client": {"Client": "_sync.client"},
    "engine": {"AsyncEngine": "_async.engine", "Engine": "_sync.engine"},
    "exceptions": {"PluginError": "exceptions"},
    "manager": {"Manager": "_sync.manager"},
    "middleware": {"Middleware": "web.wsgi_app", "WSGIApp": "web.wsgi_app"},
    "msgpack_packet": {"MsgPackPacket": "protocol.msgpack_packet"},
    "namespace": {
        "ClientNamespace": "_sync.client_namespace",
        "Namespace": "_sync.namespace",
    },
    "packet": {
        "ACK": "protocol.packets",
        "BINARY_ACK": "protocol.packets",
        "BINARY_EVENT": "protocol.packets",
        "CONNECT": "protocol.packets",
        "CONNECT_ERROR": "protocol.packets",
        "DISCONNECT": "protocol.packets",
        "EVENT": "protocol.packets",
        "Packet": "protocol.packets",
        "packet_names": "protocol.packets",
    },
    "pubsub_manager": {"PubSubManager": "_sync.pubsub_manager"},
    "server": {"Server": "_sync.server", "ServerObserver": "server.observers"},
    "simple_client": {"SimpleClient": "_sync.simple_client"},
}
"""What `from socketio.<module> import <name>` finds, and in which module of the package."""

BY_HAND = {"client", "engine", "exceptions", "server"}
"""Those of `MODULES` that are not written from this table: `exceptions.py`, and folders of code."""

PLUGIN_MODULES = {
    "async_aiopika_manager": ["AsyncAioPikaManager"],
    "async_redis_manager": ["AsyncRedisManager"],
    "kafka_manager": ["KafkaManager"],
    "kombu_manager": ["KombuManager"],
    "redis_manager": ["RedisManager", "parse_redis_sentinel_url"],
    "tornado": ["get_tornado_handler"],
    "zmq_manager": ["ZmqManager"],
}
"""The modules whose names plugins provide."""

MANAGERS = {
    "AsyncAioPikaManager": ("aiopika", "async"),
    "AsyncKafkaManager": ("kafka", "async"),
    "AsyncRedisManager": ("redis", "async"),
    "KafkaManager": ("kafka", "sync"),
    "KombuManager": ("kombu", "sync"),
    "RedisManager": ("redis", "sync"),
    "ZmqManager": ("zmq", "sync"),
}
"""Name and flavour of the `ClientManagerEntry` behind each client manager of a plugin."""

OF_MODES = {"get_tornado_handler": ("tornado", "async")}
"""Name and flavour of the `AsyncModeEntry` whose mode has a function that applications import."""

BESIDE_MANAGERS = {"parse_redis_sentinel_url": "RedisManager"}
"""What the module of a client manager has for applications besides the manager."""

PACKAGE = {
    "ASGIApp": "asgi",
    "AsyncClient": "async_client",
    "AsyncClientNamespace": "async_namespace",
    "AsyncManager": "async_manager",
    "AsyncNamespace": "async_namespace",
    "AsyncPubSubManager": "async_pubsub_manager",
    "AsyncServer": "async_server",
    "AsyncSimpleClient": "async_simple_client",
    "Client": "client",
    "ClientNamespace": "namespace",
    "Manager": "manager",
    "Middleware": "middleware",
    "Namespace": "namespace",
    "PluginError": "exceptions",
    "PubSubManager": "pubsub_manager",
    "Server": "server",
    "ServerObserver": "server",
    "SimpleClient": "simple_client",
    "WSGIApp": "middleware",
}
"""The names of `socketio` itself that are always there, and which of `MODULES` has each."""

PREPARED = ["AsyncServer", "ASGIApp", "AsyncClient", "AsyncSimpleClient"]
"""What `prepare()` imports if it is told no names."""

PLUGIN_NAMES = {*MANAGERS, *OF_MODES}
"""The names of `socketio` itself that plugins provide."""

SUBMODULES = {*MODULES, *PLUGIN_MODULES}
"""The modules that `import socketio` alone makes reachable, as in `socketio.exceptions`."""


def lazy(module: str, homes: "Mapping[str, str]") -> "Callable[[str], Any]":
    """Return the `__getattr__` of a module of names, each imported when it is used (PEP 562).

    Args:
        module: The module's name.
        homes: Its names and in which module of the package each is, such as `web.asgi_app`.
    """

    def find(name: str) -> "Any":
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(f"{__package__}.{homes[name]}"), name)
        setattr(import_module(module), name, value)  # so that it is not asked for again
        return value

    return find
