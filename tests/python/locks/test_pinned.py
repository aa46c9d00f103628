"""Lock files that name versions and hashes: what they pin is what is installed, or nothing is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grocker.errors import GrockerError, SettingsError
from grocker.python import Project, WheelTarget, find_lock, find_uv, resolve_locked
from tests.support.wheels import Index, make_wheel, serve

TARGET = WheelTarget("3.13", "amd64", (2, 41))
Hashes = dict[tuple[str, str], str]


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with serve(tmp_path / "index") as index:
        yield index


@pytest.fixture
def hashes(index: Index) -> Hashes:
    """An index with two versions of everything; the sha256 of each wheel."""
    found = {}
    for version in ("1.0", "2.0"):
        for name, requires in (("web", ["dep"]), ("dep", []), ("windows", []), ("tests", []), ("speed", [])):
            wheel = make_wheel(index.directory, name, version, requires=requires, files={f"{name}/v.py": version})
            found[name, version] = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return found


def project(directory: Path, *dependencies: str, extras: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> Project:
    return Project(directory, "app", "1.0", "", dependencies, extras, (), "", ())


def pinned(index: Index, tmp_path: Path, described: Project, extras: tuple[str, ...] = ()) -> dict[str, str]:
    (tmp_path / "work").mkdir()
    lock = find_lock(described.directory)
    assert lock is not None
    uv = find_uv(index.environ(), cache=tmp_path / "uv")
    found = resolve_locked(described, lock, TARGET, uv, workspace=tmp_path / "work", extras=extras)
    return {pin.name: pin.version for pin in found}


def tables(hashes: Hashes, *names: str) -> str:
    """Version 1.0 of each name, as poetry and pdm write it."""
    return "\n".join(
        f'[[package]]\nname = "{name}"\nversion = "1.0"\n'
        f'files = [{{file = "x.whl", hash = "sha256:{hashes[name, "1.0"]}"}}]\n'
        for name in names
    )


def poetry(hashes: Hashes, directory: Path) -> Project:
    (directory / "pyproject.toml").write_text(
        '[tool.poetry]\nname = "app"\n[tool.poetry.dependencies]\npython = "^3.11"\nweb = "^1.0"\n'
        'windows = {version = "*", markers = "sys_platform == \'win32\'"}\nspeed = {version = "*", optional = true}\n'
        '[tool.poetry.extras]\nfast = ["speed"]\n[tool.poetry.group.dev.dependencies]\ntests = "*"\n'
    )
    (directory / "poetry.lock").write_text(tables(hashes, "web", "dep", "windows", "tests", "speed"))
    return Project(directory, "app", "1.0", "", None, (), (), "", ())


def pdm(hashes: Hashes, directory: Path) -> Project:
    (directory / "pdm.lock").write_text(tables(hashes, "web", "dep", "tests", "speed"))
    return project(directory, "web>=1", "windows; sys_platform == 'win32'", extras=(("fast", ("speed",)),))


def pipfile(hashes: Hashes, directory: Path) -> Project:
    default = {name: {"version": "==1.0", "hashes": [f"sha256:{hashes[name, '1.0']}"]} for name in ("web", "dep")}
    default["windows"] = {"version": "==1.0", "hashes": [], "markers": "sys_platform == 'win32'"}
    develop = {"tests": {"version": "==1.0", "hashes": [f"sha256:{hashes['tests', '1.0']}"]}}
    (directory / "Pipfile.lock").write_text(json.dumps({"default": default, "develop": develop}))
    return project(directory)


FORMATS = [poetry, pdm, pipfile]


@pytest.mark.parametrize("write", FORMATS)
def test_versions_are_the_locks_when_newer_ones_exist(
    index: Index, hashes: Hashes, tmp_path: Path, write: Callable[[Hashes, Path], Project]
) -> None:
    place = tmp_path / "app"
    place.mkdir()
    assert pinned(index, tmp_path, write(hashes, place)) == {"web": "1.0", "dep": "1.0"}


@pytest.mark.parametrize("write", [poetry, pdm])
def test_extra_is_installed_when_it_is_asked_for(
    index: Index, hashes: Hashes, tmp_path: Path, write: Callable[[Hashes, Path], Project]
) -> None:
    place = tmp_path / "app"
    place.mkdir()
    assert pinned(index, tmp_path, write(hashes, place), ("fast",)) == {"web": "1.0", "dep": "1.0", "speed": "1.0"}


@pytest.mark.parametrize("write", FORMATS)
def test_lock_is_refused_when_the_index_serves_other_bytes(
    index: Index, hashes: Hashes, tmp_path: Path, write: Callable[[Hashes, Path], Project]
) -> None:
    place = tmp_path / "app"
    place.mkdir()
    described = write({**hashes, ("dep", "1.0"): "0" * 64}, place)
    with pytest.raises(SettingsError, match=r"the index serves dep-1\.0-py3-none-any\.whl with a sha256 that differs"):
        pinned(index, tmp_path, described)


@pytest.mark.parametrize("write", [poetry, pdm])
def test_lock_is_refused_when_it_lacks_a_package(
    index: Index, hashes: Hashes, tmp_path: Path, write: Callable[[Hashes, Path], Project]
) -> None:
    place = tmp_path / "app"
    place.mkdir()
    described = write(hashes, place)
    lock = next(place.glob("*.lock"))
    tables = lock.read_text().split("[[package]]")
    lock.write_text("[[package]]".join(table for table in tables if 'name = "dep"' not in table))
    with pytest.raises(SettingsError, match="dep is required but not locked"):
        pinned(index, tmp_path, described)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("poetry.lock", "not = [toml"),
        ("poetry.lock", "[[package]]\nname = 'web'\n"),
        ("pdm.lock", "[[package]]\nversion = '1'\n"),
        ("Pipfile.lock", "{"),
        ("Pipfile.lock", "[]"),
        ("Pipfile.lock", '{"default": {"web": {"git": "https://git.example.com/web"}}}'),
        ("pylock.toml", "not = [toml"),
    ],
)
def test_malformed_lock_is_refused_by_name(index: Index, tmp_path: Path, name: str, text: str) -> None:
    place = tmp_path / "app"
    place.mkdir()
    (place / "pyproject.toml").write_text("")
    (place / name).write_text(text)
    with pytest.raises(GrockerError, match=name.replace(".", r"\.")) as caught:
        pinned(index, tmp_path, project(place, "web"))
    assert caught.value.status in (65, 78)


def test_first_format_counts_when_there_are_several(tmp_path: Path) -> None:
    for name in ("Pipfile.lock", "pdm.lock", "poetry.lock", "pylock.toml", "uv.lock"):
        (tmp_path / name).write_text("")
        lock = find_lock(tmp_path)
        assert lock is not None
        assert lock.path.name == name
