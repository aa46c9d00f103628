"""A cache that projects share carries no code from one to the next."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from grocker.python import build_wheel, find_uv, read_project, read_tree
from grocker.store import Store
from tests.support.wheels import make_project, make_wheel, serve

pytestmark = pytest.mark.slow

SITE = "import dep; site = pathlib.Path(dep.__file__).parent; "
"""where the environment of a back end has its modules"""


def build(place: Path, name: str, extra: str, index: str) -> bytes:
    """Build a project that runs ``extra``; what it wrote to ``demo/said``."""
    project = make_project(place / name, {"demo/said": "nothing"}, extra=extra)
    path = project / "pyproject.toml"
    path.write_text(path.read_text().replace("requires = []", 'requires = ["dep"]'))
    work = place / f"work-{name}"
    work.mkdir()
    uv = find_uv({"HOME": "/nonexistent", "UV_DEFAULT_INDEX": index}, cache=place / "uv")
    with Store.open(place / "store") as store:
        wheel = build_wheel(
            read_project(project),
            read_tree(project, now=4 * 10**18),
            uv,
            workspace=work,
            epoch=315532800,
            store=store,
        )
    import zipfile

    with zipfile.ZipFile(wheel) as archive:
        return archive.read("demo/said")


EDITS = {
    "a module": "(site / 'dep.py').write_text('V = \"evil\"')",
    "a module of the same size and time": (
        "f = site / 'dep.py'; s = f.stat(); f.write_text(f.read_text().replace('good', 'evil')); "
        "os.utime(f, ns=(s.st_atime_ns, s.st_mtime_ns))"
    ),
    "another file in its place": "(site / 'new').write_text('V = \"evil\"'); os.replace(site / 'new', site / 'dep.py')",
    "a new module that is found first": (
        "(site / 'dep').mkdir(); (site / 'dep' / '__init__.py').write_text('V = \"evil\"')"
    ),
    "a .pth file": '(site / \'x.pth\').write_text(\'import sys; sys.modules["dep"] = type(sys)("dep"); '
    'sys.modules["dep"].V = "evil"\')',
    "bytecode": (
        "import py_compile; (site / 'x.py').write_text('V = \"evil\"'); (site / '__pycache__').mkdir(exist_ok=True); "
        "py_compile.compile(site / 'x.py', dep.__cached__, invalidation_mode=py_compile.PycInvalidationMode"
        ".UNCHECKED_HASH); (site / 'x.py').unlink()"
    ),
    "the interpreter": "p = site.parents[2] / 'bin' / 'python'; p.unlink(); p.write_text('#!/bin/sh'); p.chmod(0o755)",
}
SAY = "import dep; pathlib.Path('demo/said').write_text(dep.V)"


@pytest.mark.parametrize("edit", EDITS)
def test_next_project_with_the_same_pins_runs_nothing_that_a_back_end_left(tmp_path: Path, edit: str) -> None:
    with serve(tmp_path / "index") as index:
        make_wheel(index.directory, "dep", files={"dep.py": "V = 'good'\n"})
        assert build(tmp_path, "first", SAY, index.url) == b"good"
        build(tmp_path, "evil", SITE + EDITS[edit], index.url)
        assert build(tmp_path, "next", SAY, index.url) == b"good"


def test_uv_has_no_copy_that_a_back_end_could_edit_through_a_link(tmp_path: Path) -> None:
    with serve(tmp_path / "index") as index:
        make_wheel(index.directory, "dep", files={"dep.py": "V = 'good'\n"})
        build(tmp_path, "first", SAY, index.url)
    [tree] = (tmp_path / "store" / "v1" / "trees").iterdir()
    linked = [p for p in tree.rglob("*") if p.is_file() and not p.is_symlink() and p.stat().st_nlink > 1]
    assert linked == []


def rewrite(tree: Path) -> None:
    (tree / "a" / "x").write_text("evil")


def add(tree: Path) -> None:
    (tree / "a" / "y").write_text("evil")


def remove(tree: Path) -> None:
    (tree / "a" / "x").unlink()


def change_mode(tree: Path) -> None:
    (tree / "a" / "x").chmod(0o4755)


def redirect(tree: Path) -> None:
    (tree / "link").unlink()
    (tree / "link").symlink_to("/etc")


@pytest.mark.parametrize("change", [rewrite, add, remove, change_mode, redirect])
def test_tree_of_the_store_is_made_anew_when_it_is_not_what_was_put_there(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    with Store.open(tmp_path) as store:

        def make() -> Path:
            with store.new_tree("key") as new:
                (new / "a").mkdir()
                (new / "a" / "x").write_text("good")
                (new / "link").symlink_to("a")
            tree = store.tree("key")
            assert tree is not None
            return tree

        change(make())
        assert store.tree("key") is None
        assert (make() / "a" / "x").read_text() == "good"


def test_tree_of_the_store_counts_after_a_backup_was_restored(tmp_path: Path) -> None:
    with Store.open(tmp_path / "one") as store, store.new_tree("key") as new:
        (new / "x").write_text("good")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    os.utime(tmp_path / "two" / "v1" / "trees" / "key" / "x", (0, 0))
    with Store.open(tmp_path / "two") as store:
        assert store.tree("key") is not None
