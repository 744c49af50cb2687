"""`import socketio`: what it pulls in, what each name is, and what else may not be installed."""

from __future__ import annotations

import ast
import modulefinder
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import socketio
from socketio import _environment, _names

PACKAGE = Path(socketio.__file__).parent
ROOT = PACKAGE.parent

ALWAYS = sorted(_names.PACKAGE)
OF_PLUGINS = sorted(_names.PLUGIN_NAMES)

# `socketio.__all__` of python-socketio 5.18.
COMPATIBLE = {
    "ASGIApp",
    "AsyncAioPikaManager",
    "AsyncClient",
    "AsyncClientNamespace",
    "AsyncManager",
    "AsyncNamespace",
    "AsyncRedisManager",
    "AsyncServer",
    "AsyncSimpleClient",
    "Client",
    "ClientNamespace",
    "KafkaManager",
    "KombuManager",
    "Manager",
    "Middleware",
    "Namespace",
    "PubSubManager",
    "RedisManager",
    "Server",
    "SimpleClient",
    "WSGIApp",
    "ZmqManager",
    "get_tornado_handler",
}


def run(
    code: str, *flags: str, path: Path = ROOT, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SOCKETIO_")}
    return subprocess.run(
        [sys.executable, *flags, "-c", code],
        cwd=folder or path,
        env={**kept, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
    )


def imported_by(statement: str) -> set[str]:
    """Return the modules that a statement imports in a fresh process."""
    # Editable installs import importlib.metadata's neighbours at startup; what the statement asks
    # for counts even so, so nothing that it may want is there before.
    result = run(
        "import sys\n"
        "for name in list(sys.modules):\n"
        "    if name.split('.')[0] in ('asyncio', 'json', 'logging', 'typing'):\n"
        "        del sys.modules[name]\n"
        "before = set(sys.modules)\n"
        f"{statement}\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


# -- what an import pulls in ------------------------------------------------------------------


def test_import_is_tiny() -> None:
    assert imported_by("import socketio") == {
        "socketio",
        "socketio._environment",
        "socketio._names",
        "socketio._version",
    }


PLUGIN_MODULES = ["socketio.plugins", "socketio.builtin.plugin"] + [
    f"{path.parent.name}.plugin" for path in sorted(ROOT.glob("plugins/*/socketio_*/plugin.py"))
]

HEAVY = {"asyncio", "email", "http", "importlib.metadata", "json", "logging", "socket", "ssl"}


@pytest.mark.parametrize("module", PLUGIN_MODULES)
def test_declaring_imports_nothing_heavy(module: str) -> None:
    package = module.partition(".")[0]
    where = ":".join(map(str, ROOT.glob("plugins/*"))) or str(ROOT)
    found = imported_by(f"import sys; sys.path += {where.split(':')!r}; import {module}")
    assert module in found
    foreign = {
        name
        for name in found
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "pluggy", "socketio", package}
    }
    assert foreign == set()
    assert found & HEAVY == set()
    ours = {name for name in found if name.startswith("socketio.")}
    allowed = ("socketio._", "socketio.exceptions", "socketio.plugins", "socketio.builtin")
    assert {name for name in ours if not name.startswith(allowed)} == set()


# -- the names --------------------------------------------------------------------------------


def test_every_compatible_name_is_known() -> None:
    assert {*ALWAYS, *OF_PLUGINS} >= COMPATIBLE
    assert {"AsyncKafkaManager", "AsyncPubSubManager", "PluginError"} <= {*ALWAYS, *OF_PLUGINS}


def test_all_is_what_is_always_there() -> None:
    assert set(socketio.__all__) == {*ALWAYS, "__version__", "exceptions"}
    assert set(socketio.__all__) <= set(dir(socketio))


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    (block,) = [
        node
        for node in tree.body
        if isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    ]
    modules = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module
        for alias in node.names
    }
    assert modules == _names.PACKAGE
    declared = {
        node.target.id
        for node in block.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assert declared == set(OF_PLUGINS)


@pytest.mark.parametrize("name", ALWAYS)
def test_name_is_imported_when_it_is_used(name: str) -> None:
    module = f"socketio.{_names.MODULES[_names.PACKAGE[name]][name]}"
    result = run(
        f"import sys, socketio\nassert {module!r} not in sys.modules\n"
        f"value = socketio.{name}\n"
        f"assert value is sys.modules[{module!r}].{name}\n"
        f"assert vars(socketio)[{name!r}] is value\n"
        f"from socketio import {name} as again\nassert again is value"
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_submodules_are_there_without_an_import_of_their_own() -> None:
    result = run("import socketio; print(socketio.exceptions.TimeoutError.__module__)")
    assert result.stdout == "socketio.exceptions\n"


def test_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(socketio, "Servr")
    with pytest.raises(AttributeError, match="module 'socketio' has no attribute 'Servr'"):
        _ = socketio.Servr  # type: ignore[attr-defined]  # that is the test
    with pytest.raises(ImportError, match="cannot import name 'Servr'"):
        from socketio import Servr  # type: ignore[attr-defined]  # noqa: F401  # the same


def test_version_is_that_of_the_metadata_file() -> None:
    text = (PACKAGE / "_version.py").read_text()
    assert re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    assert f'"{socketio.__version__}"' in text


@pytest.mark.parametrize(
    "server", ["ASGIApp(socketio.AsyncServer())", "WSGIApp(socketio.Server())"]
)
def test_servers_do_without_what_the_clients_need(server: str) -> None:
    result = run(f"import sys, socketio\nsocketio.{server}\nprint(*sys.modules)")
    assert result.returncode == 0, result.stderr
    packages = {name.partition(".")[0] for name in result.stdout.split()}
    assert not packages & {"engineio", "simple_websocket", "requests", "websocket", "aiohttp"}


@pytest.mark.parametrize("flags", [(), ("-OO",)], ids=["plain", "optimised"])
def test_a_frozen_program_runs_from_a_zip_file(tmp_path: Path, flags: tuple[str, ...]) -> None:
    archive = tmp_path / "program.zip"
    with zipfile.ZipFile(archive, "w") as frozen:
        for path in PACKAGE.rglob("*.py"):
            frozen.write(path, path.relative_to(ROOT))
    result = run(
        "import types, socketio\n"
        "from socketio.plugins import TransportEntry, hookimpl\n"
        "plugin = types.ModuleType('plugin')\n"
        "plugin.HOOK_API = 1\n"
        "@hookimpl\n"
        "def socketio_transports():\n"
        "    yield TransportEntry(name='pigeon', flavour='async', load_server=lambda: object)\n"
        "plugin.socketio_transports = socketio_transports\n"
        "sio = socketio.AsyncServer(plugins=[plugin])\n"
        "app = socketio.ASGIApp(sio)\n"
        "socketio.WSGIApp(socketio.Server())\n"
        "print(socketio.__file__, sio.registry.transport('pigeon', 'async').name)",
        *flags,
        path=archive,
        folder=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == [str(archive / "socketio" / "__init__.py"), "pigeon"]


def test_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


# -- names of plugins -------------------------------------------------------------------------

WITHOUT_PLUGINS = """
import sys, warnings
sys.path = [path for path in sys.path if not path.endswith("site-packages")] + [{extra!r}]
import socketio
"""


@pytest.fixture
def no_plugins(tmp_path: Path) -> str:
    """Code that leaves a process with pluggy and no plugin distribution."""
    import pluggy

    (tmp_path / "pluggy").symlink_to(Path(pluggy.__file__).parent, target_is_directory=True)
    return WITHOUT_PLUGINS.format(extra=str(tmp_path))


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("RedisManager", "pip install socketio-redis;"),
        ("AsyncRedisManager", "pip install socketio-redis;"),
        ("KombuManager", "pip install socketio-kombu;"),
        ("KafkaManager", "pip install socketio-kafka;"),
        ("AsyncKafkaManager", 'pip install "socketio-kafka[async]";'),
        ("AsyncAioPikaManager", "pip install socketio-aiopika;"),
        ("ZmqManager", "there is no client manager 'zmq' (sync)"),
        ("get_tornado_handler", 'pip install "socketio-web[tornado]";'),
    ],
)
def test_missing_plugin_is_an_import_error_that_names_it(
    no_plugins: str, name: str, command: str
) -> None:
    for statement in (f"from socketio import {name}", f"hasattr(socketio, {name!r})"):
        result = run(no_plugins + statement)
        last = result.stderr.strip().splitlines()[-1]
        assert last.startswith("socketio.exceptions.PluginImportError: cannot import name")
        assert name in last
        assert command in last


def test_missing_plugin_is_both_kinds_of_error(no_plugins: str) -> None:
    result = run(
        no_plugins
        + "try:\n    socketio.RedisManager\n"
        + "except ImportError as error:\n"
        + "    assert isinstance(error, socketio.PluginError)\n"
        + "    print(error.reason, type(error.__cause__).__name__)\n"
    )
    assert (result.stdout, result.stderr) == ("missing PluginError\n", "")


PLUGIN = """
from socketio.plugins import AsyncModeEntry, ClientManagerEntry, hookimpl
HOOK_API = 1
class Mode:
    get_tornado_handler = staticmethod(print)
def load_redis():
    return dict
def load_kafka():
    import kafka_library_that_is_not_there
@hookimpl
def socketio_client_managers():
    yield ClientManagerEntry(name="redis", schemes=("redis",), load_sync=load_redis)
    yield ClientManagerEntry(name="kafka", schemes=("kafka",), load_sync=load_kafka)
@hookimpl
def socketio_async_modes():
    yield AsyncModeEntry(name="tornado", flavour="async", load=Mode)
"""


@pytest.fixture
def one_plugin(no_plugins: str, tmp_path: Path) -> str:
    (tmp_path / "brokers.py").write_text(PLUGIN)
    info = tmp_path / "brokers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brokers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[socketio]\nbrokers = brokers\n")
    return no_plugins


def test_name_of_an_installed_plugin(one_plugin: str) -> None:
    result = run(
        one_plugin
        + "from socketio import RedisManager, get_tornado_handler\n"
        + "assert RedisManager is dict and get_tornado_handler is print\n"
        + "assert socketio.RedisManager is dict"
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_plugin_without_what_it_needs(one_plugin: str) -> None:
    result = run(one_plugin + "from socketio import KafkaManager")
    last = result.stderr.strip().splitlines()[-1]
    assert "PluginImportError: cannot import name 'KafkaManager'" in last
    assert "No module named 'kafka_library_that_is_not_there'" in last


# -- beside python-socketio -------------------------------------------------------------------


NO_SITE = "-S"  # an editable install of ours would otherwise come before PYTHONPATH


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A folder like one of `pip install --target`, with our package in it."""
    folder = tmp_path / "target"
    folder.mkdir()
    (folder / "socketio").symlink_to(PACKAGE, target_is_directory=True)
    return folder


@pytest.mark.parametrize(
    "metadata",
    [
        "python_socketio-5.18.1.dist-info",
        "python_socketio-5.3.0-py3.9.egg-info",
        "python-socketio.egg-link",
    ],
)
def test_python_socketio_beside_us_is_refused(target: Path, metadata: str) -> None:
    (target / metadata).mkdir()
    result = run("import socketio", NO_SITE, path=target)
    assert result.returncode == 1
    message = result.stderr.partition("ImportError: ")[2]
    assert "python-socketio is installed in this environment" in message
    assert metadata in message
    assert "pip uninstall -y python-socketio socketio" in message


@pytest.mark.parametrize(
    "metadata", ["python_engineio-4.15.1.dist-info", "socketio-1.0.0.dist-info", "python_socketio"]
)
def test_other_neighbours_are_fine(target: Path, metadata: str) -> None:
    (target / metadata).mkdir()
    result = run("import socketio; print(socketio.__file__)", NO_SITE, path=target)
    assert result.stdout == f"{target / 'socketio' / '__init__.py'}\n"


def test_python_socketio_written_over_us_is_refused_by_the_plugin_interface(tmp_path: Path) -> None:
    mixture = tmp_path / "socketio"
    mixture.mkdir()
    for name in ("plugins", "_environment.py", "_version.py"):
        (mixture / name).symlink_to(PACKAGE / name)
    (mixture / "__init__.py").write_text("class Server: ...\n")
    (mixture / "exceptions.py").write_text("class SocketIOError(Exception): ...\n")
    (tmp_path / "python_socketio-5.18.1.dist-info").mkdir()
    result = run("import socketio; import socketio.plugins", NO_SITE, path=tmp_path)
    assert "python-socketio is installed in this environment" in result.stderr


def test_python_socketio_in_the_site_packages_of_an_editable_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "env" / "lib" / "python3" / "site-packages"
    peer = site / "python_socketio-5.18.1.dist-info"
    peer.mkdir(parents=True)
    package = tmp_path / "checkout" / "socketio"
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "env"))
    monkeypatch.setattr(sys, "path", [str(tmp_path / "checkout"), str(site)])
    assert _environment._find_peer(str(package)) == str(peer)


def test_python_socketio_of_the_system_does_not_reach_a_virtual_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = tmp_path / "usr" / "dist-packages"
    (system / "python_socketio-5.18.1.dist-info").mkdir(parents=True)
    own = tmp_path / "env" / "site-packages"
    own.mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "env"))
    monkeypatch.setattr(sys, "path", [str(tmp_path / "zip.zip"), str(own), str(system)])
    assert _environment._find_peer(str(own / "socketio")) is None


SERVERS = """
import os
os.environ["SOCKETIO_DISABLE_PLUGINS"] = "*"
import socketio
sio = socketio.AsyncServer()
socketio.ASGIApp(sio)
threaded = socketio.Server(async_mode="threading")
socketio.WSGIApp(threaded)
for server in (sio, threaded):
    server.runtime
    for name in ("polling", "websocket"):
        server.eio.transport_class(name)
try:
    socketio.RedisManager
except socketio.PluginError:
    print("works")
"""


def test_a_tool_that_makes_frozen_programs_finds_what_servers_need(tmp_path: Path) -> None:
    """It takes along what it sees imported somewhere, and sees no names that are made up."""
    program = tmp_path / "program.py"
    program.write_text(SERVERS)
    finder = modulefinder.ModuleFinder(path=[str(ROOT)])
    finder.run_script(str(program))
    archive = tmp_path / "program.zip"
    with zipfile.ZipFile(archive, "w") as frozen:
        for name, module in finder.modules.items():
            if name.partition(".")[0] == "socketio":
                frozen.write(module.__file__, Path(module.__file__).relative_to(ROOT))
    result = run(SERVERS, path=archive, folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["works"]
