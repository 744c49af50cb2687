"""Tests of constructing clients and registering handlers, in both flavours."""

from __future__ import annotations

import functools
import inspect
import logging
import signal
from collections.abc import Callable
from typing import Any

import pytest

import socketio

Make = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def make(request: pytest.FixtureRequest) -> Make:
    name = "AsyncClient" if request.param == "async" else "Client"
    factory: Make = getattr(socketio, name)
    return factory


def handler(client: Any, source: str) -> Callable[..., Any]:
    """Make a function of the client's flavour with the given parameters."""
    scope: dict[str, Callable[..., Any]] = {}
    prefix = "async " if client.is_asyncio_based() else ""
    exec(f"{prefix}def function({source}): pass", scope)
    return scope["function"]


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("reconnect", "reconnection"),
        ("reconnection_attempt", "reconnection_attempts"),
        ("ssl_verfy", "ssl_verify"),
        ("http_sesion", "http_session"),
        ("engineio_loger", "engineio_logger"),
    ],
)
def test_a_misspelt_argument_is_refused_with_a_suggestion(
    make: Make, wrong: str, meant: str
) -> None:
    """Trap 10."""
    with pytest.raises(TypeError, match=f"no argument '{wrong}'; did you mean '{meant}'"):
        make(**{wrong: True})


def test_an_argument_that_resembles_none_lists_all(make: Make) -> None:
    with pytest.raises(TypeError, match="it takes engineio_logger, handle_sigint"):
        make(zzz=1)


@pytest.mark.parametrize("factor", [-0.1, 1.1])
def test_the_randomization_factor_is_a_fraction(make: Make, factor: float) -> None:
    with pytest.raises(ValueError, match="fraction of the delay"):
        make(randomization_factor=factor)


def test_every_argument_of_the_compatible_api_is_accepted(make: Make) -> None:
    client = make(
        reconnection=False,
        reconnection_attempts=3,
        reconnection_delay=2,
        reconnection_delay_max=9,
        randomization_factor=0.1,
        logger=True,
        serializer="default",
        json=None,
        handle_sigint=False,
        engineio_logger=logging.getLogger("test"),
        request_timeout=7,
        http_session=None,
        ssl_verify=False,
        websocket_extra_options={"origin": "x"},
        timestamp_requests=False,
    )
    assert client.reconnection_delay_max == 9
    assert client.eio.request_timeout == 7
    assert client.eio.logger.name == "test"
    assert client.eio.ssl_verify is False
    assert client.connected is False
    assert client.sid is None
    assert client.get_sid() is None
    assert client.transport() is None
    assert client.namespaces == {}


def test_an_unknown_serializer_is_refused(make: Make) -> None:
    with pytest.raises(socketio.PluginError, match="pickle"):
        make(serializer="pickle")


def test_no_signal_handler_is_installed(make: Make) -> None:
    """Trap 40."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    make(handle_sigint=True)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize("event", ["connect", "disconnect", "connect_error"])
def test_names_of_a_connections_own_events_cannot_be_emitted(make: Make, event: str) -> None:
    client = make()

    def emit() -> None:
        result = client.emit(event, "data")
        if inspect.iscoroutine(result):
            result.send(None)

    with pytest.raises(ValueError, match=f"'{event}' is the name .* choose another name"):
        emit()


def test_on_is_a_decorator_and_a_method(make: Make) -> None:
    client = make()
    first, second = handler(client, "a"), handler(client, "a")
    assert client.on("one")(first) is first
    assert client.on("one", second, namespace="/chat") is None
    assert client.handlers == {"/": {"one": first}, "/chat": {"one": second}}


def test_event_takes_the_name_of_the_function(make: Make) -> None:
    client = make()
    function = handler(client, "a")
    assert client.event(function) is function
    assert client.event(namespace="/chat")(function) is function
    assert client.handlers == {"/": {"function": function}, "/chat": {"function": function}}


@pytest.mark.parametrize(
    ("event", "namespace", "parameters"),
    [
        ("connect", "/", "data"),
        ("connect", "*", ""),
        ("connect_error", "/", "one, two"),
        ("connect_error", "*", ""),
        ("disconnect", "/", "reason, more"),
        ("disconnect", "*", ""),
        ("*", "/", ""),
        ("*", "*", "event"),
        ("anything", "*", ""),
        ("anything", "/", "*, by_name"),
    ],
)
def test_a_handler_of_the_wrong_arity_is_refused(
    make: Make, event: str, namespace: str, parameters: str
) -> None:
    client = make()
    with pytest.raises(TypeError, match="function"):
        client.on(event, handler(client, parameters), namespace=namespace)
    assert client.handlers == {}


@pytest.mark.parametrize(
    ("event", "namespace", "parameters"),
    [
        ("connect", "/", ""),
        ("connect", "*", "namespace"),
        ("connect_error", "/", "data"),
        ("connect_error", "/", ""),
        ("disconnect", "/", "reason"),
        ("disconnect", "/", ""),
        ("disconnect", "*", "namespace, reason"),
        ("*", "/", "event, *args"),
        ("*", "*", "event, namespace, data"),
        ("anything", "/", ""),
        ("anything", "/", "a, b=2, *c, **d"),
    ],
)
def test_a_handler_of_the_right_arity_is_accepted(
    make: Make, event: str, namespace: str, parameters: str
) -> None:
    client = make()
    function = handler(client, parameters)
    client.on(event, function, namespace=namespace)
    assert client.handlers[namespace][event] is function


def test_what_is_no_function_is_refused(make: Make) -> None:
    with pytest.raises(TypeError, match="must be a function"):
        make().on("event", 5)


async def _coroutine_function(*args: Any) -> None: ...


class _AsyncCallable:
    async def __call__(self, *args: Any) -> None: ...


@pytest.mark.parametrize(
    "function",
    [_coroutine_function, functools.partial(_coroutine_function, 1), _AsyncCallable()],
    ids=["function", "partial", "object"],
)
def test_the_synchronous_client_refuses_coroutine_functions(function: Any) -> None:
    """Trap 35: they would be called and never awaited."""
    client = socketio.Client()
    with pytest.raises(TypeError, match=r"socketio\.AsyncClient"):
        client.on("event", function)


def test_namespaces_must_be_of_the_clients_flavour() -> None:
    client = socketio.Client()
    with pytest.raises(ValueError, match="Not a namespace instance"):
        client.register_namespace(object())
    with pytest.raises(ValueError, match="Not a namespace instance"):
        client.register_namespace(socketio.Namespace("/"))
    with pytest.raises(ValueError, match="Not a valid namespace class"):
        client.register_namespace(socketio.AsyncClientNamespace("/"))
    with pytest.raises(ValueError, match="Not a valid namespace class"):
        socketio.AsyncClient().register_namespace(socketio.ClientNamespace("/"))


def test_a_namespace_is_registered_with_its_client(make: Make) -> None:
    client = make()
    base = socketio.AsyncClientNamespace if client.is_asyncio_based() else socketio.ClientNamespace
    namespace = base("/chat")
    client.register_namespace(namespace)
    assert namespace.client is client
    assert client.namespace_handlers == {"/chat": namespace}


@pytest.mark.parametrize(
    ("method", "parameters"),
    [("on_connect", "self, environ"), ("on_disconnect", "self, a, b"), ("on_event", "")],
)
def test_a_namespace_with_a_method_of_the_wrong_arity_is_refused(
    make: Make, method: str, parameters: str
) -> None:
    client = make()
    base = socketio.AsyncClientNamespace if client.is_asyncio_based() else socketio.ClientNamespace
    scope: dict[str, Any] = {}
    name = "*" if method == "on_event" else "/"
    exec(f"def {method}({parameters or 'self'}): pass", scope)
    cls = type("Mine", (base,), {method: scope[method]})
    with pytest.raises(TypeError, match=method):
        client.register_namespace(cls(name))


def test_sync_and_asyncio_clients_have_the_same_signatures() -> None:
    for ours, theirs in (
        (socketio.Client, socketio.AsyncClient),
        (socketio.SimpleClient, socketio.AsyncSimpleClient),
        (socketio.ClientNamespace, socketio.AsyncClientNamespace),
    ):
        for name, method in inspect.getmembers(ours, inspect.isfunction):
            if name.startswith("_") or (ours is socketio.ClientNamespace and name == "send"):
                continue  # the compatible API has a `room` there, in the synchronous flavour
            parameters = inspect.signature(method).parameters
            assert parameters == inspect.signature(getattr(theirs, name)).parameters, name
