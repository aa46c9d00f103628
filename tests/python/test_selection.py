"""Which files of a project count."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from grocker.errors import DeniedError
from grocker.python.git import find_repository
from grocker.python.named_paths import read_named_paths
from grocker.python.selection import Patterns, Selection, select
from tests.python.test_git import git
from tests.support.user import ordinary_user, visible_directory


@pytest.fixture
def visible() -> Iterator[Path]:
    with visible_directory() as place:
        yield place


def make(root: Path, files: dict[str, str], *, tracked: tuple[str, ...] = ()) -> Path:
    """A project; with ``tracked``, in a repository that tracks these."""
    for name, text in {"pyproject.toml": "[project]\n", "app/__init__.py": "", **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    if tracked:
        git("init", "-q", cwd=root)
        git("add", "-f", *tracked, cwd=root)
    return root


def selected(root: Path, exclude: tuple[str, ...] = ()) -> Selection:
    return select(root, find_repository(root), read_named_paths(root), exclude)


def paths(root: Path, exclude: tuple[str, ...] = ()) -> set[str]:
    return {found.path for found in selected(root, exclude).files} - {"pyproject.toml", "app/__init__.py"}


@pytest.mark.parametrize(
    ("configuration", "counts"),
    [
        ("[tool.hatch.build.targets.wheel.force-include]\n'dist' = 'app/web'\n", {"dist/a.js", "dist/b~"}),
        ("[tool.hatch.build]\nartifacts = ['dist/*.js']\n", {"dist/a.js", "dist/b~"}),
        ("[tool.setuptools.data-files]\n'share/app' = ['dist/a.js']\n", {"dist/a.js"}),
        ("[[tool.poetry.include]]\npath = './dist/'\n", {"dist/a.js", "dist/b~"}),
        ("[tool.pdm.build]\nincludes = ['node_modules/boot']\n", {"node_modules/boot/a.css"}),
        ("[project]\nreadme = 'dist/a.js'\n", {"dist/a.js"}),
        ("[dependency-groups]\ndev = ['dist', 'build']\n", set()),
        ("[tool.hatch.build]\nexclude = ['dist']\n", set()),
        ("[tool.setuptools.packages.find]\nexclude = ['dist*', 'node_modules']\n", set()),
        ("[tool.ruff]\nsrc = ['dist']\n", set()),
        ("[[[ no TOML", set()),
    ],
)
def test_products_count_when_the_configuration_names_them(tmp_path: Path, configuration: str, counts: set[str]) -> None:
    files = {"dist/a.js": "", "dist/b~": "", "dist/__pycache__/x.pyc": "", "node_modules/boot/a.css": ""}
    root = make(tmp_path, {**files, "pyproject.toml": configuration})
    assert paths(root) == counts
    missing = {"dist", "node_modules"} - {path.partition("/")[0] for path in counts}
    assert {one.path for one in selected(root).left_out if "/" not in one.path} == missing


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("setup.cfg", "[options.data_files]\nshare/app = dist/a.js, other\n"),
        ("MANIFEST.in", "recursive-include dist *.js\n"),
        ("MANIFEST.in", "graft dist\n"),
        ("setup.py", "setup(data_files=[('share', ['dist/a.js'])])\n"),
        ("hatch_build.py", "build_data['force_include']['dist/a.js'] = 'app/a.js'\n"),
    ],
)
def test_products_count_when_another_file_of_the_back_end_names_them(tmp_path: Path, name: str, text: str) -> None:
    assert paths(make(tmp_path, {"dist/a.js": "", name: text})) == {"dist/a.js", name}


@pytest.mark.parametrize("line", ["packages = ['app']", "include = ['app/**']", "only-include = ['app', 'src']"])
def test_package_that_is_named_brings_no_clutter(tmp_path: Path, line: str) -> None:
    files = {"app/node_modules/a.js": "", "app/b~": "", "app/x.pyc": "", "app/y.py": ""}
    root = make(tmp_path, {**files, "pyproject.toml": f"[tool.hatch.build.targets.wheel]\n{line}\n"})
    assert paths(root) == {"app/y.py"}


@pytest.mark.parametrize("path", ["dist/a", "build/a", "app/node_modules/a.js", "CVS/a", "x~", "app/a.swp", "a.pyc"])
def test_whatever_its_name_a_file_counts_when_git_tracks_it(tmp_path: Path, path: str) -> None:
    root = make(tmp_path, {path: "", f"{path.rpartition('/')[0] or '.'}/other.pyc": ""}, tracked=(path,))
    assert path in paths(root)
    assert "other.pyc" not in {one.rpartition("/")[2] for one in paths(root)}


def test_directories_of_a_virtual_environment_and_an_image_count_when_git_tracks_them(tmp_path: Path) -> None:
    files = {"tests/image/oci-layout": "", "tests/image/index.json": "", "tests/venv/pyvenv.cfg": ""}
    assert paths(make(tmp_path, files, tracked=("tests/image", "app"))) == set(files) - {"tests/venv/pyvenv.cfg"}


@pytest.mark.parametrize("name", ["data", "media", "secrets", "target"])
def test_clutter_is_left_out_when_git_ignores_it(tmp_path: Path, name: str) -> None:
    files = {f"{name}/a/b": "", f"{name}/db.sqlite3": "", ".gitignore": f"{name}/\ngenerated\n*.log\n"}
    more = {"app/generated/x.txt": "", "generated/x_pb2.py": "", "src/generated/a.html": "", "x.log": ""}
    root = make(tmp_path, {**files, **more}, tracked=("app/__init__.py",))
    assert paths(root) == {".gitignore", *more}
    assert [one.path for one in selected(root).left_out] == [name]


def test_what_git_ignores_counts_when_the_configuration_mentions_it(tmp_path: Path) -> None:
    files = {"web/a": "", ".gitignore": "web/\n", "setup.py": "data = glob('web' + '/*')\n"}
    assert "web/a" in paths(make(tmp_path, files, tracked=("app/__init__.py",)))


def test_ignore_rules_of_the_repository_above_hold(tmp_path: Path) -> None:
    make(tmp_path, {".gitignore": "secrets/\n", "one/two/pyproject.toml": "", "one/two/secrets/key": ""})
    git("init", "-q", cwd=tmp_path)
    git("add", ".", cwd=tmp_path)
    repository = find_repository(tmp_path / "one" / "two")
    assert repository is not None
    assert (repository.top, repository.prefix) == (tmp_path, "one/two")
    assert repository.is_ignored("secrets/key")
    assert {found.path for found in selected(tmp_path / "one" / "two").files} == {"pyproject.toml"}


def test_repository_above_does_not_count_when_it_ignores_the_project_or_is_another_users(tmp_path: Path) -> None:
    root = make(tmp_path / "code" / "p", {"data/x": ""})
    git("init", "-q", cwd=tmp_path)
    assert find_repository(root) is not None
    (tmp_path / ".gitignore").write_text("*\n")
    assert find_repository(root) is None
    assert "data/x" in paths(root)
    if os.geteuid() == 0:
        (tmp_path / ".gitignore").unlink()
        os.chown(tmp_path / ".git", 65534, 65534)
        assert find_repository(root) is None


@pytest.mark.parametrize(
    ("link", "target", "counts"),
    [
        ("app/static/boot", "../../node_modules/boot/dist", {"node_modules/boot/dist/boot.css"}),
        ("app/static/app.css", "../../dist/app.css", {"dist/app.css"}),
        ("app/static/chain", "../../node_modules/alias", {"node_modules/boot/dist/boot.css"}),
        ("app/templates", "../build/templates", {"build/templates/a.html"}),
        ("app/all", "../dist", {"dist/app.css", "dist/inner"}),
    ],
)
def test_link_brings_what_it_leads_to(tmp_path: Path, link: str, target: str, counts: set[str]) -> None:
    files = ("node_modules/boot/dist/boot.css", "node_modules/other/x", "dist/app.css", "build/templates/a.html")
    root = make(tmp_path, dict.fromkeys(files, "x"))
    (root / "node_modules" / "alias").symlink_to("boot/dist")
    (root / "dist" / "inner").symlink_to("app.css")
    (root / link).parent.mkdir(exist_ok=True)
    (root / link).symlink_to(target)
    found = {one.path: one for one in selected(root).files}
    assert set(found) == {"pyproject.toml", "app/__init__.py", link, *counts}
    place = os.path.normpath(os.path.join(os.path.dirname(link), found[link].target or ""))
    assert any(path == place or path.startswith(place + "/") for path in counts)


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    root = make(tmp_path, {"node_modules/a/x": ""})
    (root / "node_modules" / "a" / "self").symlink_to("../a")
    (root / "app" / "a").symlink_to("../node_modules/a")
    assert paths(root) == {"app/a", "node_modules/a/x", "node_modules/a/self"}


@pytest.mark.parametrize(
    ("link", "rules", "is_missed"),
    [
        (".venv", "", False),
        ("media", "", False),
        ("result", "", False),
        ("bazel-out", "/bazel-*\n", False),
        ("app/data", "", True),
        ("app/data", "data\n", False),
    ],
)
def test_link_out_of_the_project_is_left_out(tmp_path: Path, link: str, rules: str, is_missed: bool) -> None:
    (tmp_path / "elsewhere").mkdir()
    root = make(tmp_path / "p", {".gitignore": rules}, tracked=("pyproject.toml",))
    (root / link).symlink_to(tmp_path / "elsewhere")
    assert paths(root) == {".gitignore"}
    (left,) = selected(root).left_out
    assert (left.path, left.is_missed) == (link, is_missed)
    assert "points outside the project" in left.why


def test_link_to_what_the_repository_tracks_elsewhere_brings_it(tmp_path: Path) -> None:
    make(tmp_path / "p", {"app/x": ""})
    make(tmp_path / "shared", {"a.py": "", "b.log": ""})
    (tmp_path / "p" / "app" / "shared").symlink_to("../../shared")
    (tmp_path / "p" / "app" / "untracked").symlink_to("../../shared/b.log")
    git("init", "-q", cwd=tmp_path)
    git("add", "p", "shared/a.py", "shared/app", cwd=tmp_path)
    assert paths(tmp_path / "p") == {"app/x", "app/shared", "../shared/a.py", "../shared/app/__init__.py"}


@pytest.mark.parametrize(
    ("name", "rules", "is_missed"),
    [("pgdata", "", True), ("pgdata", "pgdata\n", False), ("data/deep/pg", "", True)],
)
def test_directory_that_nobody_may_read_is_left_out(visible: Path, name: str, rules: str, is_missed: bool) -> None:
    root = make(visible, {f"{name}/x": "", ".gitignore": rules}, tracked=("app/__init__.py",))
    (root / name).chmod(0)
    with ordinary_user():
        found = selected(root)
    assert not any(one.path.startswith(name) for one in found.files)
    assert [(one.path, one.is_missed) for one in found.left_out] == [(name, is_missed)]
    (root / name).chmod(0o755)


def test_directory_that_nobody_may_read_is_an_error_when_a_package_holds_it(visible: Path) -> None:
    root = make(visible, {"app/data/x": ""})
    (root / "app" / "data").chmod(0)
    with ordinary_user(), pytest.raises(DeniedError, match="app/data: Permission denied"):
        selected(root)
    (root / "app" / "data").chmod(0o755)


def test_sockets_and_pipes_are_no_files(tmp_path: Path) -> None:
    root = make(tmp_path, {})
    os.mkfifo(root / "app" / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.open(root, os.O_RDONLY)
        listening.bind(f"/proc/self/fd/{here}/sock")
        os.close(here)
    assert paths(root) == set()


def test_node_modules_in_a_package_are_missed_unless_git_ignores_them(tmp_path: Path) -> None:
    root = make(tmp_path, {"app/node_modules/a.js": "", "app/CVS/x": "", "node_modules/b.js": ""})
    assert {one.path: one.is_missed for one in selected(root).left_out} == {
        "app/node_modules": True,
        "app/CVS": True,
        "node_modules": False,
    }
    (root / ".gitignore").write_text("node_modules\nCVS\n")
    git("init", "-q", cwd=root)
    assert not any(one.is_missed for one in selected(root).left_out)


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("*.key", ["a.key", "app/b.key"]),
        ("secrets/", ["app/secrets", "secrets"]),
        ("app/secrets", ["app/secrets"]),
        ("/secrets", ["secrets"]),
        ("app/**/x?.txt", ["app/d/e/x1.txt", "app/x1.txt"]),
        ("app/*", ["app/b.key", "app/secrets", "app/x1.txt"]),
        ("a.k", []),
        ("[a].key", []),
    ],
)
def test_patterns_are_those_of_gitignore(pattern: str, matched: list[str]) -> None:
    names = ["a.key", "app/b.key", "secrets", "app/secrets", "app/x1.txt", "app/d/e/x1.txt"]
    assert sorted(name for name in names if Patterns([pattern]).match(name)) == matched


def test_patterns_match_what_lies_in_a_directory() -> None:
    patterns = Patterns(["secrets/", "app/*.key"])
    names = ["a/secrets/b/c", "secrets/x", "app/a.key", "app/x/a.key", "app/secret"]
    assert [name for name in names if patterns.match_below(name)] == ["a/secrets/b/c", "secrets/x", "app/a.key"]


def test_what_is_excluded_does_not_count_even_when_git_tracks_it(tmp_path: Path) -> None:
    files = {"app/local.py": "", "app/secrets/key": "", "dist/x": "", "pyproject.toml": "[project]\nreadme='dist/x'\n"}
    root = make(tmp_path, files, tracked=tuple(files))
    (root / "app" / "link").symlink_to("../dist/x")
    assert paths(root, ("local.py", "secrets/", "dist")) == {"app/link"}
