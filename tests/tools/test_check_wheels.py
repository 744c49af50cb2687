"""The distributions hold and expose their own package only, and the check of that sees it."""

from __future__ import annotations

import importlib.util
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest


def load_tool() -> ModuleType:
    """Import tools/check_wheels.py, which is a script and in no package."""
    path = Path(__file__).resolve().parents[2] / "tools" / "check_wheels.py"
    spec = importlib.util.spec_from_file_location("check_wheels_tool", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


check_wheels = load_tool()
DISTS = check_wheels.find_dists(check_wheels.ROOT)


def test_every_distribution_of_the_design_is_there() -> None:
    assert {
        "socketio",
        "socketio-aiopika",
        "socketio-kafka",
        "socketio-kombu",
        "socketio-redis",
        "socketio-web",
    } <= {dist.name for dist in DISTS}


@pytest.mark.parametrize("dist", DISTS, ids=lambda dist: dist.name)
def test_wheel_holds_its_own_package_only(dist, tmp_path: Path) -> None:
    wheel = check_wheels.build_wheel(dist, tmp_path / "wheel", isolated=False)
    assert list(check_wheels.check_wheel(dist, wheel)) == []


@pytest.fixture
def fake_dist(tmp_path: Path):
    package = tmp_path / "fake" / "fake_plugin"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "module.py").touch()
    return check_wheels.Dist(name="fake-plugin", folder=package.parent, package="fake_plugin")


GOOD = (
    "fake_plugin/__init__.py",
    "fake_plugin/module.py",
    "fake_plugin/py.typed",
    "fake_plugin-1.dist-info/METADATA",
    "fake_plugin-1.dist-info/licenses/LICENSE",
)


@pytest.mark.parametrize(
    ("names", "finding"),
    [
        (GOOD, None),
        ((*GOOD, "tests/test_module.py"), "holds tests/test_module.py"),
        ((*GOOD, "fake_plugin_other/__init__.py"), "holds fake_plugin_other/__init__.py"),
        ((*GOOD, "fake_plugin/__pycache__/module.pyc"), "does not belong in a wheel"),
        (GOOD[:1] + GOOD[2:], "lacks fake_plugin/module.py"),
        (GOOD[:2] + GOOD[3:], "lacks fake_plugin/py.typed"),
        (GOOD[:4], "lacks the licence"),
    ],
)
def test_a_wrong_wheel_is_seen(names, finding, fake_dist, tmp_path: Path) -> None:
    wheel = tmp_path / "fake_plugin-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    findings = list(check_wheels.check_wheel(fake_dist, wheel))
    if finding is None:
        assert findings == []
    else:
        assert len(findings) == 1
        assert finding in findings[0]


def test_this_environment_exposes_no_folder_of_the_repository(tmp_path: Path) -> None:
    strays = check_wheels.stray_names(check_wheels.ROOT, DISTS)
    assert {"plugins", "tests", "tools"} <= set(strays)
    found = check_wheels.importable(Path(sys.executable), ["socketio", *strays], tmp_path)
    assert found.pop("socketio") == str(check_wheels.ROOT / "socketio" / "__init__.py")
    # Another distribution may install a package of such a name; ours may not be where it is from.
    exposed = {name: origin for name, origin in found.items() if str(check_wheels.ROOT) in origin}
    in_environment = {n for n, origin in exposed.items() if "site-packages" in origin}
    assert set(exposed) - in_environment == set()
