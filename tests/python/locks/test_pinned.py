"""Lock files that name versions and hashes: what they pin is what is installed, or nothing is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grocker.errors import GrockerError, SettingsError
from grocker.python import Project, WheelTarget, find_lock, find_uv, resolve_locked
from grocker.python.groups import group_requirements
from tests.support.wheels import Index, make_wheel, serve

pytestmark = pytest.mark.slow

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


def pinned(
    index: Index, tmp_path: Path, described: Project, extras: tuple[str, ...] = (), groups: tuple[str, ...] = ()
) -> dict[str, str]:
    (tmp_path / "work").mkdir()
    lock = find_lock(described.directory)
    assert lock is not None
    uv = find_uv(index.environ(), cache=tmp_path / "uv")
    found = resolve_locked(described, lock, TARGET, uv, workspace=tmp_path / "work", extras=extras, groups=groups)
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
        ("Pipfile.lock", '{"default": {"web": {}}}'),
        ("pylock.toml", 'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = 1\n'),
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


def test_first_name_of_pylock_counts_and_the_only_one_of_others(tmp_path: Path) -> None:
    for name in ("pylock.web.toml", "pylock.prod.toml", "pylock.production.toml", "pylock.toml"):
        (tmp_path / name).write_text("")
        lock = find_lock(tmp_path)
        assert lock is not None
        assert lock.path.name == name
    for name in ("pylock.prod.toml", "pylock.production.toml", "pylock.toml"):
        (tmp_path / name).unlink()
    (tmp_path / "pylock.worker.toml").write_text("")
    assert find_lock(tmp_path) is None


GROUPS = """
[dependency-groups]
Prod_Only = ["speed", {include-group = "more"}]
more = ["dep>=1"]
dev = ["tests"]
broken = [{include-group = "broken"}]
[tool.poetry.group.old.dependencies]
speed = "^1.0"
[tool.pdm.dev-dependencies]
lint = ["tests>=1"]
"""


@pytest.mark.parametrize(
    ("groups", "found"),
    [
        ((), ()),
        (("prod-only",), ("speed", "dep>=1")),
        (("old", "lint"), ("speed>=1.0,<2", "tests>=1")),
        (("nosuch",), "unknown dependency group 'nosuch'"),
        (("broken",), "broken includes itself"),
    ],
)
def test_groups_are_read_from_all_that_declare_them(
    tmp_path: Path, groups: tuple[str, ...], found: tuple[str, ...] | str
) -> None:
    (tmp_path / "pyproject.toml").write_text(GROUPS)
    if isinstance(found, tuple):
        assert group_requirements(tmp_path, groups) == found
        return
    with pytest.raises(SettingsError, match=found):
        group_requirements(tmp_path, groups)


@pytest.mark.parametrize("write", FORMATS)
def test_group_is_installed_when_it_is_asked_for(
    index: Index, hashes: Hashes, tmp_path: Path, write: Callable[[Hashes, Path], Project]
) -> None:
    place = tmp_path / "app"
    place.mkdir()
    described = write(hashes, place)
    group = "develop" if write is pipfile else "checks"
    if write is not pipfile:
        path = place / "pyproject.toml"
        path.write_text((path.read_text() if path.exists() else "") + '\n[dependency-groups]\nchecks = ["tests"]\n')
    versions = {"web": "1.0", "dep": "1.0", "tests": "1.0"}
    assert pinned(index, tmp_path, described, groups=(group,)) == versions


@pytest.mark.parametrize(
    ("write", "file", "old", "new", "words"),
    [
        (poetry, "pyproject.toml", 'web = "^1.0"', 'web = "^2.0"', r"it has web 1\.0, but the project requires web<3"),
        (poetry, "pyproject.toml", "^3.11", "^3.12", r"locked for Python \^3\.11, but the project requires \^3\.12"),
        (pdm, "pdm.lock", '"web"\nversion = "1.0"', '"web"\nversion = "0.9"', r"it has web 0\.9, but .* web>=1"),
    ],
)
def test_lock_that_contradicts_its_project_is_refused(
    index: Index,
    hashes: Hashes,
    tmp_path: Path,
    write: Callable[[Hashes, Path], Project],
    file: str,
    old: str,
    new: str,
    words: str,
) -> None:
    place = tmp_path / "app"
    place.mkdir()
    described = write(hashes, place)
    if write is poetry:
        with (place / "poetry.lock").open("a") as lock:
            lock.write('\n[metadata]\npython-versions = "^3.11"\n')
    text = (place / file).read_text()
    assert old in text
    (place / file).write_text(text.replace(old, new, 1))
    with pytest.raises(SettingsError, match=words):
        pinned(index, tmp_path, described)


def private_poetry(place: Path, url: str, lock: str) -> Project:
    (place / "poetry.lock").write_text(lock)
    text = f'[tool.poetry.dependencies]\nweb = "*"\n[[tool.poetry.source]]\nname = "corp"\nurl = "{url}"\n'
    (place / "pyproject.toml").write_text(text)
    return Project(place, "app", "1.0", "", None, (), (), "", ())


def private_pdm(place: Path, url: str, lock: str) -> Project:
    (place / "pdm.lock").write_text(lock)
    (place / "pyproject.toml").write_text(f'[[tool.pdm.source]]\nname = "corp"\nurl = "{url}"\n')
    return project(place, "web")


def private_pipfile(place: Path, url: str, lock: str) -> Project:
    sources = [{"name": "pypi", "url": "http://127.0.0.1:9/"}, {"name": "corp", "url": url}]
    default = {"web": {"version": "==1.0", "hashes": []}}
    (place / "Pipfile.lock").write_text(json.dumps({"_meta": {"sources": sources}, "default": default}))
    return project(place)


@pytest.mark.parametrize("write", [private_poetry, private_pdm, private_pipfile])
def test_index_that_the_project_names_is_asked_and_gets_no_credentials_by_its_name(
    index: Index, tmp_path: Path, write: Callable[[Path, str, str], Project]
) -> None:
    place = tmp_path / "app"
    place.mkdir()
    with serve(tmp_path / "private") as private:
        make_wheel(private.directory, "web", "1.0")
        described = write(place, private.url, '[[package]]\nname = "web"\nversion = "1.0"\nfiles = []\n')
        (tmp_path / "work").mkdir()
        lock = find_lock(place)
        assert lock is not None

        def pinned_names(**more: str) -> list[str]:
            uv = find_uv(index.environ(**more), cache=tmp_path / "uv")
            return [p.name for p in resolve_locked(described, lock, TARGET, uv, workspace=tmp_path / "work")]

        assert pinned_names() == ["web"]
        private.password = "hunter2"
        with pytest.raises(GrockerError) as caught:
            pinned_names(UV_INDEX_CORP_USERNAME="user", UV_INDEX_CORP_PASSWORD="hunter2", UV_NO_CACHE="1")
        assert caught.value.status == 77


@pytest.mark.parametrize("labels", [("pypi", "org"), ("pypi", "python", "org")])
def test_public_index_stands_for_the_hosts_under_any_name(
    index: Index, tmp_path: Path, labels: tuple[str, ...]
) -> None:
    """Neither address is asked: the test has no network."""
    make_wheel(index.directory, "web", "1.0")
    sources = [{"url": f"https://{'.'.join(labels)}/simple"}]
    default = {"web": {"version": "==1.0", "hashes": []}}
    (tmp_path / "Pipfile.lock").write_text(json.dumps({"_meta": {"sources": sources}, "default": default}))
    lock = find_lock(tmp_path)
    assert lock is not None
    uv = find_uv(index.environ(), cache=tmp_path / "uv")
    (tmp_path / "work").mkdir()
    found = resolve_locked(project(tmp_path), lock, TARGET, uv, workspace=tmp_path / "work")
    assert [pin.name for pin in found] == ["web"]


def test_highest_version_that_supports_the_python_counts_when_poetry_has_several(
    index: Index, tmp_path: Path, hashes: Hashes
) -> None:
    make_wheel(index.directory, "dep", "3.0", files={"dep/v.py": "3.0"})
    (tmp_path / "pyproject.toml").write_text('[tool.poetry.dependencies]\npython = "*"\nweb = "*"\n')
    lock = tables(hashes, "web")
    for version, pythons in (("1.0", ">=3.9"), ("2.0", ">=3.11"), ("3.0", ">=3.14")):
        known = f', hash = "sha256:{hashes["dep", version]}"' if version != "3.0" else ', hash = "sha256:00"'
        lock += f'[[package]]\nname = "dep"\nversion = "{version}"\npython-versions = "{pythons}"\n'
        lock += f'files = [{{file = "x.whl"{known}}}]\n'
    (tmp_path / "poetry.lock").write_text(lock + '[metadata]\npython-versions = "*"\n')
    assert pinned(index, tmp_path, project(tmp_path)) == {"web": "1.0", "dep": "2.0"}
