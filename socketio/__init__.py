"""Socket.IO servers and clients for Python.

Every public name is imported when it is first used, so that `import socketio` costs next to
nothing and a server does not pay for the client. Names that a plugin provides, such as
`RedisManager`, are asked of the plugin registry; without the plugin the error says which one to
install.
"""

from . import (
    _environment,  # noqa: F401  # importing it refuses python-socketio beside us
    _names,
)
from ._version import __version__

# A constant of this name is taken for true by type checkers; importing it from typing would double
# the time that `import socketio` takes.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    # What is imported by its name alone, for tools that make frozen programs: they look here, too.
    import socketio.builtin.plugin as _builtin_plugin  # noqa: F401

    from . import exceptions
    from .asgi import ASGIApp
    from .async_client import AsyncClient
    from .async_manager import AsyncManager
    from .async_namespace import AsyncClientNamespace, AsyncNamespace
    from .async_pubsub_manager import AsyncPubSubManager
    from .async_server import AsyncServer
    from .async_simple_client import AsyncSimpleClient
    from .client import Client
    from .exceptions import PluginError
    from .manager import Manager
    from .middleware import Middleware, WSGIApp
    from .namespace import ClientNamespace, Namespace
    from .pubsub_manager import PubSubManager
    from .server import Server, ServerObserver
    from .simple_client import SimpleClient

    # What these are is known only where their plugin is installed.
    AsyncAioPikaManager: Any
    AsyncKafkaManager: Any
    AsyncRedisManager: Any
    KafkaManager: Any
    KombuManager: Any
    RedisManager: Any
    ZmqManager: Any
    get_tornado_handler: Any

# The names that are always there. Those of plugins are not among them: `from socketio import *`
# would otherwise fail unless every plugin is installed.
__all__ = [
    "ASGIApp",
    "AsyncClient",
    "AsyncClientNamespace",
    "AsyncManager",
    "AsyncNamespace",
    "AsyncPubSubManager",
    "AsyncServer",
    "AsyncSimpleClient",
    "Client",
    "ClientNamespace",
    "Manager",
    "Middleware",
    "Namespace",
    "PluginError",
    "PubSubManager",
    "Server",
    "ServerObserver",
    "SimpleClient",
    "WSGIApp",
    "__version__",
    "exceptions",
]


async def prepare(*names: str) -> None:
    """Import what public names stand for, in a thread, before a running event loop needs it.

    Names are imported when they are first used. Where that is in a coroutine, hundreds of files
    would be read in the event loop, which holds up everything else in it.

    Args:
        *names: Names such as `AsyncClient`; without any, what asyncio programs make servers and
            clients of.

    Raises:
        AttributeError: There is no such name.
    """
    import asyncio
    import sys
    import threading

    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def tell(error: "BaseException | None") -> None:
        if error is None and not ended.done():
            ended.set_result(None)
        elif error is not None and not ended.done():
            ended.set_exception(error)

    def load() -> None:
        error = None
        try:
            for name in names or _names.PREPARED:
                getattr(sys.modules[__name__], name)
            if not names:
                from . import ASGIApp, AsyncServer

                ASGIApp(AsyncServer())  # which reads what plugins there are
        except BaseException as caught:
            error = caught
        loop.call_soon_threadsafe(tell, error)

    # No executor: its modules would be read here.
    threading.Thread(target=load, name="socketio-prepare", daemon=True).start()
    await ended


if not TYPE_CHECKING:  # a type checker that saw this would believe in every misspelt name

    def __getattr__(name):
        """Import a public name when it is first used (PEP 562)."""
        from importlib import import_module

        if name in _names.PACKAGE:
            home = _names.MODULES[_names.PACKAGE[name]][name]
            value = getattr(import_module(f"{__name__}.{home}"), name)
        elif name in _names.SUBMODULES:
            return import_module(f"{__name__}.{name}")  # which also sets the attribute
        elif name in _names.PLUGIN_NAMES:
            # Not remembered below: a plugin may be installed while an interactive session runs.
            from .plugins import public_names

            return public_names.load(name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value

    def __dir__():
        return sorted({*globals(), *__all__})
