"""The setuptools configuration of a flat layout."""

from __future__ import annotations

import tomllib
from pathlib import Path

from grocker.python.flat_layout import list_files, setuptools_table


def test_table_names_modules_and_packages() -> None:
    paths = ["app.py", "setup.py", "test_app.py", "shop/__init__.py", "shop/a.html", "templates/x.html", "docs/x.md"]
    assert tomllib.loads(setuptools_table(paths)) == {
        "tool": {
            "setuptools": {
                "py-modules": ["app"],
                "packages": {"find": {"include": ["shop*", "templates*"]}},
                "package-data": {"*": ["**/*"]},
            }
        }
    }


def test_table_is_empty_when_there_is_nothing_to_name() -> None:
    assert setuptools_table(["README.md", "src/shop/__init__.py", "tests/test_x.py"]) == ""


def test_directory_counts_only_as_a_package_when_its_name_is_common() -> None:
    assert setuptools_table(["config/x.ini"]) == ""
    assert '"config*"' in setuptools_table(["config/__init__.py"])


def test_files_of_virtual_environments_and_hidden_directories_are_left_out(tmp_path: Path) -> None:
    for name in ("venv/pyvenv.cfg", "venv/x", ".git/x", "shop/__init__.py", "shop/deep/x", "app.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert sorted(list_files(tmp_path)) == ["app.py", "shop/__init__.py", "shop/deep"]
