from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from grocker.cli.replay import snapshot
from grocker.errors import CorruptError, DeniedError, MissingError
from grocker.python import read_tree
from grocker.python.source_tree import copy_tree
from grocker.python.tree_record import UNKNOWN, TreeRecord
from tests.python.test_git import git
from tests.support.user import ordinary_user, visible_directory

NOW = 4_000_000_000_000_000_000


@pytest.fixture
def visible() -> Iterator[Path]:
    with visible_directory() as place:
        yield place


def make(root: Path, **files: str) -> Path:
    for name, text in {"pyproject.toml": "[project]\n", "app/__init__.py": "", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def paths(root: Path) -> list[str]:
    return [file.path for file in read_tree(root, now=NOW).files]


def test_tree_leaves_out_what_is_not_source(tmp_path: Path) -> None:
    root = make(
        tmp_path,
        **{
            ".git/HEAD": "x",
            ".hg/x": "x",
            "venv/pyvenv.cfg": "x",
            "venv/bin/python": "x",
            "app/__pycache__/x.cpython-313.pyc": "x",
            "app/old.pyc": "x",
            ".mypy_cache/x": "x",
            ".ruff_cache/x": "x",
            ".tox/x": "x",
            "dist/app-1.0.tar.gz": "x",
            "build/lib/app/__init__.py": "x",
            "src/app.egg-info/PKG-INFO": "x",
            "web/node_modules/x/index.js": "x",
            "image/oci-layout": "x",
            "image/index.json": "x",
            "grocker.lock": "x",
            "app/static/dist/app.js": "kept",
            "app/build/__init__.py": "kept",
            ".gitignore": "kept",
        },
    )
    assert paths(root) == [
        ".gitignore",
        "app/__init__.py",
        "app/build/__init__.py",
        "app/static/dist/app.js",
        "pyproject.toml",
    ]


def test_tree_keeps_a_package_that_is_called_build(tmp_path: Path) -> None:
    assert "build/__init__.py" in paths(make(tmp_path, **{"build/__init__.py": ""}))


def test_tree_digest_is_a_constant_of_paths_bits_and_contents(tmp_path: Path) -> None:
    root = make(tmp_path / "a", run="#!/bin/sh\n")
    (root / "run").chmod(0o755)
    (root / "link").symlink_to("app/__init__.py")
    assert read_tree(root, now=NOW).digest == "sha256:6cafae5515fa8567a00103ffc69e79f30f163b358de7683289bdc01386b85dda"


def test_tree_digest_is_the_same_when_times_umask_and_order_differ(tmp_path: Path) -> None:
    one = make(tmp_path / "one", b="b", a="a", run="x")
    two = make(tmp_path / "elsewhere" / "two", run="x", a="a", b="b")
    for path, mode in ((one / "a", 0o600), (two / "a", 0o666), (one / "run", 0o700), (two / "run", 0o755)):
        path.chmod(mode)
    os.utime(two / "b", (1, 1))
    assert read_tree(one, now=NOW).digest == read_tree(two, now=NOW).digest


@pytest.mark.parametrize("change", ["content", "bit", "name", "new", "link"])
def test_tree_digest_differs_when_the_source_does(tmp_path: Path, change: str) -> None:
    root = make(tmp_path, a="a")
    before = read_tree(root, now=NOW).digest
    match change:
        case "content":
            (root / "a").write_text("b")
        case "bit":
            (root / "a").chmod(0o755)
        case "name":
            (root / "a").rename(root / "b")
        case "new":
            (root / "empty").write_text("")
        case _:
            (root / "l").symlink_to("a")
    assert read_tree(root, now=NOW).digest != before


def test_tree_is_not_read_again_when_stat_says_the_same(tmp_path: Path) -> None:
    root = make(tmp_path, a="a")
    first = read_tree(root, now=NOW)
    assert first.known.circumstances
    lie = replace(first.known, files=tuple(replace(row, digest="0" * 64) for row in first.known.files))
    unknown = replace(lie, circumstances="")  # which files count is found out again
    assert {file.digest for file in read_tree(root, now=NOW, known=unknown).files} == {"0" * 64}
    assert {file.digest for file in read_tree(root, now=NOW, known=lie).files} == {"0" * 64}
    (root / "a").write_text("b")
    changed = {file.path: file.digest for file in read_tree(root, now=NOW, known=lie).files}
    assert changed["a"] == "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"


def test_tree_does_not_note_files_that_changed_just_now(tmp_path: Path) -> None:
    root = make(tmp_path, a="a")
    known = read_tree(root, now=(root / "a").stat().st_mtime_ns + 1).known
    assert {row.stat[:-1] for row in known.files} == {row.stat[:-1] for row in known.directories} == {UNKNOWN[:-1]}


def test_known_is_read_back_as_written(tmp_path: Path) -> None:
    known = read_tree(make(tmp_path, **{"ü": "a", "tab\tx": "b"}), now=NOW).known
    assert TreeRecord.decode(known.encode()) == known
    assert len(known.files) == 4
    assert TreeRecord.decode(b"rubbish\n") == TreeRecord()


def test_known_leaves_out_what_is_no_text(tmp_path: Path) -> None:
    known = read_tree(make(tmp_path, **{"ü\udcff": "a", "tab\tx": "b"}), now=NOW).known
    found = [row.path for row in TreeRecord.decode(known.encode()).files]
    assert found == ["app/__init__.py", "pyproject.toml", "tab\tx"]


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "app/../../outside", "/nonexistent/x"])
def test_tree_has_nothing_of_what_lies_outside(tmp_path: Path, target: str) -> None:
    root = make(tmp_path / "project")
    (tmp_path / "outside").write_text("secret")
    (root / "link").symlink_to(target)
    tree = read_tree(root, now=NOW)
    assert "link" not in paths(root)
    assert [(one.path, one.is_missed) for one in tree.left_out] == [("link", False)]
    assert tree.left_out[0].why == f"it points outside the project, to {target}"


@pytest.mark.parametrize(("name", "words"), [("nowhere", "does not exist"), ("file", "is a file")])
def test_tree_is_missing_when_there_is_no_directory(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MissingError, match=words):
        read_tree(tmp_path / name, now=NOW)


def test_copy_has_fixed_modes_and_times_and_only_what_counts(tmp_path: Path) -> None:
    root = make(tmp_path / "p", **{"run": "x", "dist/x": "x"})
    (root / "run").chmod(0o700)
    (root / "absolute").symlink_to(root / "app")
    copy_tree(read_tree(root, now=NOW), tmp_path / "copy", epoch=315532800)
    copy = tmp_path / "copy"
    found = {
        str(path.relative_to(copy)): (oct(path.lstat().st_mode & 0o777), int(path.lstat().st_mtime))
        for path in copy.rglob("*")
        if not path.is_symlink()
    }
    assert found == {
        "app": ("0o755", 315532800),
        "app/__init__.py": ("0o644", 315532800),
        "pyproject.toml": ("0o644", 315532800),
        "run": ("0o755", 315532800),
    }
    assert os.readlink(copy / "absolute") == "app"


def test_copy_is_refused_when_a_file_changed_meanwhile(tmp_path: Path) -> None:
    root = make(tmp_path / "p", a="a")
    tree = read_tree(root, now=NOW)
    (root / "a").write_text("b")
    with pytest.raises(CorruptError, match="a changed while it was being read"):
        copy_tree(tree, tmp_path / "copy", epoch=0)


def test_copy_lies_where_the_project_does_in_its_repository(tmp_path: Path) -> None:
    top = tmp_path / "repository"
    make(top / "team" / "app")
    (top / "LICENSE").write_text("free")
    (top / "team" / "app" / "LICENSE").symlink_to("../../LICENSE")
    git("init", "-q", cwd=top)
    git("add", ".", cwd=top)
    tree = read_tree(top / "team" / "app", now=NOW)
    copy = copy_tree(tree, tmp_path / "copy", epoch=0)
    assert copy == tmp_path / "copy" / "team" / "app"
    assert (copy / "LICENSE").read_text() == "free"
    assert not (tmp_path / "copy" / "LICENSE").is_symlink()


def test_file_that_nobody_may_read_is_left_out_unless_a_package_holds_it(visible: Path) -> None:
    root = make(visible, note="x")
    (root / "note").chmod(0)
    with ordinary_user():
        tree = read_tree(root, now=NOW)
        assert [(one.path, one.why, one.is_missed) for one in tree.left_out] == [("note", "it cannot be read", True)]
        assert [file.path for file in tree.files] == ["app/__init__.py", "pyproject.toml"]
    (root / "app" / "key").touch(0)
    with ordinary_user(), pytest.raises(DeniedError, match="app/key: Permission denied"):
        read_tree(root, now=NOW)


@pytest.mark.parametrize(
    "change",
    [
        "echo > empty/x.py",
        "echo > var/x.py",
        "echo > build/__init__.py",
        "echo > build/target",
        "rm marked/CACHEDIR.TAG",
        "git rm -q --cached app/tracked.pyc",
        "echo 'tracked.pyc' > app/.gitignore",
    ],
)
def test_watched_places_change_when_other_files_count(tmp_path: Path, change: str) -> None:
    names = ("var/a.log", "build/lib/a.py", "marked/CACHEDIR.TAG", "marked/x.py", "app/tracked.pyc", "deep/er/a.py")
    root = make(tmp_path, **dict.fromkeys(names, ""), **{".gitignore": "/var/\n"})
    (root / "empty").mkdir()
    (root / "link").symlink_to("build/target")
    git("init", "-q", cwd=root)
    git("add", "--force", "app", "pyproject.toml", cwd=root)

    def watched() -> dict[str, list[int]]:
        assert before.repository is not None
        return snapshot((*(str(root / path) for path in before.watched), *map(str, before.repository.state_files())))

    before = read_tree(root, now=NOW)
    seen = watched()
    assert watched() == seen
    subprocess.run(["sh", "-ec", change], cwd=root, check=True)
    assert [(one.path, one.digest) for one in read_tree(root, now=NOW).files] != [
        (one.path, one.digest) for one in before.files
    ]
    assert watched() != seen
