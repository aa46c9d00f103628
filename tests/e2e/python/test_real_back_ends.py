"""Back ends of the real package index: they take the same files as in place, at the top and below it.

Each judges by what it finds above and beside the project: the repository, its index and its ignore rules.
"""

from __future__ import annotations

import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from grocker.python import build_wheel, find_uv, read_project, read_tree, resolve_build
from grocker.store import Store
from tests.support.repositories import commit

pytestmark = [pytest.mark.network, pytest.mark.slow]

PROJECT = '[project]\nname = "shop"\nversion = "1.0"\n'
BACK_ENDS: dict[str, tuple[str, str, bool]] = {
    "poetry": (
        'requires = ["poetry-core>=2"]\nbuild-backend = "poetry.core.masonry.api"\n',
        '[tool.poetry]\npackages = [{include = "shop", from = "src"}]\n',
        True,
    ),
    "hatchling": ('requires = ["hatchling"]\nbuild-backend = "hatchling.build"\n', "", True),
    "pdm": ('requires = ["pdm-backend"]\nbuild-backend = "pdm.backend"\n', "", False),
    "setuptools-scm": (
        'requires = ["setuptools>=80", "setuptools-scm>=8"]\nbuild-backend = "setuptools.build_meta"\n',
        "",
        False,
    ),
}
"""build system, settings, and whether it leaves out modules that git ignores"""
FILES = {
    "src/shop/__init__.py": "",
    "src/shop/data.txt": "data",
    "src/shop/templates/a.html": "page",
}
IGNORED = {"src/shop/local_settings.py": "KEY = 1\n", "src/shop/secrets/key.pem": "key"}


def built(place: Path, project: Path) -> set[str]:
    """Build with a copy as ``grocker build`` does; the names of the package's files in the wheel."""
    uv = find_uv(os.environ, cache=place / "uv")
    described, tree = read_project(project), read_tree(project, now=4 * 10**18)
    for name in ("pins", "work"):
        (place / name).mkdir()
    with Store.open(place / "store") as store:
        pins = resolve_build(described.build_requires, uv, workspace=place / "pins", directory=project)
        wheel = build_wheel(described, tree, uv, workspace=place / "work", epoch=315532800, pins=pins, store=store)
    return names(wheel)


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {f"src/{name}" for name in archive.namelist() if name.startswith("shop/")}


def built_in_place(place: Path, project: Path) -> set[str]:
    """The same of a wheel that uv builds without a copy."""
    uv = find_uv(os.environ, cache=place / "uv")
    command: list[str | Path] = [uv.executable, "build", "--quiet", "--wheel", "--out-dir", place / "dist", project]
    subprocess.run(command, env=dict(uv.environment), check=True)
    [wheel] = (place / "dist").glob("*.whl")
    return names(wheel)


@pytest.mark.parametrize("below", ["", "services/shop/"])
@pytest.mark.parametrize("name", BACK_ENDS)
def test_wheel_has_the_files_that_the_back_end_takes_in_place(tmp_path: Path, name: str, below: str) -> None:
    requires, more, judges_modules = BACK_ENDS[name]
    files = {
        f"{below}pyproject.toml": f"[build-system]\n{requires}{PROJECT}{more}",
        **{f"{below}{path}": text for path, text in FILES.items()},
        ".gitignore": "local_settings.py\nsecrets/\n",
    }
    commit(tmp_path / "repository", files)
    project = tmp_path / "repository" / below
    for path, text in IGNORED.items():
        (project / path).parent.mkdir(exist_ok=True)
        (project / path).write_text(text)
    found = built(tmp_path, project)
    assert found == built_in_place(tmp_path, project)
    assert found >= set(FILES)
    if judges_modules:
        assert found == set(FILES), "and none that git ignores"
