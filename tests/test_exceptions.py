from __future__ import annotations

import builtins
import pickle

import pytest

from socketio import exceptions

BASES = {
    "SocketIOError": Exception,
    "ConnectionError": exceptions.SocketIOError,
    "ConnectionRefusedError": exceptions.ConnectionError,
    "TimeoutError": exceptions.SocketIOError,
    "BadNamespaceError": exceptions.SocketIOError,
    "DisconnectedError": exceptions.SocketIOError,
    "PluginError": exceptions.SocketIOError,
    "PluginImportError": exceptions.PluginError,
    "PluginWarning": UserWarning,
    "ProtocolError": exceptions.SocketIOError,
}


@pytest.mark.parametrize("name", BASES)
def test_first_base_is_the_documented_one(name: str) -> None:
    assert getattr(exceptions, name).__bases__[0] is BASES[name]


def test_all_lists_every_class_of_the_module() -> None:
    classes = {
        name
        for name, value in vars(exceptions).items()
        if isinstance(value, type) and value.__module__ == exceptions.__name__
    }
    assert classes == set(BASES) == set(exceptions.__all__)


@pytest.mark.parametrize("name", ["ConnectionError", "ConnectionRefusedError", "TimeoutError"])
def test_is_not_the_builtin_of_the_same_name(name: str) -> None:
    ours, theirs = getattr(exceptions, name), getattr(builtins, name)
    assert not issubclass(ours, theirs)
    assert not issubclass(theirs, ours)


@pytest.mark.parametrize(
    ("arguments", "error_args"),
    [
        ((), {"message": "Connection rejected by server"}),
        (("no",), {"message": "no"}),
        ((401,), {"message": "401"}),
        ((None,), {"message": "None"}),
        (("no", {"retry": 5}), {"message": "no", "data": {"retry": 5}}),
        (("no", None), {"message": "no", "data": None}),
        (("no", 1, "two"), {"message": "no", "data": (1, "two")}),
    ],
)
def test_refusal_arguments(arguments: tuple[object, ...], error_args: dict[str, object]) -> None:
    error = exceptions.ConnectionRefusedError(*arguments)
    assert error.error_args == error_args
    assert error.args == arguments


def test_protocol_error_is_a_value_error_with_a_reason() -> None:
    with pytest.raises(ValueError, match=r"^a 7th packet type$") as caught:
        raise exceptions.ProtocolError("a 7th packet type")
    assert isinstance(caught.value, exceptions.ProtocolError)
    assert caught.value.reason == "a 7th packet type"
    assert exceptions.ProtocolError().reason == "protocol error"


def test_plugin_import_error_is_an_import_error_and_no_attribute_error() -> None:
    assert issubclass(exceptions.PluginImportError, ImportError)
    assert not issubclass(exceptions.PluginImportError, AttributeError)


def test_plugin_error_tells_which_of_the_four_it_is() -> None:
    error = exceptions.PluginError("there is no transport 'x'", reason="missing")
    assert str(error) == "there is no transport 'x'"
    assert error.reason == "missing"
    assert exceptions.PluginError("because").reason == ""


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ConnectionRefusedError("no", {"retry": 5}),
        exceptions.ProtocolError("bad"),
        exceptions.PluginError("gone", reason="disabled"),
        exceptions.PluginImportError("gone", reason="broken"),
    ],
)
def test_survives_pickling(error: Exception) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
