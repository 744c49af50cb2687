from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import types
import warnings
from pathlib import Path
from typing import Any

import pytest

from socketio.plugins import (
    AsyncModeEntry,
    AttachmentEntry,
    ClientManagerEntry,
    Flavour,
    PluginError,
    PluginRegistry,
    PluginWarning,
    SerializerEntry,
    TransportEntry,
    get_registry,
    hookimpl,
)
from socketio.plugins.registry import _registry_with
from socketio.plugins.types import Entry

from .conftest import MakeDist

PIGEON = """
    @hookimpl
    def socketio_transports():
        yield TransportEntry(name="pigeon", flavour="async", load_server=lambda: bytes)
"""
EXPLODES = "raise RuntimeError('no such bird')"


class Pigeon:
    """A plugin that is an object; also what is given as a frozen program's module."""

    HOOK_API = 1

    @hookimpl
    def socketio_transports(self) -> list[TransportEntry]:
        return [TransportEntry(name="pigeon", flavour="async", load_server=lambda: bytes)]


def module_of(source: str, name: str = "given_plugin") -> types.ModuleType:
    module = types.ModuleType(name)
    module.__dict__.update(
        hookimpl=hookimpl,
        HOOK_API=1,
        TransportEntry=TransportEntry,
        AsyncModeEntry=AsyncModeEntry,
        AttachmentEntry=AttachmentEntry,
        ClientManagerEntry=ClientManagerEntry,
        SerializerEntry=SerializerEntry,
    )
    exec(source, module.__dict__)
    return module


def error_of(registry: PluginRegistry, name: str = "pigeon") -> PluginError:
    with pytest.raises(PluginError) as caught:
        registry.transport(name, "async")
    return caught.value


# -- what works -------------------------------------------------------------------------------


def test_installed_plugin_adds_a_mode_and_a_transport(make_dist: MakeDist) -> None:
    make_dist(
        "socketio-birds",
        PIGEON
        + """
    @hookimpl
    def socketio_async_modes():
        yield AsyncModeEntry(name="flock", flavour="async", load=lambda: "a flock", rank=7)
        yield AsyncModeEntry(name="flock", flavour="sync", load=lambda: "a sync flock")
""",
    )
    registry = PluginRegistry()
    assert registry.transport("pigeon", "async").load_server() is bytes
    assert registry.async_mode("flock", "async").load() == "a flock"
    assert registry.async_mode("flock", "sync").load() == "a sync flock"


def test_every_kind_is_found_by_its_name(site: Path) -> None:
    plugin = module_of("""
@hookimpl
def socketio_attachments():
    yield AttachmentEntry(name="a", app_types=("x.Y",), load=lambda: 1, flavour="sync")
@hookimpl
def socketio_client_managers():
    yield ClientManagerEntry(name="m", schemes=("s",), load_sync=lambda: str)
@hookimpl
def socketio_serializers():
    yield SerializerEntry(name="z", load=lambda: 2)
""")
    registry = PluginRegistry([plugin])
    assert [entry.name for entry in registry.attachments("sync")] == ["a"]
    assert registry.attachments("async") == []
    assert registry.client_manager_named("m").name == "m"
    assert registry.client_manager("s://host").name == "m"
    assert registry.client_manager("s").name == "m"
    assert registry.client_manager("S://host", "sync").name == "m"
    assert registry.serializer("z").load() == 2


def test_modes_are_sorted_by_rank_then_name(site: Path) -> None:
    plugin = module_of("""
@hookimpl
def socketio_async_modes():
    for name, rank in (("b", 900), ("a", 900), ("c", -1)):
        yield AsyncModeEntry(name=name, flavour="async", load=lambda: 1, rank=rank)
""")
    names = [mode.name for mode in PluginRegistry([plugin]).async_modes("async")]
    assert names == ["c", "a", "b"]


def test_plugin_may_be_an_object(site: Path) -> None:
    assert PluginRegistry([Pigeon()]).transport("pigeon", "async").load_server() is bytes


def test_listing_contains_all_layers(make_dist: MakeDist) -> None:
    make_dist("socketio-birds", PIGEON.replace("pigeon", "stork"))
    names = [entry.name for entry in PluginRegistry([Pigeon()]).transports("async")]
    assert names == ["pigeon", "stork"]
    assert PluginRegistry([Pigeon()]).transports("sync") == []


# -- when the entry points are read -----------------------------------------------------------


def test_entry_points_are_read_only_on_a_miss(make_dist: MakeDist) -> None:
    module = make_dist("socketio-birds", PIGEON.replace("pigeon", "stork"))
    registry = PluginRegistry([Pigeon()])
    registry.transport("pigeon", "async")
    assert module not in sys.modules
    registry.transport("stork", "async")
    assert module in sys.modules


def test_lookup_among_the_given_does_not_import_importlib_metadata() -> None:
    code = """
import sys
from socketio.plugins import PluginRegistry, TransportEntry, hookimpl
class Plugin:
    HOOK_API = 1
    @hookimpl
    def socketio_transports(self):
        return [TransportEntry(name="x", flavour="async", load_server=lambda: bytes)]
sys.modules.pop("importlib.metadata", None)  # editable installs may import it at startup
registry = PluginRegistry([Plugin()])
registry.transport("x", "async")
assert "importlib.metadata" not in sys.modules
registry.transports("async")
assert "importlib.metadata" in sys.modules
"""
    result = subprocess.run(
        [sys.executable, "-W", "ignore::UserWarning", "-c", code], capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_entry_points_are_read_once_by_all_threads(make_dist: MakeDist) -> None:
    make_dist(
        "socketio-birds",
        """
import sys
sys.birds_imported = getattr(sys, "birds_imported", 0) + 1
"""
        + PIGEON.replace("\n    ", "\n"),
    )
    registry = PluginRegistry()
    start = threading.Barrier(8)
    found: list[str] = []

    def look() -> None:
        start.wait(5)
        found.append(registry.transport("pigeon", "async").name)

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert found == ["pigeon"] * 8
    assert sys.__dict__.pop("birds_imported") == 1


def test_plugin_that_asks_the_registry_while_it_is_imported(make_dist: MakeDist) -> None:
    make_dist(
        "socketio-birds",
        "from socketio.plugins import get_registry\n"
        "registry = get_registry()\n"
        "registry.transports('async')\n" + PIGEON.replace("\n    ", "\n"),
    )
    assert get_registry().transport("pigeon", "async").name == "pigeon"


def test_get_registry_is_cached_for_each_combination_of_plugins(site: Path) -> None:
    _registry_with.cache_clear()
    plugin = Pigeon()
    assert get_registry() is get_registry()
    assert get_registry([plugin]) is get_registry((plugin,))
    assert get_registry([plugin]) is not get_registry()


# -- explicitly passed ------------------------------------------------------------------------


def test_frozen_program_passes_modules_without_metadata(site: Path) -> None:
    plugin = module_of("""
@hookimpl
def socketio_transports():
    yield TransportEntry(name="pigeon", flavour="async", load_server=lambda: bytes)
""")
    registry = PluginRegistry(plugins=[plugin])
    assert registry.transport("pigeon", "async").load_server() is bytes
    report = next(each for each in registry.report() if each.name == "given_plugin")
    assert (report.status, report.source, report.dist) == ("ok", "explicit", "")


def test_module_passed_and_installed_is_one_plugin(make_dist: MakeDist) -> None:
    module = __import__(make_dist("socketio-birds", PIGEON, version="3.1"))
    registry = PluginRegistry([module, module])
    reports = [each for each in registry.report() if "birds" in each.name]
    assert [(each.status, each.dist, each.version) for each in reports] == [
        ("ok", "socketio-birds", "3.1")
    ]
    assert registry.transport("pigeon", "async").name == "pigeon"


def test_passed_plugin_that_is_broken_is_an_error_at_once(site: Path) -> None:
    plugin = module_of("""
@hookimpl
def socketio_transports():
    raise RuntimeError("no such bird")
""")
    with pytest.raises(PluginError, match=r"given_plugin.*no such bird") as caught:
        PluginRegistry([plugin])
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert caught.value.reason == "broken"


def test_passed_name_instead_of_a_module_is_an_error(site: Path) -> None:
    with pytest.raises(TypeError, match=r"import 'socketio_redis\.plugin' and pass it"):
        PluginRegistry(["socketio_redis.plugin"])


@pytest.mark.parametrize("plugins", ["socketio_redis.plugin", types.ModuleType("birds"), 7])
def test_passed_plugins_are_a_list(site: Path, plugins: Any) -> None:
    for make in (PluginRegistry, get_registry):
        with pytest.raises(TypeError, match=r"plugins= takes a list"):
            make(plugins)


# -- missing ----------------------------------------------------------------------------------


def test_missing_lists_what_is_installed_and_guesses(make_dist: MakeDist) -> None:
    make_dist("socketio-birds", PIGEON, version="2.5")
    error = error_of(PluginRegistry(), "pidgeon")
    assert error.reason == "missing"
    assert "there is no transport 'pidgeon' (async)" in str(error)
    assert "did you mean 'pigeon'?" in str(error)
    assert "pigeon (socketio-birds 2.5)" in str(error)
    assert error.__cause__ is None


def test_missing_tells_of_the_other_flavour(make_dist: MakeDist) -> None:
    make_dist("socketio-birds", PIGEON)
    with pytest.raises(PluginError, match=r"one for AsyncServer only, from socketio-birds 1.0"):
        PluginRegistry().transport("pigeon", "sync")


@pytest.mark.parametrize("mode", ["aiohttp", "sanic", "tornado"])
def test_missing_async_mode_of_ours_names_its_extra(site: Path, mode: str) -> None:
    with pytest.raises(PluginError) as caught:
        PluginRegistry().async_mode(mode, "async")
    assert f'pip install "socketio-web[{mode}]"' in str(caught.value)


@pytest.mark.parametrize(
    ("mode", "extra"), [("eventlet", "eventlet"), ("gevent", "gevent"), ("gevent_uwsgi", "uwsgi")]
)
def test_missing_sync_mode_of_ours_names_its_extra(site: Path, mode: str, extra: str) -> None:
    with pytest.raises(PluginError) as caught:
        PluginRegistry().async_mode(mode, "sync")
    assert f'pip install "socketio-web[{extra}]"' in str(caught.value)


@pytest.mark.parametrize(
    ("mode", "flavour", "server", "extra"),
    [
        ("aiohttp", "sync", "AsyncServer", "aiohttp"),
        ("gevent_uwsgi", "async", "Server", "uwsgi"),
    ],
)
def test_missing_mode_of_ours_tells_of_the_other_flavour(
    site: Path, mode: str, flavour: Flavour, server: str, extra: str
) -> None:
    words = f'there is one for {server} only: pip install "socketio-web[{extra}]"'
    with pytest.raises(PluginError, match=re.escape(words)):
        PluginRegistry().async_mode(mode, flavour)


@pytest.mark.parametrize(
    ("url", "flavour", "command"),
    [
        ("redis://", "sync", "pip install socketio-redis;"),
        ("rediss://", "async", "pip install socketio-redis;"),
        ("valkey://", None, "pip install socketio-redis;"),
        ("valkeys://", "sync", "pip install socketio-redis;"),
        ("unix:///run/redis.sock", "async", "pip install socketio-redis;"),
        ("redis+sentinel://a,b/0/main", "sync", "pip install socketio-redis;"),
        ("amqp://localhost", "sync", "pip install socketio-kombu;"),
        ("amqp://localhost", "async", "pip install socketio-aiopika;"),
        ("amqp://", None, "socketio-aiopika (for AsyncServer) or pip install socketio-kombu (for"),
        ("kafka://localhost", "sync", "pip install socketio-kafka;"),
        ("kafka://localhost", "async", 'pip install "socketio-kafka[async]";'),
    ],
)
def test_missing_manager_of_ours_names_its_distribution(
    site: Path, url: str, flavour: str | None, command: str
) -> None:
    with pytest.raises(PluginError) as caught:
        PluginRegistry().client_manager(url, flavour)  # type: ignore[arg-type]  # str of the table
    assert command in str(caught.value)


def test_older_release_of_ours_is_to_be_upgraded(make_dist: MakeDist) -> None:
    make_dist("socketio-web", "")
    with pytest.raises(PluginError) as caught:
        PluginRegistry().async_mode("aiohttp", "async")
    assert 'pip install --upgrade "socketio-web[aiohttp]"' in str(caught.value)


@pytest.mark.parametrize("url", ["localhost:6379", "", "//:hunter2@host", "user:hunter2@host"])
def test_text_without_scheme_is_refused_and_not_shown(site: Path, url: str) -> None:
    with pytest.raises(PluginError, match="no scheme") as caught:
        PluginRegistry().client_manager(url)
    assert "hunter2" not in str(caught.value)


def test_error_never_shows_the_password(site: Path) -> None:
    with pytest.raises(PluginError) as caught:
        PluginRegistry().client_manager("carrier://user:hunter2@host")
    assert "client manager for carrier:// URLs" in str(caught.value)
    assert "hunter2" not in str(caught.value)


# -- broken -----------------------------------------------------------------------------------


def test_broken_import_harms_no_other(make_dist: MakeDist) -> None:
    make_dist("socketio-eagle", EXPLODES, version="0.3")
    make_dist("socketio-birds", PIGEON)
    registry = PluginRegistry()
    with pytest.warns(PluginWarning, match=r"'eagle' \(socketio-eagle 0\.3\) is broken.*no such"):
        assert registry.transport("pigeon", "async").name == "pigeon"


@pytest.mark.parametrize("statement", ["import not_there", "raise SystemExit(3)", "def ("])
def test_any_failure_to_import_is_contained(make_dist: MakeDist, statement: str) -> None:
    make_dist("socketio-eagle", statement)
    make_dist("socketio-birds", PIGEON)
    with pytest.warns(PluginWarning, match="eagle"):
        assert PluginRegistry().transport("pigeon", "async").name == "pigeon"


def test_asking_for_what_a_broken_plugin_is_named_after(make_dist: MakeDist) -> None:
    make_dist("socketio-pigeon", EXPLODES, version="0.3")
    with pytest.warns(PluginWarning):
        error = error_of(PluginRegistry())
    assert error.reason == "broken"
    assert "transport 'pigeon' (async)" in str(error)
    assert "'pigeon' (socketio-pigeon 0.3) is broken: RuntimeError: no such bird" in str(error)
    assert isinstance(error.__cause__, RuntimeError)
    assert error.__cause__.__traceback__ is not None


def test_asking_for_what_a_broken_plugin_of_ours_provides(make_dist: MakeDist) -> None:
    make_dist("socketio-redis", "import redis_that_is_not_there")
    with pytest.warns(PluginWarning):
        with pytest.raises(PluginError, match=r"'redis' .*redis_that_is_not_there") as caught:
            PluginRegistry().client_manager("valkeys://host", "async")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_hook_that_raises_after_other_entries(make_dist: MakeDist) -> None:
    make_dist(
        "socketio-birds",
        PIGEON
        + """
        raise RuntimeError("flew away")
    @hookimpl
    def socketio_serializers():
        yield SerializerEntry(name="feather", load=lambda: 1)
""",
    )
    registry = PluginRegistry()
    with pytest.warns(PluginWarning, match="flew away"):
        error = error_of(registry)
    assert (error.reason, type(error.__cause__)) == ("broken", RuntimeError)
    with pytest.raises(PluginError, match="perhaps it is in a plugin that is broken: 'birds'"):
        registry.serializer("feather")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("@hookimpl\ndef socketio_transports(): return None", "returned None"),
        ("@hookimpl\ndef socketio_transports(): return [5]", "5, which is no TransportEntry"),
        ("@hookimpl\ndef socketio_transports(): return 5", "not iterable"),
        ("@hookimpl\ndef socketio_transport(): return []", "socketio_transport"),
        ("@hookimpl\ndef socketio_transports(server): return []", "server"),
        ("def socketio_transports(): return []", "decorate it with @hookimpl"),
        (
            "@hookimpl(wrapper=True)\ndef socketio_transports(): return (yield)",
            "socketio_transports is a wrapper",
        ),
        (
            "@hookimpl\ndef socketio_transports():\n"
            "    entry = TransportEntry(name='x', flavour='async', load_server=lambda: bytes)\n"
            "    return [entry, entry]",
            "two entries for the transport 'x'",
        ),
        (
            "@hookimpl\ndef socketio_transports():\n"
            "    yield TransportEntry(name='X', flavour='async', load_server=lambda: bytes)",
            "TransportEntry.name must be made of lower case",
        ),
    ],
)
def test_invalid_plugin_is_broken(make_dist: MakeDist, source: str, message: str) -> None:
    make_dist("socketio-eagle", source)
    make_dist("socketio-birds", PIGEON)
    registry = PluginRegistry()
    with pytest.warns(PluginWarning, match="eagle") as caught:
        assert registry.transport("pigeon", "async").name == "pigeon"
    assert message in str(caught[0].message)


def test_optional_hook_of_a_newer_socketio_is_no_error(make_dist: MakeDist) -> None:
    make_dist(
        "socketio-birds", PIGEON + "\n    @hookimpl(optionalhook=True)\n    def socketio_new(): ..."
    )
    assert PluginRegistry().transport("pigeon", "async").name == "pigeon"


@pytest.mark.parametrize(
    ("hook_api", "message"),
    [
        (2, "written for HOOK_API 2, this socketio has HOOK_API 1; upgrade socketio"),
        (0, "written for HOOK_API 0, this socketio has HOOK_API 1; upgrade the plugin"),
        (None, "add HOOK_API = 1 to it"),
    ],
)
def test_hook_api_is_checked(make_dist: MakeDist, hook_api: int | None, message: str) -> None:
    make_dist("socketio-pigeon", PIGEON, hook_api=hook_api)
    with pytest.warns(PluginWarning) as caught:
        error = error_of(PluginRegistry())
    assert message in str(caught[0].message)
    assert message in str(error)
    assert error.reason == "broken"


def test_broken_plugin_is_warned_about_once(make_dist: MakeDist) -> None:
    make_dist("socketio-eagle", EXPLODES)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for registry in (PluginRegistry(), PluginRegistry()):
            registry.transports("async")
            registry.transports("async")
            error_of(registry, "stork")
    assert [each.category for each in caught] == [PluginWarning]


@pytest.mark.parametrize(
    ("value", "strict"), [("1", True), ("true", True), ("0", False), ("", False), ("no", False)]
)
def test_strict_turns_broken_plugins_into_an_error(
    make_dist: MakeDist, monkeypatch: pytest.MonkeyPatch, value: str, strict: bool
) -> None:
    make_dist("socketio-eagle", EXPLODES)
    make_dist("socketio-vulture", "import not_there")
    make_dist("socketio-birds", PIGEON)
    monkeypatch.setenv("SOCKETIO_STRICT_PLUGINS", value)
    registry = PluginRegistry([Pigeon()])
    assert registry.transport("pigeon", "async").name == "pigeon"  # nothing was read yet
    if strict:
        for _ in range(2):
            with pytest.raises(PluginError, match="STRICT") as caught:
                registry.transports("async")
            assert "eagle" in str(caught.value)
            assert "vulture" in str(caught.value)
            assert caught.value.__cause__ is not None
        assert "broken" in {report.status for report in registry.report()}  # which raises never
    else:
        with pytest.warns(PluginWarning):
            registry.transports("async")


def test_damaged_metadata_of_a_plugin(make_dist: MakeDist, site: Path) -> None:
    make_dist("socketio-birds", PIGEON)
    make_dist("socketio-eagle", PIGEON, entry_points="[socketio]\nthis is no entry point\n")
    with pytest.warns(PluginWarning, match="socketio-eagle"):
        assert PluginRegistry().transport("pigeon", "async").name == "pigeon"


def test_damaged_metadata_of_somebody_else(make_dist: MakeDist) -> None:
    make_dist("socketio-birds", PIGEON)
    make_dist("somebody-else", "", entry_points="[console_scripts]\nthis is no entry point\n")
    assert PluginRegistry().transport("pigeon", "async").name == "pigeon"


def test_hidden_distribution_stays_hidden_beside_damaged_metadata(
    make_dist: MakeDist, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_dist("socketio-birds", PIGEON, version="2.0")
    make_dist("somebody-else", "", entry_points="[console_scripts]\nthis is no entry point\n")
    older = tmp_path / "older"
    shutil.copytree(site / "socketio_birds-2.0.dist-info", older / "socketio_birds-1.0.dist-info")
    (older / "socketio_birds-1.0.dist-info" / "entry_points.txt").write_text(
        "[socketio]\nbirds = not_there\n"
    )
    monkeypatch.setattr(sys, "path", [*sys.path, str(older)])
    reports = [report for report in PluginRegistry().report() if report.name == "birds"]
    assert [(report.version, report.status) for report in reports] == [("2.0", "ok")]


# -- disabled ---------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["birds", "socketio-birds", "x, Socketio_Birds", "*"])
def test_disabled_plugin_is_not_imported(
    make_dist: MakeDist, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    module = make_dist("socketio-birds", PIGEON)
    monkeypatch.setenv("SOCKETIO_DISABLE_PLUGINS", value)
    registry = PluginRegistry()
    error = error_of(registry)
    assert module not in sys.modules
    assert error.reason == "missing"
    assert "perhaps in one that SOCKETIO_DISABLE_PLUGINS switches off: 'birds'" in str(error)
    assert [each.status for each in registry.report() if each.name == "birds"] == ["disabled"]


def test_asking_for_what_a_disabled_plugin_is_named_after(
    make_dist: MakeDist, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_dist("socketio-pigeon", EXPLODES)
    monkeypatch.setenv("SOCKETIO_DISABLE_PLUGINS", "kafka,pigeon")
    error = error_of(PluginRegistry())
    assert error.reason == "disabled"
    assert "the transport 'pigeon' (async) is disabled" in str(error)
    assert "SOCKETIO_DISABLE_PLUGINS=kafka,pigeon" in str(error)


def test_asking_for_what_a_disabled_plugin_of_ours_provides(
    make_dist: MakeDist, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_dist("socketio-redis", "")
    monkeypatch.setenv("SOCKETIO_DISABLE_PLUGINS", "redis")
    with pytest.raises(PluginError, match=r"valkey://.*is disabled.*socketio-redis 1.0"):
        PluginRegistry().client_manager("valkey://", "sync")


def test_all_disabled_leaves_built_in_and_passed_ones(
    make_dist: MakeDist, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_dist("socketio-birds", PIGEON)
    monkeypatch.setenv("SOCKETIO_DISABLE_PLUGINS", "*")
    registry = PluginRegistry([Pigeon()])
    assert registry.transport("pigeon", "async").name == "pigeon"
    status = {report.name: report.status for report in registry.report()}
    assert status == {"builtin": "ok", "Pigeon": "ok", "birds": "disabled"}


# -- conflicting ------------------------------------------------------------------------------


def test_conflict_lists_every_provider_and_harms_no_other_name(make_dist: MakeDist) -> None:
    more = '\n        yield TransportEntry(name="{}", flavour="async", load_server=lambda: str)\n'
    make_dist("socketio-birds", PIGEON + more.format("stork"), version="1.1")
    make_dist("socketio-doves", PIGEON + more.format("dove"), version="2.2")
    registry = PluginRegistry()
    with pytest.warns(PluginWarning) as caught:
        error = error_of(registry)
    assert error.reason == "conflict"
    for provider in ("'birds' (socketio-birds 1.1)", "'doves' (socketio-doves 2.2)"):
        assert provider in str(error)
        assert provider in str(caught[0].message)
    assert "SOCKETIO_DISABLE_PLUGINS=" in str(error)
    assert registry.transport("stork", "async").name == "stork"
    assert [entry.name for entry in registry.transports("async")] == ["stork", "dove"]


def test_conflict_is_settled_by_disabling_one(
    make_dist: MakeDist, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_dist("socketio-birds", PIGEON)
    make_dist("socketio-doves", PIGEON)
    monkeypatch.setenv("SOCKETIO_DISABLE_PLUGINS", "doves")
    assert PluginRegistry().transport("pigeon", "async").name == "pigeon"


def test_passed_plugin_wins_whether_or_not_entry_points_were_read(make_dist: MakeDist) -> None:
    make_dist("socketio-birds", PIGEON.replace("bytes", "str"))
    registry = PluginRegistry([Pigeon()])
    assert registry.transport("pigeon", "async").load_server() is bytes
    with pytest.warns(PluginWarning, match="that of 'Pigeon'.* is used"):
        listed = registry.transports("async")
    assert [entry.load_server() for entry in listed if entry.name == "pigeon"] == [bytes]
    assert registry.transport("pigeon", "async").load_server() is bytes
    status = {report.name: report.status for report in registry.report()}
    assert (status["Pigeon"], status["birds"]) == ("ok", "conflict")


def test_two_passed_plugins_in_conflict(site: Path) -> None:
    error = error_of(PluginRegistry([Pigeon(), Pigeon()]))
    assert error.reason == "conflict"
    assert "pass only one of them" in str(error)


def test_same_name_in_two_flavours_is_no_conflict(make_dist: MakeDist) -> None:
    make_dist("socketio-birds", PIGEON)
    make_dist("socketio-doves", PIGEON.replace('"async"', '"sync"').replace("bytes", "str"))
    registry = PluginRegistry()
    assert registry.transport("pigeon", "async").load_server() is bytes
    assert registry.transport("pigeon", "sync").load_server() is str


KOMBU = """
    @hookimpl
    def socketio_client_managers():
        yield ClientManagerEntry(name="kombu", schemes=("amqp", "sqs"), load_sync=lambda: str)
"""
AIOPIKA = """
    @hookimpl
    def socketio_client_managers():
        yield ClientManagerEntry(name="aiopika", schemes=("amqp",), load_async=lambda: bytes)
"""


def test_scheme_served_by_one_plugin_in_each_flavour(make_dist: MakeDist) -> None:
    make_dist("socketio-kombu", KOMBU)
    make_dist("socketio-aiopika", AIOPIKA)
    registry = PluginRegistry()
    assert registry.client_manager("amqp://h", "sync").name == "kombu"
    assert registry.client_manager("amqp://h", "async").name == "aiopika"
    both = registry.client_manager("amqp://h")
    assert both.load_sync is not None
    assert both.load_async is not None
    assert (both.load_sync(), both.load_async(), both.schemes) == (str, bytes, ("amqp",))
    assert registry.client_manager("sqs://h").load_async is None


def test_scheme_of_one_flavour_only(make_dist: MakeDist) -> None:
    make_dist("socketio-kombu", KOMBU)
    registry = PluginRegistry()
    assert registry.client_manager("amqp://h").name == "kombu"
    with pytest.raises(PluginError, match="pip install socketio-aiopika"):
        registry.client_manager("amqp://h", "async")
    with pytest.raises(PluginError, match=r"one for Server only, from socketio-kombu 1.0"):
        registry.client_manager("sqs://h", "async")


def test_scheme_served_twice_in_one_flavour(make_dist: MakeDist) -> None:
    make_dist("socketio-kombu", KOMBU)
    make_dist("rabbits", KOMBU.replace('"kombu"', '"rabbit"'))
    registry = PluginRegistry()
    with pytest.warns(PluginWarning) as caught:
        with pytest.raises(PluginError, match=r"rabbits 1.0") as error:
            registry.client_manager("amqp://h", "sync")
    assert error.value.reason == "conflict"
    assert len(caught) == 1  # for both schemes
    assert "amqp://" in str(caught[0].message)
    assert "sqs://" in str(caught[0].message)
    assert registry.client_manager_named("rabbit").name == "rabbit"


# -- loading ----------------------------------------------------------------------------------


def load_nothing() -> type:
    import library_that_is_not_there  # type: ignore[import-not-found]  # that is the test

    raise AssertionError(library_that_is_not_there)


def test_load_calls_the_loader_of_every_kind(site: Path) -> None:
    registry = PluginRegistry()
    entries: list[Entry] = [
        TransportEntry(name="x", flavour="async", load_server=lambda: bytes),
        AsyncModeEntry(name="x", flavour="sync", load=lambda: bytes),
        AttachmentEntry(name="x", flavour="sync", app_types=("a.B",), load=lambda: bytes),
        SerializerEntry(name="x", load=lambda: bytes),
    ]
    assert [registry.load(entry) for entry in entries] == [bytes] * 4
    manager = ClientManagerEntry(
        name="x", schemes=("x",), load_sync=lambda: str, load_async=lambda: bytes
    )
    assert registry.load(manager, "sync") is str
    assert registry.load(manager, "async") is bytes
    with pytest.raises(TypeError, match="client manager 'x' needs a flavour"):
        registry.load(manager)
    assert registry.load(ClientManagerEntry(name="x", schemes=(), load_sync=lambda: str)) is str


@pytest.mark.parametrize("install", ["flock[fast]", ""])
def test_load_says_what_to_install(site: Path, install: str) -> None:
    mode = AsyncModeEntry(name="flock", flavour="async", load=load_nothing, install=install)
    with pytest.raises(PluginError, match="async mode 'flock' \\(async\\) cannot be loaded") as it:
        PluginRegistry().load(mode)
    assert "No module named 'library_that_is_not_there'" in str(it.value)
    assert ('pip install "flock[fast]"' in str(it.value)) is bool(install)
    assert isinstance(it.value.__cause__, ModuleNotFoundError)
    assert it.value.reason == "missing"


def test_load_names_the_extra_of_a_manager_of_ours(site: Path) -> None:
    manager = ClientManagerEntry(
        name="kafka", schemes=("kafka",), load_sync=lambda: str, load_async=load_nothing
    )
    assert PluginRegistry().load(manager, "sync") is str
    with pytest.raises(PluginError) as caught:
        PluginRegistry().load(manager, "async")
    assert 'pip install "socketio-kafka[async]"' in str(caught.value)


def test_load_of_a_flavour_that_there_is_not(site: Path) -> None:
    manager = ClientManagerEntry(name="kombu", schemes=("amqp",), load_sync=lambda: str)
    with pytest.raises(PluginError, match=r"there is no client manager 'kombu' \(async\)"):
        PluginRegistry().load(manager, "async")


def test_load_refuses_what_a_loader_should_not_return(site: Path) -> None:
    registry = PluginRegistry(
        [
            module_of("""
@hookimpl
def socketio_async_modes():
    yield AsyncModeEntry(name="flock", flavour="async", load=lambda: 7)
@hookimpl
def socketio_transports():
    yield TransportEntry(name="pigeon", flavour="async", load_server=lambda: bytes)
""")
        ]
    )
    mode, transport = registry.async_mode("flock", "async"), registry.transport("pigeon", "async")
    assert registry.load_object(mode, int) == 7
    assert registry.load_class(transport, bytes) is bytes
    with pytest.raises(PluginError, match=r"async mode 'flock' .*returned 7, not an object of str"):
        registry.load_object(mode, str)
    with pytest.raises(PluginError, match=r"'pigeon' .*bytes'>, not a subclass of int") as caught:
        registry.load_class(transport, int)
    assert caught.value.reason == "broken"


def test_error_in_a_loader_that_is_no_import_error_is_left_alone(site: Path) -> None:
    mode = AsyncModeEntry(name="flock", flavour="async", load=lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        PluginRegistry().load(mode)


# -- attachments ------------------------------------------------------------------------------


class App:
    pass


class Shop(App):
    pass


def attachment(name: str, *types: str, flavour: str = "async") -> str:
    return (
        "@hookimpl\ndef socketio_attachments():\n"
        f"    yield AttachmentEntry(name={name!r}, app_types={types!r}, load=lambda: {name!r},"
        f" flavour={flavour!r})\n"
    )


def type_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def test_attachment_is_found_by_a_base_class(make_dist: MakeDist) -> None:
    make_dist("socketio-apps", attachment("apps", type_name(App)))
    assert PluginRegistry().attachment_for(Shop(), "async").name == "apps"


def test_attachment_of_the_most_derived_class_wins(make_dist: MakeDist) -> None:
    make_dist("socketio-apps", attachment("apps", type_name(App)))
    make_dist("socketio-shops", attachment("shops", type_name(Shop)))
    registry = PluginRegistry()
    assert registry.attachment_for(Shop(), "async").name == "shops"
    assert registry.attachment_for(App(), "async").name == "apps"


def test_attachment_of_both_flavours(make_dist: MakeDist) -> None:
    make_dist("socketio-apps", attachment("apps", type_name(App)))
    make_dist("socketio-sync-apps", attachment("sync-apps", type_name(App), flavour="sync"))
    registry = PluginRegistry()
    assert registry.attachment_for(App(), "async").name == "apps"
    assert registry.attachment_for(App(), "sync").name == "sync-apps"


def test_attachment_passed_wins_over_an_installed_one(make_dist: MakeDist) -> None:
    make_dist("socketio-shops", attachment("shops", type_name(Shop)))
    registry = PluginRegistry([module_of(attachment("apps", type_name(App)))])
    assert registry.attachment_for(Shop(), "async").name == "apps"
    registry.attachments("async")
    assert registry.attachment_for(Shop(), "async").name == "apps"


def test_catch_all_comes_last(make_dist: MakeDist) -> None:
    make_dist("socketio-apps", attachment("apps", type_name(App)))
    registry = PluginRegistry([module_of(attachment("any", "builtins.object"))])
    assert registry.attachment_for(Shop(), "async").name == "apps"
    assert registry.attachment_for(lambda: None, "async").name == "any"


@pytest.mark.parametrize("module", ["aiohttp.web_app", "tornado.web"])
def test_catch_all_does_not_take_what_it_cannot_serve(site: Path, module: str) -> None:
    app = type("Application", (), {"__module__": module})()
    registry = PluginRegistry([module_of(attachment("any", "builtins.object"))])
    framework = module.partition(".")[0]
    with pytest.raises(PluginError) as caught:
        registry.attachment_for(app, "async")
    assert f'pip install "socketio-web[{framework}]"' in str(caught.value)


def test_catch_all_does_not_hide_that_the_right_one_is_broken(make_dist: MakeDist) -> None:
    make_dist("socketio-web", EXPLODES)
    app = type("FastAPI", (), {"__module__": "fastapi.applications"})()
    registry = PluginRegistry([module_of(attachment("any", "builtins.object"))])
    with pytest.warns(PluginWarning):
        with pytest.raises(PluginError, match=r"fastapi.applications.FastAPI") as caught:
            registry.attachment_for(app, "async")
    assert caught.value.reason == "broken"


def test_unknown_application_names_the_known_ones(make_dist: MakeDist) -> None:
    make_dist("socketio-apps", attachment("apps", type_name(App), flavour="sync"))
    with pytest.raises(PluginError, match=r"there is no attachment for .*\.Shop \(async\)") as it:
        PluginRegistry().attachment_for(Shop(), "async")
    assert "one for Server only, from socketio-apps 1.0" in str(it.value)


@pytest.mark.parametrize("flavour", ["async", "sync"])
def test_callable_without_a_plugin_for_callables(site: Path, flavour: Flavour) -> None:
    with pytest.raises(PluginError, match=r"no attachment for builtins\.function") as caught:
        PluginRegistry().attachment_for(lambda: None, flavour)
    assert "install it with: pip install socketio-web;" in str(caught.value)


def test_object_without_a_class_of_its_own_is_no_application(make_dist: MakeDist) -> None:
    make_dist("socketio-apps", attachment("apps", type_name(App)))
    with pytest.raises(PluginError, match=r"there is no attachment for builtins\.object \(async\)"):
        PluginRegistry().attachment_for(object(), "async")


# -- observers --------------------------------------------------------------------------------

OBSERVER = """
    seen = []
    @hookimpl
    def socketio_server_created(server):
        seen.append(server)
"""


def test_observers_see_a_new_server(make_dist: MakeDist) -> None:
    module = make_dist("socketio-metrics", OBSERVER)
    without_argument = module_of("""
seen = []
@hookimpl
def socketio_server_created():
    seen.append(1)
""")
    PluginRegistry([without_argument]).server_created("a server")
    assert sys.modules[module].__dict__["seen"] == ["a server"]
    assert without_argument.__dict__["seen"] == [1]


def test_observers_that_want_to_be_first_are(make_dist: MakeDist) -> None:
    order: list[str] = []
    for name, options in (("b", "trylast=True"), ("c", "tryfirst=True"), ("d", "")):
        make_dist(
            f"socketio-{name}",
            f"@hookimpl({options})\n"
            f"def socketio_server_created(server):\n    server.append({name!r})\n",
        )
    PluginRegistry().server_created(order)
    assert order == ["c", "d", "b"]


def test_broken_plugin_observes_nothing(make_dist: MakeDist) -> None:
    module = make_dist(
        "socketio-metrics", OBSERVER + "    @hookimpl\n    def socketio_serializers(): 1 / 0\n"
    )
    with pytest.warns(PluginWarning, match="metrics"):
        PluginRegistry().server_created("a server")
    assert sys.modules[module].__dict__["seen"] == []


def test_observer_that_raises_harms_no_other(make_dist: MakeDist) -> None:
    module = make_dist("socketio-metrics", OBSERVER)
    make_dist(
        "socketio-tracing",
        PIGEON
        + """
    calls = []
    @hookimpl
    def socketio_server_created(server):
        calls.append(server)
        raise RuntimeError("no trace")
""",
    )
    registry = PluginRegistry()
    assert registry.transport("pigeon", "async").name == "pigeon"
    with pytest.warns(PluginWarning, match="'tracing'.*no trace"):
        registry.server_created("first")
    registry.server_created("second")
    assert sys.modules[module].__dict__["seen"] == ["first", "second"]
    assert sys.modules["fake_socketio_tracing"].__dict__["calls"] == ["first"]
    error = error_of(registry)
    assert (error.reason, type(error.__cause__)) == ("broken", RuntimeError)


def test_observer_that_raises_is_an_error_when_strict(
    make_dist: MakeDist, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_dist("socketio-metrics", "@hookimpl\ndef socketio_server_created(server):\n    1 / 0\n")
    monkeypatch.setenv("SOCKETIO_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError, match="'metrics'") as caught:
        PluginRegistry().server_created("a server")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_passed_observer_that_raises_is_an_error(site: Path) -> None:
    plugin = module_of("@hookimpl\ndef socketio_server_created(server):\n    1 / 0\n")
    with pytest.raises(PluginError, match="given_plugin") as caught:
        PluginRegistry([plugin]).server_created("a server")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


# -- the report -------------------------------------------------------------------------------


def test_report_says_everything_and_warns_of_nothing(
    make_dist: MakeDist, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_dist("socketio-birds", PIGEON + OBSERVER, version="1.1")
    make_dist("socketio-doves", PIGEON)
    make_dist("socketio-eagle", EXPLODES)
    make_dist("socketio-penguin", PIGEON)
    monkeypatch.setenv("SOCKETIO_DISABLE_PLUGINS", "penguin")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reports = {report.name: report for report in PluginRegistry().report()}
    assert {name: report.status for name, report in reports.items()} == {
        "builtin": "ok",
        "birds": "conflict",
        "doves": "conflict",
        "eagle": "broken",
        "penguin": "disabled",
    }
    birds = reports["birds"]
    assert (birds.dist, birds.version, birds.source) == ("socketio-birds", "1.1", "entry point")
    assert birds.provides == ("transport pigeon (async)", "observer of new servers")
    assert "'doves' (socketio-doves 1.0)" in birds.problems[0]
    assert isinstance(reports["eagle"].error, RuntimeError)
    assert "no such bird" in reports["eagle"].problems[0]
    assert "SOCKETIO_DISABLE_PLUGINS=penguin" in reports["penguin"].problems[0]


def test_environment_is_read_when_the_entry_points_are(
    make_dist: MakeDist, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_dist("socketio-birds", PIGEON)
    registry = PluginRegistry()
    monkeypatch.setitem(os.environ, "SOCKETIO_DISABLE_PLUGINS", "birds")
    assert error_of(registry).reason == "missing"


# -- the built-ins ----------------------------------------------------------------------------


def test_built_ins_come_through_the_same_hooks() -> None:
    registry = PluginRegistry()
    for name in ("polling", "websocket"):
        assert isinstance(registry.load(registry.transport(name, "async")), type)
    assert registry.transport("websocket", "async").upgrades_from == ("polling",)
    assert registry.load(registry.async_mode("asgi", "async")) is not None
    for serializer in ("default", "msgpack"):
        assert isinstance(registry.load(registry.serializer(serializer)), type)
