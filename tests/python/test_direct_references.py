"""Requirements with a source of their own: git repositories, directories, archives, wheels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker.context import Context
from grocker.errors import GrockerError
from grocker.lock.values import PythonFile
from grocker.progress import Silent
from grocker.python import Pin, Project, SdistBuilder, WheelTarget, find_lock, find_uv, resolve, resolve_locked
from grocker.python.opened_sources import is_current, locked_source
from grocker.store import Store
from grocker.web import Transport
from tests.support.repositories import commit, git
from tests.support.wheels import Index, make_project, make_source, make_wheel, serve

pytestmark = pytest.mark.slow

TARGET = WheelTarget("3.13", "amd64", (2, 41))


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with serve(tmp_path / "index") as index:
        yield index


class Place:
    """A store, an index and a project's directory."""

    def __init__(self, stack: ExitStack, index: Index, root: Path) -> None:
        self.store = stack.enter_context(Store.open(root / "cache"))
        environ = index.environ()
        self.uv = find_uv(environ, cache=root / "cache" / "uv")
        self.project = root / "project"
        self.project.mkdir(exist_ok=True)
        self.progress = Silent()
        environ = {**environ, "PATH": "/usr/local/bin:/usr/bin:/bin"}
        self.context = Context(self.store, Transport(environ={}), self.progress, environ, 1_700_000_000.0)
        self.builder = SdistBuilder(self.context, self.uv, str(TARGET), self.project)

    def resolve(self, *requirements: str) -> dict[str, Pin]:
        with self.store.scratch() as scratch:
            pins = resolve(
                requirements, TARGET, self.uv, workspace=scratch, directory=self.project, builder=self.builder
            )
        return {pin.name: pin for pin in pins}

    def resolve_locked(self, *dependencies: str) -> dict[str, Pin]:
        lock = find_lock(self.project)
        assert lock is not None
        described = Project(self.project, "app", "1.0", "", dependencies, (), (), "", ())
        with self.store.scratch() as scratch:
            pins = resolve_locked(described, lock, TARGET, self.uv, workspace=scratch, builder=self.builder)
        return {pin.name: pin for pin in pins}


@pytest.fixture
def place(index: Index, tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(stack, index, tmp_path)


def repository(directory: Path, name: str, requires: str = "") -> str:
    make_project(directory, name=name, metadata=requires)
    return commit(directory, {})


def test_git_dependency_is_built_at_its_reference_with_what_it_requires(
    index: Index, place: Place, tmp_path: Path
) -> None:
    make_wheel(index.directory, "dep")
    inner = repository(tmp_path / "inner", "inner")
    metadata = f"Requires-Dist: inner @ git+file://{tmp_path}/inner\nRequires-Dist: dep; extra == 'more'\n"
    first = repository(tmp_path / "lib", "lib", f"{metadata}Provides-Extra: more\n")
    git(tmp_path / "lib", "tag", "v1")
    commit(tmp_path / "lib", {"lib/__init__.py": "NEW = 1\n"})
    url = f"git+file://{tmp_path}/lib"
    pins: dict[str, Pin] = {}
    for reference in (first, "v1", first[:10]):
        pins = place.resolve(f"lib[more] @ {url}@{reference}")
        assert {name: pin.source for name, pin in pins.items()} == {
            "dep": "",
            "inner": f"git+file://{tmp_path}/inner@{inner}",
            "lib": f"{url}@{first}",
        }
    newest = place.resolve(f"lib @ {url}")["lib"]
    assert newest.source == f"{url}@{git(tmp_path / 'lib', 'rev-parse', 'HEAD')}"
    assert newest.sha256 != pins["lib"].sha256
    assert place.resolve("dep", f"lib @ {url} ; sys_platform == 'win32'").keys() == {"dep"}


def test_locked_git_dependency_is_built_again_and_is_the_same(place: Place, tmp_path: Path) -> None:
    repository(tmp_path / "mono", "top")
    make_project(tmp_path / "mono" / "libs" / "lib", name="lib")
    commit(tmp_path / "mono", {})
    pin = place.resolve(f"lib @ git+file://{tmp_path}/mono#subdirectory=libs/lib")["lib"]
    commit(tmp_path / "mono", {"libs/lib/lib/__init__.py": "NEW = 1\n"})
    file = PythonFile(pin.name, pin.version, pin.file, "source", 0, pin.sha256, "", pin.build, pin.source)
    source = locked_source(file.source, "lib", place.project)
    assert not isinstance(source, str)
    assert place.builder.rebuild(file, source).sha256 == pin.sha256
    with pytest.raises(GrockerError, match="the locked wheel is sha256:0000"):
        place.builder.rebuild(replace(file, sha256="sha256:" + "0" * 64), source)


def test_credentials_of_a_git_address_are_not_kept(place: Place, tmp_path: Path) -> None:
    repository(tmp_path / "lib", "lib")
    pin = place.resolve(f"lib @ git+file://joe:hunter2@{tmp_path}/lib")["lib"]
    assert "hunter2" not in repr(pin)
    held = [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]
    assert held == []


def test_directory_dependency_is_built_again_when_it_changes(place: Place, tmp_path: Path) -> None:
    make_project(tmp_path / "libs" / "lib", name="lib")
    pin = place.resolve(f"lib @ file://{tmp_path}/libs/lib")["lib"]
    assert (pin.source, pin.sdist is not None) == ("path:../libs/lib", True)
    file = PythonFile(pin.name, pin.version, pin.file, "source", 0, pin.sha256, pin.sdist or "", (), pin.source)
    assert is_current(place.context, file, place.project)
    (tmp_path / "libs" / "lib" / "lib" / "__init__.py").write_text("NEW = 1\n")
    assert not is_current(place.context, file, place.project)
    assert place.resolve(f"lib @ file://{tmp_path}/libs/lib")["lib"].sha256 != pin.sha256


def test_uv_sources_count_without_a_lock(index: Index, place: Place, tmp_path: Path) -> None:
    make_wheel(index.directory, "plain")
    make_wheel(index.directory, "one", "9.0")  # a stranger's, under the same name
    make_project(tmp_path / "one", name="one")
    repository(tmp_path / "two", "two", "Requires-Dist: one\n")
    (place.project / "pyproject.toml").write_text(
        f'[tool.uv.sources]\none = {{path = "../one"}}\ntwo = {{git = "file://{tmp_path}/two", branch = "main"}}\n'
    )
    pins = place.resolve("one", "two", "plain")
    assert {name: (pin.version, pin.source[:4]) for name, pin in pins.items()} == {
        "one": ("1.0", "path"),
        "two": ("1.0", "git+"),
        "plain": ("1.0", ""),
    }


def test_sdists_and_wheels_come_from_addresses(index: Index, place: Place) -> None:
    make_source(index.directory, "old", "3.0")
    make_wheel(index.directory, "new", "4.0", requires=["old"])
    base = index.url.removesuffix("/simple") + "/files"
    path = make_source(place.project / "sent", "sent", "5.0")
    pins = place.resolve(
        f"new @ {base}/new-4.0-py3-none-any.whl",
        f"old @ {base}/old-3.0.tar.gz",
        f"sent @ {path.as_uri()}#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}",
    )
    assert {name: pin.source.replace(base, "BASE") for name, pin in pins.items()} == {
        "new": "archive+BASE/new-4.0-py3-none-any.whl",
        "old": "archive+BASE/old-3.0.tar.gz",
        "sent": "archive+file://" + str(path),
    }


@pytest.mark.parametrize(
    ("requirement", "status", "words", "hint"),
    [
        ("lib @ git+file://PLACE/lib@gone", 66, "the repository has no branch, tag or commit 'gone'", "git ls-remote"),
        (f"lib @ git+file://PLACE/lib@{'1' * 40}", 66, f"has no commit '{'1' * 40}'", "git ls-remote file://"),
        ("lib @ git+file://PLACE/nowhere", 66, "no such repository", "git ls-remote file://"),
        ("lib @ git+http://127.0.0.1:9/lib", 69, "git failed", "git ls-remote http://127.0.0.1:9/lib"),
        ("lib @ git+file://PLACE/lib#subdirectory=x", 66, "has no directory 'x' at that commit", "subdirectory"),
        ("other @ git+file://PLACE/lib", 65, "its back end built lib-1.0-py3-none-any.whl instead", "version"),
        ("lib @ hg+https://example.invalid/lib", 78, "the only supported version control system is git", "git+https"),
        ("lib @ ftp://example.invalid/lib-1.0.tar.gz", 78, "cannot install from ftp://", "git+https"),
        ("lib @ file://PLACE/nowhere", 66, "nowhere does not exist", "fix its path"),
        ("lib @ file://PLACE/nowhere-1.0.tar.gz", 66, "nowhere-1.0.tar.gz: No such file", "fix the path"),
        ("lib @ https://example.invalid/lib.exe", 78, "cannot install from https://", "git+https"),
    ],
)
def test_source_that_cannot_be_had_is_one_clear_error(
    place: Place, tmp_path: Path, requirement: str, status: int, words: str, hint: str
) -> None:
    repository(tmp_path / "lib", "lib")
    with pytest.raises(GrockerError) as caught:
        place.resolve(requirement.replace("PLACE", str(tmp_path)))
    error = caught.value
    assert (error.status, words in error.message, hint in str(error.hint)) == (status, True, True), (
        error.message,
        error.hint,
    )


def test_host_without_git_is_named(place: Place, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    context = replace(place.context, environ={**place.context.environ, "PATH": str(tmp_path / "empty")})
    place.builder = replace(place.builder, context=context)
    with pytest.raises(GrockerError, match="this host has no git") as caught:
        place.resolve("lib @ git+https://example.invalid/lib")
    assert "install git" in str(caught.value.hint)


def test_submodules_are_fetched_when_the_settings_say_so(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(tmp_path / "part", {"part.py": "PART = 1\n"})
    repository(tmp_path / "lib", "lib")
    git(
        tmp_path / "lib",
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "add",
        "-q",
        f"file://{tmp_path}/part",
        "lib/part",
    )
    commit(tmp_path / "lib", {})
    requirement = f"lib @ git+file://{tmp_path}/lib"
    without = place.resolve(requirement)["lib"]
    assert [text for text, _ in place.progress.warnings] == [f"the submodules of file://{tmp_path}/lib are not fetched"]
    place.builder = replace(place.builder, submodules=True)
    assert place.resolve(requirement)["lib"].size > (without.size or 0)  # type: ignore[operator]


def _pylock(lib: str, place: Path) -> str:
    return (
        f'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "lib"\n'
        f'vcs = {{type = "git", url = "file://{place}/lib", commit-id = "{lib}"}}\n'
        '[[packages]]\nname = "near"\ndirectory = {path = "../near"}\n'
    )


def _poetry(lib: str, place: Path) -> str:
    return (
        '[[package]]\nname = "lib"\nversion = "1.0"\nfiles = []\n'
        f'[package.source]\ntype = "git"\nurl = "file://{place}/lib"\nresolved_reference = "{lib}"\n'
        '[[package]]\nname = "near"\nversion = "1.0"\nfiles = []\n'
        '[package.source]\ntype = "directory"\nurl = "../near"\n'
        '[[package]]\nname = "tool"\nversion = "1.0"\ngroups = ["dev"]\nfiles = []\n'
        '[package.source]\ntype = "git"\nurl = "file:///nowhere"\nresolved_reference = "x"\n'
    )


def _pdm(lib: str, place: Path) -> str:
    return (
        f'[[package]]\nname = "lib"\nversion = "1.0"\ngroups = ["default"]\ngit = "file://{place}/lib"\n'
        f'revision = "{lib}"\n[[package]]\nname = "near"\nversion = "1.0"\ngroups = ["default"]\npath = "../near"\n'
        '[[package]]\nname = "tool"\nversion = "1.0"\ngroups = ["dev"]\ngit = "file:///nowhere"\nrevision = "x"\n'
    )


def _pipfile(lib: str, place: Path) -> str:
    return (
        f'{{"default": {{"lib": {{"git": "file://{place}/lib", "ref": "{lib}"}}, "near": {{"path": "../near"}}}},'
        ' "develop": {"tool": {"git": "file:///nowhere", "ref": "x"}}}'
    )


@pytest.mark.parametrize(
    ("name", "write"),
    [("pylock.toml", _pylock), ("poetry.lock", _poetry), ("pdm.lock", _pdm), ("Pipfile.lock", _pipfile)],
)
def test_lock_files_pin_commits_and_directories(
    place: Place, tmp_path: Path, name: str, write: Callable[[str, Path], str]
) -> None:
    first = repository(tmp_path / "lib", "lib")
    commit(tmp_path / "lib", {"lib/__init__.py": "NEW = 1\n"})
    make_project(tmp_path / "near", name="near")
    dependencies = '"lib", "near"' if name != "poetry.lock" else ""
    poetry = '[tool.poetry.dependencies]\nlib = {git = "x"}\nnear = {path = "../near"}\n'
    (place.project / "pyproject.toml").write_text(f'[project]\nname = "app"\ndependencies = [{dependencies}]\n{poetry}')
    (place.project / name).write_text(write(first, tmp_path))
    pins = place.resolve_locked(*(("lib", "near") if dependencies else ()))
    assert {name: pin.source for name, pin in pins.items()} == {
        "lib": f"git+file://{tmp_path}/lib@{first}",
        "near": "path:../near",
    }
