"""The distributions of the guides are built as the guides write them."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "how-to"
FILE = re.compile(r"^```(?:python|toml)\n# (?P<name>\S+)\n(?P<code>.*?)^```", re.M | re.S)
EMPTY_FILE = re.compile(r"empty\s`[\w/]*__init__\.py`")


def write_files(guide: str, package: str, folder: Path) -> dict[str, str]:
    """Write what a guide tells its reader to write; a file may be shown in several parts."""
    page = (GUIDES / guide).read_text()
    files: dict[str, str] = {}
    for found in FILE.finditer(page):
        files[found["name"]] = files.get(found["name"], "") + found["code"]
    assert EMPTY_FILE.search(page)
    files[f"{package}/__init__.py"] = ""
    for name, code in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
    return files


GUIDES_AND_PACKAGES = pytest.mark.parametrize(
    ("guide", "package"),
    [("write-a-plugin.md", "my_plugin"), ("write-a-queue-backend.md", "socketio_nats")],
)


@GUIDES_AND_PACKAGES
def test_the_guide_makes_a_wheel(guide: str, package: str, tmp_path: Path) -> None:
    source, into = tmp_path / "source", tmp_path / "wheel"
    files = write_files(guide, package, source)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", str(into), str(source)], check=True)
    (wheel,) = into.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (points,) = (name for name in names if name.endswith("entry_points.txt"))
        assert f"{package}.plugin" in archive.read(points).decode()
    assert {name for name in files if name.startswith(package)} <= set(names)


@GUIDES_AND_PACKAGES
def test_the_guide_imports_what_it_uses(guide: str, package: str, tmp_path: Path) -> None:
    write_files(guide, package, tmp_path)
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache"]
    undefined = subprocess.run(
        [*command, "--select=F821", str(tmp_path)], capture_output=True, text=True
    )
    assert undefined.returncode == 0, undefined.stdout + undefined.stderr
