"""Which compilers and build systems a source takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from grocker.python import read_project, read_tree
from grocker.python.build_tools import BuildTools, find_build_tools

RUST = ("cargo", "rustc")
CMAKE = "cmake_minimum_required(VERSION 3.18)\nproject(x LANGUAGES C)\n"


def system(*requires: str) -> str:
    return f'[build-system]\nrequires = {list(requires)!r}\nbuild-backend = "x"\n'


@pytest.mark.parametrize(
    ("files", "tools"),
    [
        ({"pyproject.toml": system("maturin>=1,<2")}, BuildTools(RUST, is_compiled=True)),
        ({"pyproject.toml": system("setuptools", "setuptools_rust[x]>=1")}, BuildTools(RUST, is_compiled=True)),
        ({"pyproject.toml": system("setuptools"), "Cargo.toml": ""}, BuildTools(RUST, is_compiled=False)),
        ({"pyproject.toml": system("setuptools"), "a/Cargo.toml": ""}, BuildTools((), is_compiled=False)),
        ({"pyproject.toml": system("scikit-build-core"), "CMakeLists.txt": CMAKE}, BuildTools((), is_compiled=False)),
        ({"pyproject.toml": system("meson-python"), "meson.build": "project('x', 'c')"}, BuildTools((), False)),
        (
            {"pyproject.toml": system("meson-python"), "src/meson.build": "add_languages('fortran')"},
            BuildTools(("gfortran",), is_compiled=False),
        ),
        (
            {"pyproject.toml": system("scikit-build-core"), "CMakeLists.txt": "Project (x\n  LANGUAGES C Fortran)"},
            BuildTools(("gfortran",), is_compiled=False),
        ),
        (
            {"setup.py": "subprocess.run(['cmake', '.'])", "CMakeLists.txt": CMAKE},
            BuildTools(("cmake",), is_compiled=False),
        ),
        (
            {"pyproject.toml": system("setuptools", "cmake"), "setup.py": "# cmake", "CMakeLists.txt": CMAKE},
            BuildTools((), is_compiled=False),
        ),
        ({"setup.py": "setup()", "CMakeLists.txt": CMAKE}, BuildTools((), is_compiled=False)),
    ],
)
def test_tools_are_read_from_what_a_source_declares(
    tmp_path: Path, files: Mapping[str, str], tools: BuildTools
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert find_build_tools(read_project(tmp_path), read_tree(tmp_path, now=0)) == tools
