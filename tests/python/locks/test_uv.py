"""uv.lock: what it pins is what is installed."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from grocker.context import Context
from grocker.errors import GrockerError, SettingsError
from grocker.progress import Silent
from grocker.python import SdistBuilder, WheelTarget, find_lock, find_uv, read_project, resolve_locked
from grocker.python.locks.uv import read
from grocker.python.pylock import CompiledError, Pin
from grocker.python.uv import NoWheelError
from grocker.store import Store
from grocker.web import Transport
from tests.support.repositories import commit
from tests.support.wheels import Index, make_project, make_source, make_wheel, serve

pytestmark = pytest.mark.slow

TARGET = WheelTarget("3.13", "amd64", (2, 41))

UV_LOCK = """version = 1
revision = 3
requires-python = ">=3.11"

[[package]]
name = "app"
version = "1.0"
source = {{ virtual = "." }}
dependencies = [{{ name = "dep" }}]

[package.metadata]
requires-dist = [{{ name = "dep" }}]

[[package]]
name = "dep"
version = "1.0"
source = {{ registry = "{url}" }}
wheels = [{{ url = "{files}/dep-1.0-py3-none-any.whl", hash = "sha256:{hash}", size = {size} }}]
"""


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with serve(tmp_path / "index") as index:
        yield index


def locked_project(index: Index, tmp_path: Path, dependencies: str = '["dep"]', python: str = ">=3.11") -> Path:
    wheel = make_wheel(index.directory, "dep", "1.0")
    make_wheel(index.directory, "dep", "2.0")
    make_wheel(index.directory, "server", "3.0", requires=["dep"])
    directory = tmp_path / "app"
    directory.mkdir()
    (directory / "pyproject.toml").write_text(
        f'[project]\nname = "app"\nversion = "1.0"\nrequires-python = "{python}"\ndependencies = {dependencies}\n'
    )
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    files = index.url.replace("/simple", "/files")
    lock = UV_LOCK.format(url=index.url, files=files, hash=digest, size=wheel.stat().st_size)
    (directory / "uv.lock").write_text(lock.replace(">=3.11", python))
    return directory


@pytest.mark.parametrize("python", [">=3.11", ">=3.99"])
def test_resolve_locked_takes_the_lock_pins_and_additions_follow_them(
    index: Index, tmp_path: Path, python: str
) -> None:
    project = read_project(locked_project(index, tmp_path, python=python))
    before = sorted(path.name for path in project.directory.iterdir())
    work = tmp_path / "work"
    work.mkdir()
    uv = find_uv(index.environ(), cache=tmp_path / "uv")
    lock = find_lock(project.directory)
    assert lock is not None
    found = resolve_locked(project, lock, TARGET, uv, workspace=work, additions=["server"])
    assert [(pin.name, pin.version) for pin in found] == [("dep", "1.0"), ("server", "3.0")]
    assert sorted(path.name for path in project.directory.iterdir()) == before


@pytest.mark.parametrize(
    ("additions", "is_asked"),
    [([], False), (["dep"], False), (["Dep>=0.9"], False), (["dep[more]"], True), (["dep<2", "server"], True)],
)
def test_resolve_locked_asks_the_index_for_no_addition_that_is_pinned(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, additions: list[str], is_asked: bool
) -> None:
    asked: list[Sequence[str]] = []

    def spied(wanted: Sequence[str], *arguments: object, **more: object) -> tuple[Pin, ...]:
        asked.append(wanted)
        return ()

    monkeypatch.setattr("grocker.python.resolution.resolve", spied)
    project = read_project(locked_project(index, tmp_path))
    uv = find_uv(index.environ(), cache=tmp_path / "uv")
    lock = find_lock(project.directory)
    assert lock is not None
    found = resolve_locked(project, lock, TARGET, uv, workspace=tmp_path, additions=additions)
    assert [pin.name for pin in found] == ["dep"]
    assert asked == ([additions[-1:]] if is_asked else [])


def test_resolve_locked_refuses_an_addition_that_contradicts_the_lock(index: Index, tmp_path: Path) -> None:
    project = read_project(locked_project(index, tmp_path))
    uv = find_uv(index.environ(), cache=tmp_path / "uv")
    lock = find_lock(project.directory)
    assert lock is not None
    with pytest.raises(GrockerError, match="dep"):
        resolve_locked(project, lock, TARGET, uv, workspace=tmp_path, additions=["dep>=2"])


@pytest.mark.parametrize("python", [">=3.11", ">=3.99"])
def test_resolve_locked_refuses_stale_lock(index: Index, tmp_path: Path, python: str) -> None:
    project = read_project(locked_project(index, tmp_path, '["dep>=2"]', python))
    uv = find_uv(index.environ(), cache=tmp_path / "uv")
    with pytest.raises(SettingsError, match="stale") as caught:
        read(project.directory / "uv.lock", project, TARGET, uv, workspace=tmp_path, extras=())
    assert caught.value.hint == "run: uv lock"


def workspace(index: Index, root: Path, settings: str) -> Path:
    """A member of a workspace whose root alone has a lock, made by uv."""
    make_wheel(index.directory, "dep", "1.0")
    member = root / "packages" / "member"
    member.mkdir(parents=True)
    (root / "pyproject.toml").write_text(
        f'[project]\nname = "root"\nversion = "1.0"\nrequires-python = ">=3.11"\n[tool.uv.workspace]\n{settings}\n'
    )
    (member / "pyproject.toml").write_text(
        '[project]\nname = "member"\nversion = "1.0"\nrequires-python = ">=3.11"\ndependencies = ["dep"]\n'
    )
    uv = find_uv(index.environ(), cache=root / "uv")
    subprocess.run([uv.executable, "lock", "--quiet"], cwd=root, env=dict(uv.environment), check=True)
    make_wheel(index.directory, "dep", "2.0")
    return member


def test_lock_of_a_workspace_is_that_of_its_members(index: Index, tmp_path: Path) -> None:
    member = workspace(index, tmp_path / "w", "members = ['packages/*']")
    lock = find_lock(member)
    assert lock is not None
    assert lock.path == tmp_path / "w" / "uv.lock"
    uv = find_uv(index.environ(), cache=tmp_path / "uv")
    pins = resolve_locked(read_project(member), lock, TARGET, uv, workspace=tmp_path)
    assert [(pin.name, pin.version) for pin in pins] == [("dep", "1.0")]


@pytest.mark.parametrize(
    "settings", ["members = ['other/*']", "members = []", "members = ['packages/*']\nexclude = ['packages/member']"]
)
def test_lock_of_a_workspace_is_not_that_of_others(index: Index, tmp_path: Path, settings: str) -> None:
    assert find_lock(workspace(index, tmp_path / "w", settings)) is None


@pytest.fixture
def sources(index: Index, tmp_path: Path) -> Iterator[tuple[Path, SdistBuilder, str]]:
    """A locked member of a workspace with a path, a git and a find-links dependency; a builder; the commit."""
    root = tmp_path / "root"
    make_wheel(root / "wheels", "linked")
    make_project(root / "near", name="near")
    make_project(root / "packages" / "sibling", name="sibling")
    make_project(tmp_path / "far", name="far")
    first = commit(tmp_path / "far", {})
    (root / "packages" / "app").mkdir()
    (root / "pyproject.toml").write_text(
        '[tool.uv.workspace]\nmembers = ["packages/*"]\n[tool.uv]\nfind-links = ["wheels"]\n'
    )
    (root / "packages" / "app" / "pyproject.toml").write_text(
        '[project]\nname = "app"\nversion = "1.0"\nrequires-python = ">=3.11"\n'
        'dependencies = ["near>=1", "sibling", "far>=1,<9", "linked"]\n'
        "[tool.uv.sources]\nnear = {path = '../../near'}\nsibling = {workspace = true}\n"
        f"far = {{git = 'file://{tmp_path}/far', branch = 'main'}}\n"
    )
    uv = find_uv(index.environ(), cache=tmp_path / "uv")
    subprocess.run([uv.executable, "lock", "--quiet"], cwd=root, env=dict(uv.environment), check=True)
    commit(tmp_path / "far", {"far/__init__.py": "NEW = 1\n"})
    with Store.open(tmp_path / "cache") as store:
        context = Context(store, Transport(environ={}), Silent(), {"PATH": "/usr/local/bin:/usr/bin:/bin"}, 1.7e9)
        directory = root / "packages" / "app"
        yield directory, SdistBuilder(context, uv, str(TARGET), directory), first


@pytest.mark.parametrize("python", [">=3.11", ">=3.99"])
def test_sources_in_a_lock_are_built_and_find_links_are_found(
    sources: tuple[Path, SdistBuilder, str], tmp_path: Path, python: str
) -> None:
    directory, builder, first = sources
    for path in (directory / "pyproject.toml", directory.parents[1] / "uv.lock"):
        path.write_text(path.read_text().replace(">=3.11", python))
    lock = find_lock(directory)
    assert lock is not None
    (tmp_path / "work").mkdir()
    described = read_project(directory)
    found = resolve_locked(described, lock, TARGET, builder.uv, workspace=tmp_path / "work", builder=builder)
    assert {pin.name: pin.source for pin in found} == {
        "far": f"git+file://{tmp_path}/far@{first}",
        "linked": "",
        "near": "path:../../near",
        "sibling": "path:../sibling",
    }
    text = (directory / "pyproject.toml").read_text()
    (directory / "pyproject.toml").write_text(text.replace('"linked"', '"linked>=1"'))
    with pytest.raises(SettingsError, match=r"uv\.lock.* is stale|stale.*uv\.lock"):
        resolve_locked(read_project(directory), lock, TARGET, builder.uv, workspace=tmp_path / "work", builder=builder)


@pytest.mark.parametrize(
    ("locked", "said", "is_stale"),
    [
        (">=3.99", ">=3.98", True),
        ("==3.99.*", ">=3.99,<3.100", False),
        (">=3.99", ">=3.99, <4", True),
    ],
)
def test_changed_requires_python_is_noticed_without_a_python_that_fits(
    index: Index, tmp_path: Path, locked: str, said: str, is_stale: bool
) -> None:
    directory = locked_project(index, tmp_path, python=locked)
    path = directory / "pyproject.toml"
    path.write_text(path.read_text().replace(locked, said))
    (tmp_path / "work").mkdir()
    uv = find_uv(index.environ(), cache=tmp_path / "uv")

    def pins() -> list[str]:
        project = read_project(directory)
        found = read(directory / "uv.lock", project, TARGET, uv, workspace=tmp_path / "work", extras=())
        return [pin.name for pin in found]

    if not is_stale:
        assert pins() == ["dep"]
        return
    with pytest.raises(SettingsError, match="requires-python in pyproject.toml has changed"):
        pins()


@pytest.mark.parametrize("change", ["nothing", "a dependency with an sdist alone"])
def test_uv_runs_no_back_end_to_check_a_lock(index: Index, tmp_path: Path, change: str) -> None:
    mark, directory = tmp_path / "ran", tmp_path / "project"
    make_source(index.directory, "old", extra=f"open({str(mark)!r}, 'w')")
    make_source(index.directory, "late", extra=f"open({str(mark)!r}, 'w')")
    make_project(directory, extra=f"open({str(mark)!r}, 'w')", metadata="Requires-Dist: old\n")
    with (directory / "backend.py").open("a") as stream:
        stream.write("\nbuild_editable = build_wheel\n")
    path = directory / "pyproject.toml"
    path.write_text(f'{path.read_text()}requires-python = ">=3.11"\ndynamic = ["dependencies"]\n')
    uv = find_uv(index.environ(), cache=tmp_path / "uv")
    subprocess.run([uv.executable, "lock", "--quiet"], cwd=directory, env=dict(uv.environment), check=True)
    assert mark.exists()
    mark.unlink()
    (tmp_path / "work").mkdir()
    if change != "nothing":
        path.write_text(path.read_text().replace('dynamic = ["dependencies"]', 'dependencies = ["late"]'))
        with pytest.raises(SettingsError, match="stale"):
            read(directory / "uv.lock", read_project(directory), TARGET, uv, workspace=tmp_path / "work", extras=())
    else:
        with pytest.raises(NoWheelError, match="old 1.0"):  # the lock was read
            read(directory / "uv.lock", read_project(directory), TARGET, uv, workspace=tmp_path / "work", extras=())
    assert not mark.exists()


@pytest.mark.parametrize("table", ['dynamic = ["dependencies"]', "dependencies = []"])
def test_changed_group_is_noticed_where_uv_would_have_to_build(index: Index, tmp_path: Path, table: str) -> None:
    directory = tmp_path / "project"
    make_wheel(index.directory, "tool")
    make_source(index.directory, "late")
    make_project(directory)
    with (directory / "backend.py").open("a") as stream:
        stream.write("\nbuild_editable = build_wheel\n")
    path = directory / "pyproject.toml"
    text = f'{path.read_text()}requires-python = ">=3.11"\n{table}\n[dependency-groups]\nweb = ["tool"]\n'
    path.write_text(text)
    uv = find_uv(index.environ(), cache=tmp_path / "uv")
    subprocess.run([uv.executable, "lock", "--quiet"], cwd=directory, env=dict(uv.environment), check=True)
    (tmp_path / "work").mkdir()

    def pins() -> list[str]:
        project = read_project(directory)
        found = read(
            *(directory / "uv.lock", project, TARGET, uv), workspace=tmp_path / "work", extras=(), groups=("web",)
        )
        return [pin.name for pin in found]

    assert pins() == ["tool"]
    path.write_text(text.replace('web = ["tool"]', 'web = ["tool", "late"]'))
    with pytest.raises(SettingsError, match="stale"):
        pins()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("uv.lock", 'find-links = ["wheels"] in [tool.uv] of PLACE/pyproject.toml, then run: uv lock'),
        ("pdm.lock", "choose a version that has a wheel; then update pdm.lock"),
    ],
)
def test_hint_for_a_locked_package_that_needs_a_compiler_says_what_changes_the_lock(
    index: Index, sources: tuple[Path, SdistBuilder, str], tmp_path: Path, name: str, hint: str
) -> None:
    _, builder, _ = sources
    compiled = "import subprocess; subprocess.run([os.environ['CC'], 'x.c'], check=True)"
    sdist = make_source(index.directory, "native", extra=compiled)
    place = tmp_path / "app"
    place.mkdir()
    (place / "pyproject.toml").write_text(
        '[project]\nname = "app"\nversion = "1.0"\nrequires-python = ">=3.11"\ndependencies = ["native"]\n'
    )
    if name == "uv.lock":
        subprocess.run(
            [builder.uv.executable, "lock", "--quiet"], cwd=place, env=dict(builder.uv.environment), check=True
        )
    else:
        digest = hashlib.sha256(sdist.read_bytes()).hexdigest()
        files = f'files = [{{file = "x", hash = "sha256:{digest}"}}]'
        (place / name).write_text(f'[[package]]\nname = "native"\nversion = "1.0"\n{files}\n')
    lock = find_lock(place)
    assert lock is not None
    (tmp_path / "work").mkdir()
    with pytest.raises(CompiledError) as caught:
        resolve_locked(read_project(place), lock, TARGET, builder.uv, workspace=tmp_path / "work", builder=builder)
    assert hint.replace("PLACE", str(place)) in str(caught.value.hint)


def test_lock_is_fresh_when_a_dependency_has_a_source_for_some_platforms_only(index: Index, tmp_path: Path) -> None:
    directory = locked_project(index, tmp_path, '["dep==1.0"]', ">=3.99")  # uv itself cannot check it
    url = f"{index.url.replace('/simple', '/files')}/dep-1.0-py3-none-any.whl"
    path = directory / "pyproject.toml"
    source = f"{{ url = '{url}', marker = \"sys_platform == 'win32'\" }}"
    path.write_text(f"{path.read_text()}[tool.uv.sources]\ndep = [{source}]\n")
    lock = directory / "uv.lock"
    locked = f'requires-dist = [{{ name = "dep", specifier = "==1.0" }}, {{ name = "dep", url = "{url}" }}]'
    lock.write_text(lock.read_text().replace('requires-dist = [{ name = "dep" }]', locked))
    (tmp_path / "work").mkdir()
    uv = find_uv(index.environ(), cache=tmp_path / "uv")
    found = read(lock, read_project(directory), TARGET, uv, workspace=tmp_path / "work", extras=())
    assert [(pin.name, pin.version) for pin in found] == [("dep", "1.0")]
