"""Which compilers and build systems besides gcc and make building a wheel takes: read from what the source declares.

Source: PEP 518 (``build-system.requires``); the manuals of maturin, setuptools-rust, meson and CMake.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from grocker import local_file
from grocker.platforms.suites import RUST
from grocker.python.project import Project
from grocker.python.requirements import required_name
from grocker.python.source_tree import SourceFile, SourceTree
from grocker.regex import regex

_BUILDS_RUST = frozenset({"maturin", "setuptools-rust"})
_LARGEST = 1 << 20
"""bytes of a file that is searched"""
_FORTRAN = {
    "meson.build": regex(r"['\"]fortran['\"]"),
    "CMakeLists.txt": regex(r"\b(?i:project|enable_language)\s*\([^)]*\bFortran\b"),
}
"""how a file of that name asks for a compiler of Fortran"""
_ASKING = frozenset({*_FORTRAN, "Cargo.toml", "setup.py"})
"""names of files that ask for something"""


class BuildTools(msgspec.Struct, frozen=True):
    """What a source asks for."""

    packages: tuple[str, ...]
    """Debian packages, sorted"""
    is_compiled: bool
    """whether a back end that finds no compiler is sure to fail"""


def find_build_tools(project: Project, tree: SourceTree) -> BuildTools:
    """Find what building ``project`` takes; ``tree``: its files. What comes as wheels from the index is left out."""
    requires = set(map(required_name, project.build_requires))
    asking = [one for one in tree.files if one.path.rpartition("/")[2] in _ASKING]
    names = {one.path for one in asking}
    scripts = [one for one in asking if one.path == "setup.py"]
    is_rust = not _BUILDS_RUST.isdisjoint(requires)
    packages: set[str] = set()
    if is_rust or "Cargo.toml" in names:
        packages.update(RUST)
    calls_cmake = "CMakeLists.txt" in names and "setup.py" in names and not any("cmake" in one for one in requires)
    if calls_cmake and not requires & {"scikit-build", "scikit-build-core"} and "cmake" in _read(tree, scripts):
        packages.add("cmake")
    for name, pattern in _FORTRAN.items():
        if pattern.search(_read(tree, [one for one in asking if one.path.rpartition("/")[2] == name])):
            packages.add("gfortran")
    return BuildTools(tuple(sorted(packages)), is_rust)


def _read(tree: SourceTree, files: Iterable[SourceFile]) -> str:
    """Return the text of some files of the tree; what cannot be read asks for nothing."""
    texts = []
    for one in files:
        try:
            texts.append(local_file.read(one.source(tree.root), most=_LARGEST).decode("utf-8", "replace"))
        except OSError:
            continue
    return "\n".join(texts)
