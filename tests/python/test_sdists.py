"""Packages that publish an sdist alone get a wheel, built by their own back end."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker import command
from grocker.context import Context
from grocker.digest import from_hex
from grocker.errors import CorruptError, GrockerError, MissingError, UnavailableError
from grocker.lock.values import PythonFile
from grocker.progress import Silent
from grocker.python import (
    BuildRoot,
    Pin,
    SdistBuilder,
    WheelTarget,
    check_hashes,
    find_lock,
    find_sdist,
    find_uv,
    parse_requirement_files,
    read_project,
    read_requirement_files,
    resolve,
    resolve_locked,
)
from grocker.python.backend import environment
from grocker.python.build import resolve_build
from grocker.python.built_wheels import MAXIMUM_SDISTS
from grocker.python.pylock import read_pylock
from grocker.python.uv import NoWheelError
from grocker.sandbox import run
from grocker.sandbox.run import NoSandboxError, find_isolation
from grocker.store import Store
from grocker.web import Transport
from tests.support.wheels import Index, make_sdist, make_source, make_wheel, serve

pytestmark = pytest.mark.slow

TARGET = WheelTarget("3.13", "amd64", (2, 41))
NOW = 1_700_000_000.0
NATIVE = "cp311-cp311-linux_x86_64"
COMPILE = "import subprocess; subprocess.run([os.environ['CC'], '-c', 'x.c'], check=True)"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with serve(tmp_path / "index") as index:
        yield index


@pytest.fixture
def places(index: Index, tmp_path: Path) -> Iterator[Places]:
    """Makes places with a cache each; the same name is the same cache."""
    with ExitStack() as stack:

        def place(cache: str = "cache", **environ: str) -> Place:
            store = stack.enter_context(Store.open(tmp_path / cache))
            return Place(store, index, tmp_path / cache / "uv", **environ)

        yield place


class Builds(Silent):
    """Keeps what is built."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: list[str] = []

    def task(self, what: str, total: int | None = None):  # type: ignore[no-untyped-def]
        self.tasks.append(what)
        return super().task(what, total)

    @property
    def built(self) -> list[str]:
        return [what.removeprefix("building ") for what in self.tasks if what.startswith("building ")]


class Place:
    """A store, an index and what is reported."""

    def __init__(self, store: Store, index: Index, cache: Path, **environ: str) -> None:
        self.store = store
        self.progress = Builds()
        environ = index.environ(**environ)
        self.uv = find_uv(environ, cache=cache)
        self.context = Context(store, Transport(environ={}), self.progress, environ, NOW)
        self.builder = SdistBuilder(self.context, self.uv, str(TARGET))

    def resolve(self, *requirements: str) -> tuple[Pin, ...]:
        with self.store.scratch() as scratch:
            return resolve(requirements, TARGET, self.uv, workspace=scratch, builder=self.builder)

    def refused(self, *requirements: str) -> GrockerError:
        with pytest.raises(GrockerError) as caught:
            self.resolve(*requirements)
        return caught.value


def test_pure_sdist_is_built_at_the_version_that_fits(index: Index, places: Places) -> None:
    for version in ("1.0", "1.1", "2.0"):
        make_source(index.directory, "old", version, requires=["dep"] if version == "1.1" else [])
    make_wheel(index.directory, "dep")
    make_wheel(index.directory, "app", requires=["old<2"])
    place = places()
    pins = place.resolve("app")
    assert [(pin.name, pin.version) for pin in pins] == [("app", "1.0"), ("dep", "1.0"), ("old", "1.1")]
    [old] = [pin for pin in pins if pin.sdist is not None]
    sdist = (index.directory / "old-1.1.tar.gz").read_bytes()
    assert (old.file, old.sdist) == ("old-1.1-py3-none-any.whl", "sha256:" + hashlib.sha256(sdist).hexdigest())
    path = place.store.sound_download(old.sha256)
    assert path is not None
    assert (path.stat().st_size, path.as_uri()) == (old.size, old.url)
    assert place.progress.built == ["old 1.1 from its sdist"]


def test_sdists_of_sdists_are_built_until_everything_resolves(index: Index, places: Places) -> None:
    make_source(index.directory, "one", requires=["two>=1"])
    make_source(index.directory, "two", requires=["three; python_version >= '3.13'", "no; sys_platform == 'win32'"])
    make_source(index.directory, "three")
    assert [pin.name for pin in places().resolve("one")] == ["one", "three", "two"]


def test_wheel_of_an_sdist_is_kept(index: Index, places: Places) -> None:
    make_source(index.directory, "old")
    first = places().resolve("old")
    again = places()
    assert again.resolve("old") == first
    assert again.progress.built == []


def test_older_wheel_is_taken_when_the_newest_version_has_none(index: Index, places: Places) -> None:
    make_wheel(index.directory, "mixed", "1.0")
    make_source(index.directory, "mixed", "2.0")
    assert [pin.version for pin in places().resolve("mixed")] == ["1.0"]
    assert [pin.version for pin in places().resolve("mixed>1")] == ["2.0"]


def test_build_requirements_come_from_the_index_as_wheels_and_as_sdists(index: Index, places: Places) -> None:
    make_wheel(index.directory, "tool", "3.0", {"tool.py": "VALUE = 3\n"}, requires=["nested"])
    make_source(index.directory, "nested")
    make_source(index.directory, "old", build_requires=["tool>=2"], extra="import tool, nested; assert tool.VALUE == 3")
    [pin] = places().resolve("old")
    assert pin.build == ("nested==1.0", "tool==3.0")


def has_sandbox(place: Path) -> bool:
    """Whether this host gives this user a sandbox that shows the host's programs."""
    place.mkdir()
    try:
        return find_isolation(place) != "chroot"
    except NoSandboxError:
        return False


@pytest.mark.parametrize("where", ["sdist", "build requirement", "what is asked for late"])
def test_back_end_of_a_dependency_sees_no_file_of_this_host(
    index: Index, places: Places, tmp_path: Path, where: str
) -> None:
    if not has_sandbox(tmp_path / "sandbox"):
        pytest.skip("this host allows no sandbox with namespaces")
    (tmp_path / "secret").write_text("leaked")
    hidden = [str(tmp_path / "secret"), str(Path.home())]
    look = f"import sys; assert [os.getuid(), sys.prefix, *filter(os.path.exists, {hidden})] == [65534, '/env']"
    make_source(index.directory, "tool", extra=look)
    needs = ["tool"] if where == "build requirement" else []
    path = make_source(index.directory, "old", build_requires=needs, extra=look)
    if where == "what is asked for late":
        append(path, "old-1.0/backend.py", "\ndef get_requires_for_build_wheel(settings=None): return ['tool']\n")
    place = places()
    [pin] = place.resolve("old")
    assert pin.file == "old-1.0-py3-none-any.whl"
    assert ("tool 1.0 from its sdist" in place.progress.built) == (where != "sdist")


def test_sdist_is_built_outside_of_a_sandbox_where_the_host_allows_none(
    index: Index, places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "refusing.py").write_text("import sys; sys.exit('unshare: Operation not permitted')\n")
    monkeypatch.setattr(run, "_ENTER", tmp_path / "refusing.py")
    (tmp_path / "file").touch()
    make_source(index.directory, "old", extra=f"assert os.path.exists({str(tmp_path / 'file')!r})")
    assert [pin.file for pin in places().resolve("old")] == ["old-1.0-py3-none-any.whl"]


def append(archive: Path, member: str, text: str) -> None:
    """Append text to a member of an sdist."""
    with tarfile.open(archive) as opened:
        files = {one.name: (one, opened.extractfile(one).read() if one.isreg() else b"") for one in opened}  # type: ignore[union-attr]
    with tarfile.open(archive, "w:gz") as opened:
        for name, (about, data) in files.items():
            whole = data + text.encode() if name == member else data
            about.size = len(whole)
            opened.addfile(about, io.BytesIO(whole))


@pytest.mark.parametrize("requires", [{"old": "old"}, {"old": "one", "one": "two", "two": "old"}])
def test_build_requirements_that_need_themselves_are_one_clear_error(
    index: Index, places: Places, requires: dict[str, str]
) -> None:
    for name, needed in requires.items():
        make_source(index.directory, name, build_requires=[needed])
    error = places().refused("old")
    assert error.status == 65
    assert error.message.endswith(" needs ".join(("need themselves to be built: old", *requires.values())))
    assert error.hint == "choose a version that has a wheel, or one that builds"


def test_build_requirement_that_needs_a_compiler_is_named(index: Index, places: Places) -> None:
    make_source(index.directory, "tool", extra=COMPILE)
    make_source(index.directory, "old", build_requires=["tool"])
    assert places().refused("old").message.startswith("tool 1.0 (required by old): no wheel for")


def test_build_requirement_may_lack_its_extension_also_if_another_suite_is_tried_next(
    index: Index, places: Places
) -> None:
    make_source(index.directory, "fast", tag=NATIVE)
    make_source(index.directory, "old", build_requires=["fast"], extra="import fast")
    place = places()
    place.builder = replace(place.builder, has_alternatives=True, toolchain=Refusing())
    assert [pin.file for pin in place.resolve("old")] == ["old-1.0-py3-none-any.whl"]


def test_sdist_of_a_pinned_build_requirement_is_the_pinned_one(index: Index, places: Places, tmp_path: Path) -> None:
    sdist = make_source(index.directory, "tool")
    place = places()
    (tmp_path / "work").mkdir()
    builder = replace(place.builder, is_pure=True)
    [pin] = resolve_build(["tool"], place.uv, workspace=tmp_path / "work", builder=lambda: builder)
    assert pin.hashes == ("sha256:" + hashlib.sha256(sdist.read_bytes()).hexdigest(),)
    tree = environment(place.store, place.uv, [pin], tmp_path, lambda: place.builder)
    assert list(tree.glob("lib/python3*/site-packages/tool"))
    make_source(index.directory, "tool", extra="pass; pass")
    with pytest.raises(CorruptError, match="hash mismatch"):
        environment(places("other").store, place.uv, [pin], tmp_path, lambda: place.builder)


def test_error_names_package_and_shows_the_back_ends_last_lines(index: Index, places: Places) -> None:
    make_source(index.directory, "broken", extra="raise RuntimeError('no way')")
    make_wheel(index.directory, "app", requires=["broken"])
    place = places()
    error = place.refused("app")
    assert error.status == 65
    assert error.message.startswith("building broken 1.0 from its sdist, required by app: its build back end failed:")
    assert error.message.endswith("RuntimeError: no way")
    assert error.hint == "choose a version that has a wheel, or one that builds"
    assert str(place.store.root) not in error.message
    place.builder = replace(place.builder, has_alternatives=True)  # it counts as a wheel that is missing
    assert place.refused("app").message.startswith("broken 1.0 (required by app) (RuntimeError: no way): no wheel for")


def test_build_requirement_that_does_not_exist_is_an_error_that_names_the_sdist(index: Index, places: Places) -> None:
    make_source(index.directory, "old", build_requires=["nosuch"])
    error = places().refused("old")
    assert error.status == 66
    assert "building old 1.0 from its sdist: " in error.message
    assert "nosuch" in error.message


def test_sdist_without_anything_to_build_is_an_error(index: Index, places: Places) -> None:
    make_sdist(index.directory, "bare", files={"pyproject.toml": "[tool.other]\n"})
    error = places().refused("bare")
    assert error.status == 65
    assert error.message == (
        "building bare 1.0 from its sdist: reading the project: pyproject.toml has neither [project] nor [build-system]"
    )


def test_all_sdists_that_need_a_compiler_are_named_with_who_asks_and_what_has_a_wheel(
    index: Index, places: Places
) -> None:
    code = {"native/_x.so": b"\x7fELF"}
    make_source(index.directory, "native", "1.0", tag=NATIVE, files=code, requires=["cc"])
    make_wheel(index.directory, "native", "2.0", tag="cp313-cp313-manylinux_2_28_x86_64")
    make_source(index.directory, "cc", extra=COMPILE, requires=["old"])
    make_wheel(index.directory, "cc", "1.0", tag="cp311-cp311-manylinux_2_28_x86_64")
    make_source(index.directory, "old")
    make_wheel(index.directory, "app", requires=["native<2"])
    error = places().refused("app")
    assert error.status == 66
    assert error.message == (
        "native 1.0 (required by app), cc 1.0 (required by native): no wheel for Python 3.13 on amd64 (glibc 2.41), "
        "and they need a compiler to build one"
    )
    assert error.hint == (
        'native 2.0 has a wheel; cc==1.0 has a wheel for Python 3.11: set debian.suite = "bookworm"; or build one '
        "on a machine with that compiler: python3.13 -m pip wheel --no-deps --wheel-dir wheels native==1.0 cc==1.0, "
        'and find-links = ["wheels"] in [tool.uv]'
    )


def test_package_with_binaries_under_another_name_is_not_built(index: Index, places: Places) -> None:
    make_source(index.directory, "psycopg2")
    place = places()
    error = place.refused("psycopg2")
    assert "depend on psycopg2-binary instead of psycopg2" in str(error.hint)
    assert place.progress.built == []


def test_nothing_is_built_when_another_suite_has_the_wheel(index: Index, places: Places) -> None:
    make_source(index.directory, "fast", tag=NATIVE)
    make_wheel(index.directory, "fast", tag="cp311-cp311-manylinux_2_17_x86_64")
    make_wheel(index.directory, "app", requires=["fast==1.0"])
    place = places()
    place.builder = replace(place.builder, has_alternatives=True)
    error = place.refused("app")
    assert isinstance(error, NoWheelError)
    assert error.message.startswith("fast 1.0 (required by app): no wheel for Python 3.13")
    assert place.progress.built == []
    place.builder = replace(place.builder, has_alternatives=False)
    assert [pin.name for pin in place.resolve("app")] == ["app", "fast"]


class Refusing:
    """A toolchain that must not be used."""

    target = TARGET
    refusal = ""

    def suggest(self) -> str:
        return "add --emulate"

    def native_compiler(self) -> None:
        raise AssertionError

    def compose(self, packages: Sequence[str]) -> BuildRoot:
        raise AssertionError(packages)

    def compose_pure(self, packages: Sequence[str]) -> tuple[BuildRoot, WheelTarget]:
        raise AssertionError(packages)

    def find_packages(self, header: str) -> tuple[str, ...]:
        raise AssertionError(header)

    def find_libraries(self, wheel: Path, root: BuildRoot) -> tuple[str, ...]:
        raise AssertionError(wheel)


def test_nothing_is_compiled_when_another_suite_is_tried_next_or_the_host_cannot(index: Index, places: Places) -> None:
    make_source(index.directory, "native", tag=NATIVE, files={"native/_x.so": b"\x7fELF"})
    make_source(index.directory, "fast", tag=NATIVE)
    place = places()
    toolchain = Refusing()
    place.builder = replace(place.builder, has_alternatives=True, toolchain=toolchain)
    assert "native 1.0: no wheel" in place.refused("native").message
    place.builder = replace(place.builder, has_alternatives=False)
    with pytest.raises(AssertionError):
        place.resolve("native")
    assert [pin.file for pin in place.resolve("fast")] == ["fast-1.0-py3-none-any.whl"]
    toolchain.refusal = "cannot be compiled for arm64 on x86_64"
    refused = place.refused("native")
    assert "native 1.0 (cannot be compiled for arm64 on x86_64): no wheel" in refused.message
    assert str(refused.hint).startswith("add --emulate; choose a version that has a wheel")


def test_optional_extension_is_left_out_with_a_warning(index: Index, places: Places) -> None:
    make_source(index.directory, "fast", tag=NATIVE)
    place = places()
    [pin] = place.resolve("fast")
    assert pin.file == "fast-1.0-py3-none-any.whl"
    warned = "fast 1.0 has no wheel; it is built without its optional C extension"
    assert warned in str(place.progress.warnings)
    again = places()
    assert again.resolve("fast") == (pin,)
    assert warned in str(again.progress.warnings)
    again.builder = replace(again.builder, has_alternatives=True)
    assert "needs a compiler" in again.refused("fast").message
    assert again.progress.built == []


def test_back_end_that_builds_another_version_is_refused(index: Index, places: Places) -> None:
    path = make_source(index.directory, "liar", "1.0")
    path.rename(path.with_name("liar-3.0.tar.gz"))
    error = places().refused("liar")
    assert (error.status, "liar-1.0-py3-none-any.whl" in error.message) == (65, True)


def test_sdist_with_other_bytes_than_the_index_says_is_not_built(index: Index, places: Places) -> None:
    path = make_source(index.directory, "old")
    place = places()
    with place.store.scratch() as scratch:
        sdist = find_sdist(locked("old"), TARGET, place.uv, workspace=scratch)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(CorruptError, match="the sdist of old 1.0"):
        place.builder.build(sdist)
    assert place.progress.built == []


Places = Callable[..., Place]


def locked(name: str) -> PythonFile:
    return PythonFile(name, "1.0", f"{name}-1.0-py3-none-any.whl", "sdist", 1, from_hex("0" * 64))


def test_locked_wheel_is_the_same_on_an_empty_cache_though_build_requirements_moved_on(
    index: Index, places: Places
) -> None:
    extra = "import tool; pathlib.Path('old/made.py').write_text(f'BY = {tool.VALUE}')"
    make_wheel(index.directory, "tool", "1.0", {"tool.py": "VALUE = 1\n"})
    make_source(index.directory, "old", build_requires=["tool"], extra=extra)
    [pin] = places().resolve("old")
    make_wheel(index.directory, "tool", "2.0", {"tool.py": "VALUE = 2\n"})
    other = places("other")
    assert pin.sdist is not None
    file = replace(locked("old"), sha256=pin.sha256, sdist=pin.sdist, build=pin.build)
    with other.store.scratch() as scratch:
        sdist = find_sdist(file, TARGET, other.uv, workspace=scratch)
    assert other.builder.rebuild(file, sdist).sha256 == pin.sha256
    assert other.progress.built == ["old 1.0 from its sdist"]
    [unlocked] = other.resolve("old")
    assert unlocked.sha256 != pin.sha256
    with pytest.raises(CorruptError, match="the locked wheel is sha256:0000") as caught:
        other.builder.rebuild(replace(file, sha256=from_hex("0" * 64)), sdist)
    assert "grocker lock" in str(caught.value.hint)


def test_locked_sdist_that_the_index_replaced_is_never_run(index: Index, places: Places, tmp_path: Path) -> None:
    make_source(index.directory, "old")
    place = places()
    [pin] = place.resolve("old")
    make_source(index.directory, "old", extra=f"open({str(tmp_path / 'ran')!r}, 'w')")
    other = places("other")
    assert pin.sdist is not None
    file = replace(locked("old"), sha256=pin.sha256, sdist=pin.sdist)
    with other.store.scratch() as scratch:
        sdist = find_sdist(file, TARGET, other.uv, workspace=scratch)
    with pytest.raises(CorruptError, match="the locked sdist is"):
        other.builder.rebuild(file, sdist)
    assert not (tmp_path / "ran").exists()


def test_locked_sdist_that_is_gone_is_unavailable(index: Index, places: Places) -> None:
    make_wheel(index.directory, "old", "3.0")
    place = places()
    with place.store.scratch() as scratch, pytest.raises(UnavailableError, match="no longer has the sdist of old 1.0"):
        find_sdist(locked("old"), TARGET, place.uv, workspace=scratch)


def test_package_with_neither_a_wheel_nor_an_sdist_is_missing(index: Index, places: Places) -> None:
    make_wheel(index.directory, "ext", tag="cp313-cp313-win_amd64")
    with pytest.raises(MissingError, match="no sdist to build one from"):
        places().resolve("ext")


def test_number_of_sdists_is_limited(index: Index, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grocker.python.built_wheels.MAXIMUM_SDISTS", 1)
    assert MAXIMUM_SDISTS == 40
    make_source(index.directory, "one", requires=["two"])
    make_source(index.directory, "two")
    assert "more than 1 packages" in places().refused("one").message


def test_wheels_at_hand_come_besides_the_callers_own(index: Index, places: Places, tmp_path: Path) -> None:
    make_source(index.directory, "old", requires=["local"])
    make_wheel(tmp_path / "own", "local")
    place = places(UV_FIND_LINKS=str(tmp_path / "own"))
    assert [pin.name for pin in place.resolve("old")] == ["local", "old"]


def test_wheel_holds_what_the_sdist_has_and_no_place_of_this_host(index: Index, places: Places, tmp_path: Path) -> None:
    make_source(index.directory, "old", files={"old/x.egg-info/data": "1", "build/keep.txt": "x"})
    [pin] = places().resolve("old")
    with zipfile.ZipFile(tmp_path / "cache" / "v1" / "downloads" / pin.sha256[7:]) as wheel:
        assert "old/x.egg-info/data" in wheel.namelist()
        assert str(tmp_path).encode() not in b"".join(wheel.read(name) for name in wheel.namelist())


def test_sdist_of_a_lock_file_is_built_and_checked(index: Index, places: Places) -> None:
    path = make_source(index.directory, "old")
    make_source(index.directory, "cc", extra=COMPILE)
    place = places()

    def entry(name: str, digest: str) -> str:
        url = f"{index.url.removesuffix('/simple')}/files/{name}-1.0.tar.gz"
        sdist = f'{{ url = "{url}", hashes = {{ sha256 = "{digest}" }} }}'
        return f'[[packages]]\nname = "{name}"\nversion = "1.0"\nsdist = {sdist}\n'

    right = hashlib.sha256(path.read_bytes()).hexdigest()
    [pin] = read_pylock(entry("old", right).encode(), TARGET, place.builder)
    assert (pin.file, pin.sdist) == ("old-1.0-py3-none-any.whl", f"sha256:{right}")
    with pytest.raises(CorruptError, match="the sdist of old 1.0"):
        read_pylock(entry("old", "0" * 64).encode(), TARGET, place.builder)
    other = hashlib.sha256((index.directory / "cc-1.0.tar.gz").read_bytes()).hexdigest()
    with pytest.raises(MissingError, match=r"^cc 1\.0, psycopg2 1\.0: no wheel for .* they need a compiler"):
        read_pylock((entry("cc", other) + entry("psycopg2", right)).encode(), TARGET, place.builder)
    with pytest.raises(MissingError, match="old 1.0: no wheel"):
        read_pylock(entry("old", right).encode(), TARGET)


def test_sdist_fits_a_requirement_file_with_hashes(index: Index, places: Places, tmp_path: Path) -> None:
    path = make_source(index.directory, "old")
    make_source(index.directory, "old", "2.0")
    file = tmp_path / "requirements.txt"
    place = places()
    file.write_text(f"old==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n")
    with place.store.scratch() as scratch:
        listed = parse_requirement_files([file], read_requirement_files([file]), tmp_path, {})
        pins = resolve([], TARGET, place.uv, workspace=scratch, listed=listed, builder=place.builder)
    check_hashes(pins, listed)
    assert [(pin.version, pin.sdist is not None) for pin in pins] == [("1.0", True)]
    with pytest.raises(CorruptError, match=r"old-1\.0-py3-none-any\.whl with a sha256 that is not in the requirement"):
        check_hashes([replace(pins[0], sdist=from_hex("0" * 64))], listed)


@pytest.mark.parametrize("secret", [False, True])
def test_sdist_of_a_uv_lock_is_built(index: Index, places: Places, tmp_path: Path, secret: bool) -> None:
    make_source(index.directory, "old", "1.0")
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / "pyproject.toml").write_text(
        '[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["old"]\n'
    )
    more = {"UV_INDEX_CORP_PASSWORD": "x"} if secret else {}
    place = places(**more)
    environment = {**place.uv.environment}
    done = command.run([place.uv.executable, "lock"], action="locking", environment=environment, directory=directory)
    assert done.status == 0, done.stderr
    make_source(index.directory, "old", "2.0")
    lock = find_lock(directory)
    assert lock is not None
    with place.store.scratch() as scratch:
        project = read_project(directory)
        [pin] = resolve_locked(project, lock, TARGET, place.uv, workspace=scratch, builder=place.builder)
    assert (pin.version, pin.file) == ("1.0", "old-1.0-py3-none-any.whl")


def test_sdist_that_former_tools_alone_can_build_is_built_with_them(index: Index, places: Places) -> None:
    for version in ("57.0", "71.0", "80.0"):
        code = f"VERSION = {version}\n" + ("" if version == "57.0" else "raise AttributeError('use_2to3')\n")
        make_wheel(index.directory, "setuptools", version, files={"setuptools/__init__.py": code})
    make_source(index.directory, "old", build_requires=["setuptools>=40"], extra="import setuptools")
    [pin] = places().resolve("old")
    assert pin.build == ("setuptools==57.0",)
    again = places("empty")
    assert pin.sdist is not None
    file = replace(locked("old"), sha256=pin.sha256, sdist=pin.sdist, build=pin.build)
    with again.store.scratch() as scratch:
        sdist = find_sdist(file, TARGET, again.uv, workspace=scratch)
    assert again.builder.rebuild(file, sdist).sha256 == pin.sha256


def test_error_is_that_of_the_newest_tools_when_former_ones_fail_too(index: Index, places: Places) -> None:
    for version in ("57.0", "80.0"):
        code = f"raise AttributeError('of {version}')\n"
        make_wheel(index.directory, "setuptools", version, files={"setuptools/__init__.py": code})
    make_source(index.directory, "old", build_requires=["setuptools"], extra="import setuptools")
    assert places().refused("old").message.endswith("AttributeError: of 80.0")
