"""A cache that has what compiling takes: made once a run by a build that compiles, and copied for each user."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import textwrap
from collections.abc import Collection, Mapping
from pathlib import Path

from grocker.platforms.suites import SUITES
from tests.support.side_by_side import directory, once

PYTHON = next(iter(SUITES.values())).python
"""of Debian's default suite; a project that sets it is not tried with others"""
_REQUIREMENTS = "--no-index\n--find-links links\nNAME==1.0\n"
SMALL = {
    "setup.py": """
        from setuptools import Extension, setup
        setup(name="made-up-small", version="1.0", ext_modules=[Extension("small", ["small.c"])])
        """,
    "pyproject.toml": """
        [build-system]
        requires = ["setuptools"]
        build-backend = "setuptools.build_meta"
        """,
    "PKG-INFO": "Metadata-Version: 2.1\nName: made-up-small\nVersion: 1.0\n",
    "small.c": """
        #include <Python.h>
        static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "small", NULL, -1, NULL};
        PyMODINIT_FUNC PyInit_small(void) {
            PyObject *made = PyModule_Create(&module);
            PyModule_AddStringConstant(made, "file", __FILE__);
            return made;
        }
        """,
}
"""an sdist with one module in C, ``small``, by setuptools"""
NAME = "made-up-small"
"""that sdist's"""


def write_project(place: Path, name: str = NAME, files: Mapping[str, str] = SMALL) -> Path:
    """Write a script that requires an sdist, and that sdist beside it, into a new directory; no index is asked."""
    place.mkdir(parents=True)
    place.chmod(0o755)
    (place / "app.py").write_text("print('here')\n")
    (place / "pyproject.toml").write_text(f'[tool.grocker]\npython = "{PYTHON}"\n')
    (place / "requirements.txt").write_text(_REQUIREMENTS.replace("NAME", name))
    pack(place / "links" / f"{name.replace('-', '_')}-1.0.tar.gz", f"{name}-1.0", files)
    return place


def pack(archive: Path, top: str, files: Mapping[str, str]) -> None:
    """Write an sdist: a ``.tar.gz`` of these files, by path, below ``top``."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz") as opened:
        for name, text in files.items():
            data = textwrap.dedent(text).encode()
            member = tarfile.TarInfo(f"{top}/{name}")
            member.size = len(data)
            opened.addfile(member, io.BytesIO(data))


def compiler_cache(uid: int = 0) -> Path:
    """Return a cache with a compiler's root in it, for Debian's default suite, of that user.

    Other tests use it at the same time.
    """

    def make() -> str:
        cache = directory() / f"compilers-{uid}"
        _copy(cache, uid)
        return str(cache)

    return Path(once(f"compiler-cache-{uid}", make))


def own_compiler_cache(cache: Path) -> Path:
    """Make a cache as ``compiler_cache`` returns, which no other test uses; return it."""
    _copy(cache, 0)
    return cache


def warm(cache: Path, uid: int = 0) -> Path:
    """Make a cache of that user with the packages of Debian's default suite, none of them unpacked; return it.

    For tests that need a cache of their own, but not an empty one.
    """
    _copy(cache, uid, left_out=("trees",))
    return cache


def _copy(target: Path, uid: int, left_out: Collection[str] = ()) -> None:
    made = Path(once("compiler-cache", _make))
    (target / "v1").mkdir(parents=True)
    kept = [path for path in (made / "v1").iterdir() if path.name not in left_out]
    subprocess.run(["cp", "--archive", "--reflink=auto", *kept, target / "v1"], check=True)
    if uid:
        subprocess.run(["chown", "--recursive", "--no-dereference", f"{uid}:{uid}", target], check=True)


def _make() -> str:
    """Make the cache that the others are copied from. No build uses it, so no file goes away during a copy."""
    directory().chmod(0o711)
    cache = directory() / "compilers"
    project = write_project(directory() / "compiled")
    subprocess.run(
        [sys.executable, "-m", "grocker", "build", project, "--output", "store", "--quiet"],
        env={**os.environ, "GROCKER_CACHE": str(cache)},
        check=True,
    )
    return str(cache)
