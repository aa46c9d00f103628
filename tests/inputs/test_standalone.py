"""Standalone interpreters of a build: listed once, fetched once, kept to the lock."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker import digest
from grocker.context import Context
from grocker.errors import CorruptError, MissingError, UnavailableError
from grocker.inputs.standalone import StandaloneSource
from grocker.lock.values import StandalonePython
from grocker.platforms.suites import SUITES, nearest_suites
from grocker.platforms.target import select_target
from grocker.progress import Silent
from grocker.python import Uv, find_uv
from grocker.store import Store
from grocker.web import Transport
from tests.support.standalone import Archive, file_name, serve, write_archive

AMD64 = select_target("trixie", "linux/amd64", "3.12.16")
ARM64 = select_target("trixie", "linux/arm64", "3.12.16")
FILES: dict[str, bytes | str] = {"bin/python3.12": b"\x7fELF", "lib/python3.12/os.py": b"name = 'posix'\n"}


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    with Store.open(tmp_path / "cache") as store, Transport(environ={}) as transport:
        yield Context(store, transport, Silent(), {}, 1e9)


def uv(tmp_path: Path, address: str) -> Uv:
    environ = {"HOME": str(tmp_path / "home"), "UV_HTTP_RETRIES": "0", "UV_PYTHON_DOWNLOADS_JSON_URL": address}
    return find_uv(environ, cache=tmp_path / "uv")


def archives(place: Path, build: str = "20261110") -> list[Archive]:
    """One for each architecture, in the directory of their release."""
    return [
        write_archive(
            place / build,
            "3.12.16",
            {**FILES, "bin/python": architecture.encode()},
            architecture=architecture,
            build=build,
        )
        for architecture in ("amd64", "arm64")
    ]


def test_each_architecture_has_its_archive(context: Context, tmp_path: Path) -> None:
    served = tmp_path / "served"
    made = archives(served)
    with serve(served, made) as address:
        source = StandaloneSource(context, uv(tmp_path, address))
        found = [source.find(AMD64), source.find(ARM64)]
        files = {entry.path for entry in source.read(ARM64)}
    assert [one.sha256 for one in found] == [f"sha256:{one.sha256}" for one in made]
    assert [one.file for one in found] == [one.path.name for one in made]
    assert {(one.version, one.build) for one in found} == {("3.12.16", "20261110")}
    assert [one.size for one in found] == [one.path.stat().st_size for one in made]
    assert files == {"opt/python/bin/python", "opt/python/bin/python3.12", "opt/python/lib/python3.12/os.py"}


def test_nothing_is_asked_again_when_the_cache_is_warm(context: Context, tmp_path: Path) -> None:
    served = tmp_path / "served"
    with serve(served, archives(served)) as address:
        source = StandaloneSource(context, uv(tmp_path, address))
        found = source.find(AMD64)
    assert source.find(AMD64) == found
    assert source.fetch(AMD64, found).stat().st_size == found.size


def test_locked_archive_is_fetched_again_also_when_uv_knows_a_newer_build(context: Context, tmp_path: Path) -> None:
    served = tmp_path / "served"
    old = archives(served, "20261001")
    with serve(served, old) as address:
        locked = StandaloneSource(context, uv(tmp_path, address)).find(AMD64)
    new = archives(served, "20261110")
    for known in (old, new):
        shutil.rmtree(context.store.root / "downloads")
        (context.store.root / "downloads").mkdir()
        with serve(served, known) as address:
            source = StandaloneSource(context, uv(tmp_path, address), refresh=True, locked={"linux/amd64": locked})
            assert source.find(AMD64) == locked
            assert source.fetch(AMD64, locked).read_bytes() == old[0].path.read_bytes()


def test_other_archive_under_the_locked_name_is_refused(context: Context, tmp_path: Path) -> None:
    served = tmp_path / "served"
    [made, _] = archives(served)
    other = StandalonePython("3.12.16", "20261110", made.path.name, 5, digest.of(b"other"))
    with serve(served, [made]) as address:
        source = StandaloneSource(context, uv(tmp_path, address), locked={"linux/amd64": other})
        with pytest.raises(CorruptError, match=f"expected {other.sha256}, got sha256:{made.sha256}"):
            source.fetch(AMD64, other)


def test_version_that_uv_does_not_know_is_an_error_with_those_that_there_are(context: Context, tmp_path: Path) -> None:
    served = tmp_path / "served"
    with serve(served, archives(served)) as address:
        source = StandaloneSource(context, uv(tmp_path, address))
        with pytest.raises(MissingError, match=r"^no standalone Python 3\.12\.4 for amd64$") as raised:
            source.find(select_target("trixie", "linux/amd64", "3.12.4"))
    assert (raised.value.hint or "").endswith("or a standalone one: 3.12")


def test_unreachable_server_is_an_error_with_debians_nearest_python(context: Context, tmp_path: Path) -> None:
    served = tmp_path / "served"
    with serve(served, archives(served)) as address:
        source = StandaloneSource(context, uv(tmp_path, address))
        source.list()
    with pytest.raises(UnavailableError) as raised:
        source.find(AMD64)
    assert raised.value.message.startswith("fetching Python 3.12.16: ")
    assert "UV_PYTHON_INSTALL_MIRROR" in (raised.value.hint or "")
    assert (raised.value.hint or "").endswith('set python = "3.13" in [tool.grocker]')


@pytest.mark.parametrize(
    ("series", "suite"), [("3.9", "bookworm"), ("3.12", "trixie"), ("3.13t", "trixie"), ("3.15", "forky")]
)
def test_nearest_suite_is_the_next_newer_one(series: str, suite: str) -> None:
    assert nearest_suites(SUITES.values(), series)[0].name == suite


def test_file_of_the_cache_is_no_interpreter_because_a_lock_says_so(context: Context, tmp_path: Path) -> None:
    """A project's wheel or sdist may be in the cache, and its lock may say anything."""
    served = tmp_path / "served"
    made = archives(served)
    planted = tmp_path / "planted"
    planted.write_bytes(b"planted")
    sha256 = context.store.add_wheel(planted)
    with serve(served, made) as address:
        for build in ("20261110", "20261001"):
            file = file_name("3.12.16", build=build)
            locked = StandalonePython("3.12.16", build, file, 7, sha256)
            source = StandaloneSource(context, uv(tmp_path, address), locked={"linux/amd64": locked})
            with pytest.raises((CorruptError, MissingError)):
                source.read(AMD64)


def test_project_cannot_say_where_interpreters_come_from(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    served = tmp_path / "served"
    with serve(served, archives(served)) as address:
        (project / "pyproject.toml").write_text(f'[tool.uv]\npython-downloads-json-url = "{address}"\n')
        environ = {"HOME": str(tmp_path / "home")}
        found = StandaloneSource(context, find_uv(environ, cache=tmp_path / "uv")).list()
    assert len(found) > 100


def test_password_of_a_mirror_is_neither_kept_nor_told(context: Context, tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path / "home"),
        "UV_HTTP_RETRIES": "0",
        "UV_PYTHON_INSTALL_MIRROR": "http://me:pass-word@127.0.0.1:9/releases",
    }
    source = StandaloneSource(context, find_uv(environ, cache=tmp_path / "uv"))
    newest = next(one for one in source.list() if one.version.startswith("3.12.") and one.architecture == "amd64")
    with pytest.raises(UnavailableError) as raised:
        source.find(select_target("trixie", "linux/amd64", newest.version))
    assert "pass-word" not in f"{raised.value.message} {raised.value.hint}"
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and b"pass-word" in path.read_bytes()]
    assert kept == []
