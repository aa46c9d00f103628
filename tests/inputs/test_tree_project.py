"""Whether a project is a package or a source tree, and what a tree says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from grocker.config.settings import Settings
from grocker.errors import SettingsError
from grocker.inputs.tree_project import is_tree, only_back_end_reads, read_tree_project

BUILD = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
PROJECT = '[project]\nname = "Shop_Site"\nversion = "2.1"\ndependencies = ["flask"]\n'


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"pyproject.toml": PROJECT + BUILD}, False),
        ({"pyproject.toml": PROJECT}, True),
        ({"pyproject.toml": PROJECT + BUILD + "[tool.uv]\npackage = false\n"}, True),
        ({"pyproject.toml": PROJECT + "[tool.uv]\npackage = true\n"}, False),
        ({"pyproject.toml": BUILD + "[tool.poetry]\npackage-mode = false\n"}, True),
        ({"pyproject.toml": PROJECT + BUILD + "[tool.pdm]\ndistribution = false\n"}, True),
        ({"pyproject.toml": '[project]\nname = ""\nversion = ""\n' + BUILD}, True),
        ({"pyproject.toml": "[tool.ruff]\n"}, True),
        ({"requirements.txt": "flask\n"}, True),
        ({"app.py": ""}, True),
        ({"setup.py": "from setuptools import setup\nsetup(name='a')\n"}, False),
        ({"setup.cfg": "[flake8]\n"}, True),
        ({"setup.cfg": "[metadata]\nname = a\n"}, False),
        ({"setup.py": "setup(name='a', packages=['a'])", "requirements.txt": "flask"}, True),
        ({"setup.py": "setup(name='a', install_requires=['flask'])", "requirements.txt": "flask"}, False),
    ],
)
def test_project_is_a_tree_unless_it_says_that_it_is_a_package(
    tmp_path: Path, files: dict[str, str], expected: bool
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert is_tree(tmp_path, Settings()) is expected
    assert is_tree(tmp_path, Settings(install="package")) is False
    assert is_tree(tmp_path, Settings(install="tree")) is True


def test_project_table_describes_the_tree(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PROJECT + '[project.scripts]\nshop = "shop:main"\n')
    (tmp_path / "requirements.txt").write_text("django\n")
    found = read_tree_project(tmp_path, Settings())
    assert (found.name, found.project.name, found.version) == ("Shop_Site", "shop-site", "2.1")
    assert found.project.dependencies == ("flask",)
    assert found.requirement_files == ()
    assert found.scripts == {"shop": "shop:main"}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["requirements.txt", "requirements/production.txt"], "requirements.txt"),
        (["requirements/base.txt", "requirements/production.txt"], "requirements/production.txt"),
        (["infra/requirements/prod.txt", "docs/requirements.txt"], "infra/requirements/prod.txt"),
        (["requirements-prod.txt"], "requirements-prod.txt"),
    ],
)
def test_first_requirement_file_counts_when_nothing_else_names_requirements(
    tmp_path: Path, names: list[str], expected: str
) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("flask\n")
    found = read_tree_project(tmp_path, Settings())
    assert found.requirement_files == (tmp_path / expected,)
    assert found.version == "latest"


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"setup.py": "setup(install_requires=['flask'])"}, "setup.py"),
        ({"setup.cfg": "[options]\ninstall_requires = flask"}, "setup.cfg"),
        ({"pyproject.toml": '[project]\nname = "a"\ndynamic = ["dependencies"]\n'}, "pyproject.toml"),
        ({"setup.py": "setup(install_requires=['flask'])", "pyproject.toml": PROJECT}, None),
        ({"setup.py": "setup(install_requires=['a'])", "pyproject.toml": '[project]\nname = "a"\n'}, None),
        ({"setup.py": "setup(install_requires=['flask'])", "requirements.txt": "flask"}, None),
        ({"setup.py": "setup()"}, None),
    ],
)
def test_tree_is_refused_when_only_a_back_end_reads_its_requirements(
    tmp_path: Path, files: dict[str, str], place: str | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert only_back_end_reads(tmp_path, Settings()) is (place is not None)
    if place is not None:
        with pytest.raises(SettingsError, match=f"the requirements of the source tree are in {place}"):
            read_tree_project(tmp_path, Settings())


def test_settings_choose_requirement_files(tmp_path: Path) -> None:
    for name in ("requirements.txt", "web.txt"):
        (tmp_path / name).write_text("flask\n")
    assert read_tree_project(tmp_path, Settings(requirements=("web.txt",))).requirement_files == (tmp_path / "web.txt",)
    with pytest.raises(SettingsError, match=r"the project has no file 'gone\.txt'"):
        read_tree_project(tmp_path, Settings(requirements=("gone.txt",)))
