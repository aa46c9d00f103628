from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from grocker.errors import CorruptError, GrockerError, MissingError, SettingsError
from grocker.lock.values import BuildRequirement
from grocker.python import InstallScheme, backend, build_key, build_wheel, find_uv, read_project, read_tree, read_wheel
from grocker.python.build import read_pins, resolve_build
from grocker.python.build_identity import constraint
from grocker.store import Store
from tests.support.wheels import make_project, make_wheel, serve

pytestmark = pytest.mark.slow

NOW = 4_000_000_000_000_000_000
EPOCH = 315532800


def built(
    directory: Path,
    tmp_path: Path,
    name: str = "work",
    environ: Mapping[str, str] | None = None,
    pins: tuple[BuildRequirement, ...] = (),
) -> Path:
    work = tmp_path / name
    work.mkdir()
    uv = find_uv({"HOME": "/nonexistent", "UV_OFFLINE": "1", **(environ or {})}, cache=tmp_path / "uv")
    tree = read_tree(directory, now=NOW)
    project = read_project(directory)
    with Store.open(tmp_path / "store") as store:
        return build_wheel(project, tree, uv, workspace=work, epoch=EPOCH, pins=pins, store=store)


def test_wheel_is_built_from_what_counts_of_the_tree(tmp_path: Path) -> None:
    project = make_project(
        tmp_path / "p", {"demo/x.py": "x = 1\n", "demo/old.pyc": "stale", "build/lib/demo/x.py": "old"}
    )
    wheel = read_wheel(built(project, tmp_path), InstallScheme("3.13"))
    assert [entry.path.rpartition("/")[2] for entry in wheel.entries if "/demo/" in entry.path] == [
        "__init__.py",
        "x.py",
    ]
    assert sorted(path.name for path in project.iterdir()) == ["backend.py", "build", "demo", "pyproject.toml"]


def test_wheel_does_not_depend_on_umask_times_home_or_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = (
        "pathlib.Path('demo/env').write_text(repr((sorted((k, v) for k, v in os.environ.items() if k in "
        "('TZ', 'LC_ALL', 'PYTHONHASHSEED', 'SOURCE_DATE_EPOCH', 'SECRET', 'LANG')), oct(os.umask(0)), hash('x'),"
        " [(str(p), oct(p.stat().st_mode), p.stat().st_mtime) for p in sorted(pathlib.Path('demo').iterdir())],"
        " os.listdir(os.environ['HOME']))))"
    )
    one = make_project(tmp_path / "one", {"demo/tool": "x"}, extra=spy)
    two = make_project(tmp_path / "two", {"demo/tool": "x"}, extra=spy)
    os.utime(two / "demo" / "tool", (5, 5))
    (two / "demo" / "tool").chmod(0o600)
    first = read_wheel(built(one, tmp_path, "w1"), InstallScheme("3.13"))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    before = os.umask(0o077)
    try:
        more = {"HOME": str(tmp_path), "TZ": "Asia/Tokyo", "LC_ALL": "fr_FR", "SECRET": "x"}
        second = read_wheel(built(two, tmp_path, "w2", more), InstallScheme("3.13"))
    finally:
        os.umask(before)
    assert first.entries == second.entries


def test_build_needs_compiling_when_the_wheel_is_for_one_platform(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", tag="cp311-cp311-linux_x86_64")
    with pytest.raises(MissingError, match="demo has compiled modules") as caught:
        built(project, tmp_path)
    assert "elsewhere" in str(caught.value.hint)


def test_build_shows_last_lines_of_the_back_end_when_it_fails(tmp_path: Path) -> None:
    reason = "RuntimeError('no https://joe:hunter2@example.invalid today')"
    project = make_project(tmp_path / "p", extra=f"print('copying\\n' * 100); raise {reason}")
    with pytest.raises(CorruptError) as caught:
        built(project, tmp_path)
    assert caught.value.message.startswith("building demo: its build back end failed: ")
    assert "RuntimeError: no https://example.invalid today" in caught.value.message
    assert "hunter2" not in caught.value.message


def test_build_is_unreachable_when_a_requirement_cannot_be_fetched(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    text = (project / "pyproject.toml").read_text().replace("requires = []", 'requires = ["nosuch"]')
    (project / "pyproject.toml").write_text(text)
    with serve(tmp_path / "index") as index, pytest.raises(MissingError, match="nosuch"):
        built(project, tmp_path, "w1", index.environ(UV_OFFLINE="0"))
    with pytest.raises(GrockerError) as caught:
        built(project, tmp_path, "w2", {**index.environ(UV_OFFLINE="0"), "UV_DEFAULT_INDEX": "http://127.0.0.1:9/s"})
    assert caught.value.status == 69


def test_build_requirements_are_pinned_with_hashes(tmp_path: Path) -> None:
    with serve(tmp_path / "index") as index:
        make_wheel(
            index.directory, "backend-one", requires=["dep; python_version >= '3.11'", "old; python_version < '3'"]
        )
        make_wheel(index.directory, "dep", "2.0")
        uv = find_uv(index.environ(), cache=tmp_path / "uv")
        pins = resolve_build(["backend_one>=1"], uv, workspace=tmp_path)
    assert [(pin.name, pin.version, pin.marker, len(pin.hashes)) for pin in pins] == [
        ("backend-one", "1.0", "", 1),
        ("dep", "2.0", "", 1),
    ]
    assert read_pins("".join(constraint(pin) + "\n" for pin in pins)) == pins


def test_build_holds_requirements_to_the_pins(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", extra="import dep; pathlib.Path('demo/v').write_text(dep.V)")
    text = (project / "pyproject.toml").read_text().replace("requires = []", 'requires = ["dep"]')
    (project / "pyproject.toml").write_text(text)
    with serve(tmp_path / "index") as index:
        for version in ("1.0", "2.0"):
            make_wheel(index.directory, "dep", version, files={"dep.py": f"V = '{version}'"})
        environ = index.environ(UV_OFFLINE="0")
        wheel = read_wheel(
            built(project, tmp_path, "w1", environ, (BuildRequirement("dep", "1.0"),)), InstallScheme("3.13")
        )
        assert {e.path.rpartition("/")[2]: getattr(e, "data", b"") for e in wheel.entries}["v"] == b"1.0"
        wrong = BuildRequirement("dep", "1.0", "", ("sha256:" + "0" * 64,))
        with pytest.raises(CorruptError, match="[Hh]ash mismatch"):
            built(project, tmp_path, "w2", {**environ, "UV_CACHE_DIR": str(tmp_path / "fresh")}, (wrong,))


def test_environment_of_the_back_end_is_made_once_and_kept_with_bytecode(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", extra="import dep")
    pin = (BuildRequirement("dep", "1.0"),)
    (project / "pyproject.toml").write_text(
        (project / "pyproject.toml").read_text().replace("requires = []", 'requires = ["dep"]')
    )
    with serve(tmp_path / "index") as index:
        make_wheel(index.directory, "dep", files={"dep.py": ""})
        first = built(project, tmp_path, "w1", index.environ(UV_OFFLINE="0"), pin)
    second = built(project, tmp_path, "w2", {"UV_CACHE_DIR": str(tmp_path / "empty")}, pin)
    assert read_wheel(first, InstallScheme("3.13")).entries == read_wheel(second, InstallScheme("3.13")).entries
    (tree,) = (tmp_path / "store").glob("**/trees/*")
    assert len(list(tree.glob("lib/*/site-packages/__pycache__/dep.*.pyc"))) == 1
    assert sorted(path.name for path in project.iterdir()) == ["backend.py", "demo", "pyproject.toml"]


def test_build_lets_uv_make_the_environment_when_the_back_end_asks_for_more(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", extra="import late")
    with (project / "backend.py").open("a") as stream:
        stream.write("\ndef get_requires_for_build_wheel(config_settings=None):\n    return ['late>=1']\n")
    with serve(tmp_path / "index") as index:
        make_wheel(index.directory, "late", files={"late.py": ""})
        assert built(project, tmp_path, "w1", index.environ(UV_OFFLINE="0")).name == "demo-1.0-py3-none-any.whl"


def test_pins_are_refused_when_a_requirement_is_an_address() -> None:
    with pytest.raises(SettingsError, match="is not a pinned package"):
        read_pins("dep @ https://example.invalid/dep.whl\n")


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_version_from_git_sees_the_repository_and_leaves_it_alone(tmp_path: Path) -> None:
    spy = (
        "import subprocess; pathlib.Path('demo/v').write_text(subprocess.run(['git', 'describe', '--tags', '--dirty'],"
        " capture_output=True, text=True).stdout)"
    )
    project = make_project(tmp_path / "p", extra=spy)
    (project / "pyproject.toml").write_text(
        (project / "pyproject.toml").read_text().replace('version = "1.0"', 'dynamic = ["version"]')
    )
    quiet = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    for command in ("init -q", "add .", "-c user.name=x -c user.email=x@example.invalid commit -q -m x", "tag v3"):
        subprocess.run(["git", *command.split()], cwd=project, check=True, env=quiet)
    tree = read_tree(project, now=NOW)
    assert tree.repository is not None
    index = (project / ".git" / "index").read_bytes()
    wheel = read_wheel(built(project, tmp_path), InstallScheme("3.13"))
    assert {e.path.rpartition("/")[2]: getattr(e, "data", b"") for e in wheel.entries}["v"] == b"v3\n"
    assert (project / ".git" / "index").read_bytes() == index
    key = build_key(tree, (), EPOCH)
    subprocess.run(["git", "tag", "v4"], cwd=project, check=True, env=quiet)
    assert build_key(read_tree(project, now=NOW), (), EPOCH) != key


def test_build_key_differs_with_tree_pins_and_epoch(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    tree = read_tree(project, now=NOW)
    key = build_key(tree, (BuildRequirement("a", "1"),), EPOCH)
    assert key == build_key(read_tree(project, now=NOW + 1), (BuildRequirement("a", "1"),), EPOCH)
    assert key != build_key(tree, (BuildRequirement("a", "2"),), EPOCH)
    assert key != build_key(tree, (BuildRequirement("a", "1"),), EPOCH + 1)
    (project / "demo" / "__init__.py").write_text("x = 1\n")
    assert key != build_key(read_tree(project, now=NOW), (BuildRequirement("a", "1"),), EPOCH)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_back_end_in_a_subdirectory_sees_the_repository_above(tmp_path: Path) -> None:
    asked = "'describe --tags --dirty', 'ls-files --others --ignored --exclude-standard', 'rev-parse HEAD:x'"
    called = "subprocess.run(['git', *c.split()], capture_output=True, text=True, env={'PATH': os.environ['PATH']})"
    spy = (
        "import subprocess; pathlib.Path('demo/v').write_text("
        f"''.join({called}.stdout for c in ({asked})) + open('../../.gitignore').read())"
    )
    project = make_project(tmp_path / "r" / "team" / "p", {"demo/secret.py": "x"}, extra=spy)
    (tmp_path / "r" / "other").write_text("not copied")
    (tmp_path / "r" / "x").write_text("x")
    (tmp_path / "r" / ".gitignore").write_text("secret.py\n")
    quiet = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    for command in ("init -q", "add .", "-c user.name=x -c user.email=x@example.invalid commit -q -m x", "tag v3"):
        subprocess.run(["git", *command.split()], cwd=tmp_path / "r", check=True, env=quiet)
    index = (tmp_path / "r" / ".git" / "index").read_bytes()
    wheel = read_wheel(built(project, tmp_path), InstallScheme("3.13"))
    told = {e.path.rpartition("/")[2]: getattr(e, "data", b"") for e in wheel.entries}["v"].decode()
    assert told == "v3\ndemo/secret.py\nc1b0730e0133447badcfd47fd144e254807b06e1\nsecret.py\n"
    assert (tmp_path / "r" / ".git" / "index").read_bytes() == index


def test_back_end_gets_the_variables_that_it_is_told_and_no_other(tmp_path: Path) -> None:
    told = "os.environ.get('A', '') + os.environ['HOME'][-4:] + os.environ.get('B', '')"
    project = make_project(tmp_path / "p", extra=f"pathlib.Path('demo/v').write_text({told})")
    (tmp_path / "w").mkdir()
    uv = find_uv({"HOME": "/nonexistent", "UV_OFFLINE": "1", "B": "b"}, cache=tmp_path / "uv")
    tree, variables = read_tree(project, now=NOW), {"A": "a", "HOME": "/somewhere"}
    with Store.open(tmp_path / "store") as store:
        made = build_wheel(
            *(read_project(project), tree, uv), workspace=tmp_path / "w", epoch=EPOCH, variables=variables, store=store
        )
    entries = read_wheel(made, InstallScheme("3.13")).entries
    assert {e.path.rpartition("/")[2]: getattr(e, "data", b"") for e in entries}["v"] == b"ahome"
    assert build_key(tree, (), EPOCH, variables) != build_key(tree, (), EPOCH)


@pytest.mark.parametrize("name", ["dist", "web/node_modules", "data"])
def test_failure_says_what_was_left_out_when_the_back_end_asks_for_it(tmp_path: Path, name: str) -> None:
    project = make_project(tmp_path / "p", {"web/a": "", "demo/a": ""}, extra=f"open('{name}/x')")
    (project / name).parent.mkdir(exist_ok=True)
    (project / name).symlink_to("/nonexistent") if name == "data" else (project / name).mkdir()
    with pytest.raises(CorruptError, match="No such file") as caught:
        built(project, tmp_path)
    assert str(caught.value.hint).startswith(f"Grocker left out {name}: ")


@pytest.mark.parametrize("kind", ["packages", "modules"])
def test_build_says_what_to_include_when_several_lie_side_by_side(tmp_path: Path, kind: str) -> None:
    code = ("app.py", "templates/a.html", "config/__init__.py", "shop/__init__.py")
    for path in (
        *code,
        "manage.py",
        "test_app.py",
        "tests/__init__.py",
        "media/a",
        "docs/a.md",
        ".git/a",
        "v/pyvenv.cfg",
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    text = f"error: Multiple top-level {kind} discovered in a flat-layout: ['a', 'b'].\n\nTo avoid accidental"
    assert str(backend.failure(text, "shop", read_tree(tmp_path, now=NOW)).hint).splitlines()[1:] == [
        "[tool.setuptools]",
        'py-modules = ["app"]',
        "[tool.setuptools.packages.find]",
        'include = ["config*", "shop*", "templates*"]',
        "[tool.setuptools.package-data]",
        '"*" = ["**/*"]',
    ]


@pytest.mark.parametrize("text", ["six >>> 3", "--help", "-r /etc/passwd", "six\n--index-url https://example.com"])
def test_build_requirements_are_no_options_of_uv(tmp_path: Path, text: str) -> None:
    uv = find_uv({"HOME": "/nonexistent", "UV_OFFLINE": "1"}, cache=tmp_path / "uv")
    with pytest.raises(SettingsError, match="invalid requirement") as caught:
        resolve_build([text], uv, workspace=tmp_path)
    assert caught.value.hint is not None
