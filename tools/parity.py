"""Compare the public API with that of python-socketio 5, and one flavour with the other.

The reference is `tests/parity/reference.toml`, the differences that are meant are
`tests/parity/deviations.toml`. `python tools/parity.py` prints every difference that is not among
them and every entry that differs no more; `--write` puts the entries as tables into
`docs/reference/compatibility.md`, between its markers.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "tests" / "parity" / "reference.toml"
DEVIATIONS = ROOT / "tests" / "parity" / "deviations.toml"
PAGE = ROOT / "docs" / "reference" / "compatibility.md"

MISSING = "missing"

FLAVOURS = {
    "server.Server": "async_server.AsyncServer",
    "client.Client": "async_client.AsyncClient",
    "simple_client.SimpleClient": "async_simple_client.AsyncSimpleClient",
    "namespace.Namespace": "async_namespace.AsyncNamespace",
    "namespace.ClientNamespace": "async_namespace.AsyncClientNamespace",
    "manager.Manager": "async_manager.AsyncManager",
    "pubsub_manager.PubSubManager": "async_pubsub_manager.AsyncPubSubManager",
    "admin.InstrumentedServer": "async_admin.InstrumentedAsyncServer",
    "engine.Engine": "engine.AsyncEngine",
}
"""The classes that exist in both flavours."""

LANGUAGE_NAMES = {"__enter__": "__aenter__", "__exit__": "__aexit__"}


@dataclass(frozen=True, order=True)
class Difference:
    """One place where two APIs are not the same."""

    where: str
    theirs: str
    ours: str

    def __str__(self) -> str:
        return f"{self.where}: {self.theirs!r} is {self.ours!r}"


# -- signatures -----------------------------------------------------------------------------------


def parse(signature: str) -> inspect.Signature:
    """Return the signature that is written as in `def`, without `self`."""
    names: dict[str, Any] = {}
    if "msgpack." in signature:
        names["msgpack"] = importlib.import_module("msgpack")
    exec(f"def function({signature}): ...", names)
    return inspect.signature(names["function"])


def write(signature: inspect.Signature) -> str:
    """Return a signature as it is written in the data files."""
    parts = []
    for parameter in signature.parameters.values():
        text = str(parameter.replace(annotation=parameter.empty))
        default = parameter.default
        if isinstance(default, type) and default is not parameter.empty:
            text = f"{parameter.name}={default.__module__.split('.')[0]}.{default.__name__}"
        parts.append(text)
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise ValueError(f"{parameter.name} can only be given by position")
    return ", ".join(parts)


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of a method of a class, without `self` and annotations."""
    signature = inspect.signature(function)
    parameters = [
        parameter.replace(annotation=parameter.empty)
        for parameter in signature.parameters.values()
        if parameter.name not in ("self", "cls")
    ]
    return signature.replace(parameters=parameters, return_annotation=signature.empty)


def same(theirs: inspect.Signature, ours: inspect.Signature, *, by_position: bool) -> bool:
    """Tell whether code that calls one may call the other.

    Args:
        theirs: The signature of the reference.
        ours: The signature in question.
        by_position: Whether the language calls it, by position only.
    """
    if by_position:
        count = len(theirs.parameters)
        try:
            ours.bind(*range(count))
        except TypeError:
            return False
        return True

    def shape(signature: inspect.Signature) -> list[tuple[Any, ...]]:
        variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        return [
            (item.kind, None if item.kind in variable else item.name, item.default)
            for item in signature.parameters.values()
        ]

    return shape(theirs) == shape(ours)


# -- the reference --------------------------------------------------------------------------------


def load(path: Path) -> dict[str, Any]:
    """Return the content of a data file."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def inherited(classes: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the entry of a class with what it has from the one it is `like`."""
    own = classes[name]
    if "like" not in own:
        return {"attributes": [], "coroutines": [], "methods": {}, "values": {}, **own}
    base = inherited(classes, own["like"])
    return {
        **base,
        **own,
        "attributes": [*base["attributes"], *own.get("attributes", [])],
        "coroutines": own.get("coroutines", []),
        "methods": {**base["methods"], **own.get("methods", {})},
        "values": {**base["values"], **own.get("values", {})},
    }


def resolve(name: str) -> Any:
    """Return the object behind `module.Class` of the package.

    Raises:
        ImportError: There is no such module, or it has no such name.
    """
    module, _, attribute = name.rpartition(".")
    found = importlib.import_module(f"socketio.{module}")
    try:
        return getattr(found, attribute)
    except AttributeError as error:
        raise ImportError(f"socketio.{module} has no {attribute}") from error


def instance_of(name: str, cls: Any) -> Any:
    """Return an instance, made in the plainest way, for a look at its attributes."""
    socketio = importlib.import_module("socketio")
    if name == "asgi.ASGIApp":
        return cls(socketio.AsyncServer())
    if name.startswith("middleware."):
        return cls(socketio.Server())
    if "admin." in name:
        return cls(socketio.AsyncServer() if "async" in name else socketio.Server(), auth=False)
    return cls()


def compare_names(reference: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield what cannot be imported, or is not what it should be."""
    socketio = importlib.import_module("socketio")
    for name in reference["module"]["names"] + reference["module"]["attributes"]:
        if not has(socketio, name):
            yield Difference(f"socketio.{name}", "a name of the package", MISSING)
    for module, names in reference["submodules"].items():
        try:
            found = importlib.import_module(f"socketio.{module}")
        except ModuleNotFoundError:
            yield Difference(f"socketio.{module}", "a module", MISSING)
            continue
        for name in names:
            if not has(found, name):
                yield Difference(f"socketio.{module}.{name}", "a name of the module", MISSING)
    exceptions = importlib.import_module("socketio.exceptions")
    for name, base in reference["exceptions"].items():
        bases = [item.__name__ for item in getattr(exceptions, name).__mro__[1:]]
        if base not in bases:
            yield Difference(f"socketio.exceptions.{name}", base, ", ".join(bases))
    for module, constants in reference["constants"].items():
        found = importlib.import_module(f"socketio.{module}")
        for name, value in constants.items():
            if getattr(found, name) != value:
                ours = str(getattr(found, name))
                yield Difference(f"socketio.{module}.{name}", str(value), ours)


def has(owner: Any, name: str) -> bool:
    """Tell whether an object has a name, or says which plugin would bring it."""
    try:
        getattr(owner, name)
    except AttributeError:
        return False
    except ImportError as error:
        return "pip install" in str(error)
    return True


def compare_class(name: str, entry: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield the differences of one class."""
    cls = resolve(name)
    if "constructor" in entry:
        yield from compare_call(name, entry["constructor"], cls)
    for method, signature in entry["methods"].items():
        where = f"{name}.{method}"
        function = getattr(cls, method, None)
        if function is None:
            yield Difference(where, "a method", MISSING)
            continue
        yield from compare_call(where, signature, function, dunder=method.startswith("__"))
        should = method in entry["coroutines"]
        if inspect.iscoroutinefunction(function) != should:
            kinds = ("coroutine function", "function")
            yield Difference(where, *(kinds if should else reversed(kinds)))
    for attribute, value in entry["values"].items():
        if getattr(cls, attribute, MISSING) != value:
            ours = str(getattr(cls, attribute, MISSING))
            yield Difference(f"{name}.{attribute}", str(value), ours)
    for reason, value in entry.get("reasons", {}).items():
        if getattr(cls.reason, reason, MISSING) != value:
            ours = str(getattr(cls.reason, reason, MISSING))
            yield Difference(f"{name}.reason.{reason}", value, ours)
    if entry["attributes"]:
        instance = instance_of(name, cls)
        for attribute in entry["attributes"]:
            if not hasattr(instance, attribute):
                yield Difference(f"{name}.{attribute}", "an attribute", MISSING)


def compare_call(
    where: str, theirs: str, ours: Callable[..., Any], *, dunder: bool = False
) -> Iterator[Difference]:
    """Yield the difference of one signature, if there is one."""
    expected, found = parse(theirs), signature_of(ours)
    if not same(expected, found, by_position=dunder):
        yield Difference(where, write(expected), write(found))


def compare_options(reference: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield the differences of what is given through `**kwargs`."""
    config = importlib.import_module("socketio.engine.config").EngineConfig()
    for name, default in reference["server"].items():
        ours = repr(getattr(config, name, MISSING))
        if ours != default:
            yield Difference(f"option {name} of servers", default, ours)
    known = inspect.signature(resolve("_async.engine_client.AsyncEngineClient")).parameters
    for name, default in reference["client"].items():
        ours = repr(known[name].default) if name in known else MISSING
        if ours != default:
            yield Difference(f"option {name} of clients", default, ours)


def compare_reference(reference: Mapping[str, Any]) -> list[Difference]:
    """Return every difference between the reference and this package."""
    found = [*compare_names(reference), *compare_options(reference["options"])]
    for name in reference["classes"]:
        try:
            found += compare_class(name, inherited(reference["classes"], name))
        except ImportError:
            # Already among the names, or a plugin's that cannot be made where it is missing.
            continue
    for flavour in ("Engine", "AsyncEngine"):
        entry = {"values": {}, **reference["engine"]}
        entry["coroutines"] = entry["coroutines"] if flavour == "AsyncEngine" else []
        found += compare_class(f"engine.{flavour}", entry)
    return sorted(found)


# -- one flavour against the other ----------------------------------------------------------------


def public_members(cls: Any) -> dict[str, Any]:
    """Return the methods, properties and attributes of a class that have no underscore."""
    dunders = {*LANGUAGE_NAMES, *LANGUAGE_NAMES.values(), "__call__"}
    return {
        name: inspect.getattr_static(cls, name)
        for name in dir(cls)
        if not name.startswith("_") or (name in dunders and callable(getattr(cls, name)))
    }


def compare_flavours() -> list[Difference]:
    """Return where the classes of the two flavours do not have the same members."""
    found: list[Difference] = []
    for sync_name, async_name in FLAVOURS.items():
        try:
            sync_class, async_class = resolve(sync_name), resolve(async_name)
        except ImportError:
            found.append(Difference(sync_name, MISSING, MISSING))
            continue
        found += compare_call_of_flavours(sync_name, sync_class, async_class)
        ours = {
            LANGUAGE_NAMES.get(name, name) if name != "__call__" else name: member
            for name, member in public_members(sync_class).items()
            if name not in ("__call__",)
        }
        theirs = {k: v for k, v in public_members(async_class).items() if k != "__call__"}
        for name in sorted(ours.keys() | theirs.keys()):
            where = f"{sync_name}.{name}"
            if name not in theirs:
                found.append(Difference(where, "in the synchronous flavour", MISSING))
            elif name not in ours:
                found.append(Difference(where, MISSING, "in the asyncio flavour"))
            elif inspect.isroutine(ours[name]) and inspect.isroutine(theirs[name]):
                found += compare_call_of_flavours(
                    where, getattr(sync_class, _back(name)), getattr(async_class, name)
                )
    return sorted(found)


def _back(name: str) -> str:
    return {value: key for key, value in LANGUAGE_NAMES.items()}.get(name, name)


def compare_call_of_flavours(
    where: str, of_sync: Callable[..., Any], of_async: Callable[..., Any]
) -> Iterator[Difference]:
    """Yield the difference between the same call of both flavours, if there is one."""
    first, second = signature_of(of_sync), signature_of(of_async)
    if not same(first, second, by_position=False):
        yield Difference(where, write(first), write(second))


# -- the differences that are meant ---------------------------------------------------------------


def meant(entries: list[dict[str, Any]], theirs: str, ours: str) -> set[Difference]:
    """Return the differences that a list of the data file names.

    Args:
        entries: The list.
        theirs: The key under which an entry has the reference's side.
        ours: The key under which it has the other side.
    """
    return {
        Difference(where, entry[theirs], entry[ours])
        for entry in entries
        for where in entry["where"]
    }


def unmeant(
    found: list[Difference], entries: list[dict[str, Any]], theirs: str, ours: str
) -> tuple[list[Difference], list[Difference]]:
    """Return the differences that no entry names, and the entries that differ no more."""
    listed = meant(entries, theirs, ours)
    return sorted(set(found) - listed), sorted(listed - set(found))


# -- the page -------------------------------------------------------------------------------------


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _code(text: str) -> str:
    return f"`{_cell(text)}`" if text else "no arguments"


def table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def tables(deviations: Mapping[str, Any]) -> dict[str, str]:
    """Return the tables of the page by the name of their markers."""
    behaviour = [
        (_cell(entry["what"]), _cell(entry["theirs"]), _cell(entry["ours"]), _cell(entry["reason"]))
        for entry in deviations["behaviour"]
    ]
    signature = [
        (
            ", ".join(_code(where) for where in entry["where"]),
            _code(entry["theirs"]),
            _code(entry["ours"]),
            _cell(entry["reason"]),
        )
        for entry in deviations["signature"]
    ]
    flavour = [
        (
            ", ".join(_code(where) for where in entry["where"]),
            _code(entry["sync"]),
            _code(entry["async"]),
            _cell(entry["reason"]),
        )
        for entry in deviations["flavour"]
    ]
    return {
        "behaviour": table(("What", "python-socketio 5", "Here", "Why"), behaviour),
        "signature": table(("Name", "python-socketio 5", "Here", "Why"), signature),
        "flavour": table(("Name", "Synchronous", "asyncio", "Why"), flavour),
    }


def with_tables(page: str, deviations: Mapping[str, Any]) -> str:
    """Return a page with the tables between their markers as they should be.

    Raises:
        ValueError: A marker is missing.
    """
    for name, text in tables(deviations).items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        if begin not in page or end not in page:
            raise ValueError(f"{PAGE.name} has no place for the table {name!r}")
        before, _, rest = page.partition(begin)
        page = before + begin + text + end + rest.partition(end)[2]
    return page


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="parity", description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the tables into the page")
    options = parser.parse_args(arguments)
    deviations = load(DEVIATIONS)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(with_tables(page, deviations), encoding="utf-8")
    status = 0
    for found, key, theirs, ours in (
        (compare_reference(load(REFERENCE)), "signature", "theirs", "ours"),
        (compare_flavours(), "flavour", "sync", "async"),
    ):
        unlisted, gone = unmeant(found, deviations[key], theirs, ours)
        for item in unlisted:
            print(f"unlisted {key}: {item}")
        for item in gone:
            print(f"listed {key} that does not differ: {item}")
        status |= bool(unlisted or gone)
    return status


if __name__ == "__main__":
    sys.exit(main())
