"""Real back ends of this Python's own environment, and projects with a static configuration of each.

A back end is imported once, in a process of its own, and each wheel is built in a fork of that: starting it anew would
take most of the time of a test.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import IO
from zipfile import ZIP_STORED

from packaging.requirements import Requirement

from grocker.lock.values import BuildRequirement
from grocker.python import SourceTree
from grocker.python.pure_wheel import write_pure_wheel
from grocker.python.source_tree import copy_tree
from tests.support.wheels import make_wheel

EPOCH = 1_000_000_000
_PROGRAM = """
import importlib, json, os, sys

module, answers = sys.argv[1], int(sys.argv[2])
imported = importlib.import_module(module)
for line in sys.stdin:
    copy, out = json.loads(line)
    child = os.fork()
    if child == 0:
        os.chdir(copy)
        os.dup2(2, 1)
        imported.build_wheel(out, None, None)
        with open(out + ".modules", "w") as stream:
            json.dump([name for name, found in sys.modules.items() if getattr(found, "__spec__", None)], stream)
        os._exit(0)
    os.write(answers, b"%d\\n" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    with open(out + ".modules") as stream:  # the next child has them already
        for name in json.load(stream):
            importlib.import_module(name)
"""


@dataclass(frozen=True)
class BackEnd:
    """A back end that a project names."""

    name: str
    """of its distribution"""
    module: str
    settings: str = ""
    """TOML of a static project whose package lies in ``src``"""
    flat: str = ""
    """the same, if it does not, and other directories lie beside it"""
    dynamic: str | None = None
    """the same, if it does and the version stands in its ``__init__.py``; None if that cannot be"""

    def system(self) -> str:
        return f'[build-system]\nrequires = ["{self.name}"]\nbuild-backend = "{self.module}"\n'

    def pins(self) -> tuple[BuildRequirement, ...]:
        """It and all that it requires, as this Python has them."""
        found: dict[str, BuildRequirement] = {}
        waiting = [self.name]
        while waiting:
            name = waiting.pop()
            installed = distribution(name)
            found[name] = BuildRequirement(name, installed.version)
            requirements = map(Requirement, installed.requires or ())
            needed = {one.name for one in requirements if one.marker is None or one.marker.evaluate({"extra": ""})}
            waiting += needed - found.keys()
        return tuple(found[name] for name in sorted(found))


_SETUPTOOLS = '[tool.setuptools.package-data]\n"*" = ["**/*"]\n'
BACK_ENDS: Mapping[str, BackEnd] = {
    "setuptools": BackEnd(
        "setuptools",
        "setuptools.build_meta",
        _SETUPTOOLS,
        f'[tool.setuptools.packages.find]\ninclude = ["shop*"]\n{_SETUPTOOLS}',
        f'{_SETUPTOOLS}[tool.setuptools.dynamic]\nversion = {{attr = "shop.__version__"}}\n',
    ),
    "hatchling": BackEnd(
        "hatchling",
        "hatchling.build",
        dynamic='[tool.hatch.version]\npath = "src/shop/__init__.py"\n',
    ),
    "flit": BackEnd("flit-core", "flit_core.buildapi", dynamic=""),
    "poetry": BackEnd(
        "poetry-core",
        "poetry.core.masonry.api",
        '[tool.poetry]\npackages = [{include = "shop", from = "src"}]\n',
        '[tool.poetry]\npackages = [{include = "shop"}]\n',
    ),
    "pdm": BackEnd(
        "pdm-backend",
        "pdm.backend",
        dynamic='[tool.pdm.version]\nsource = "file"\npath = "src/shop/__init__.py"\n',
    ),
    "uv": BackEnd("uv-build", "uv_build", flat='[tool.uv.build-backend]\nmodule-root = ""\n'),
}


def make_installed_wheel(directory: Path, name: str) -> Path:
    """Make the wheel of a distribution that this Python has installed, as far as a back end needs it."""
    installed = distribution(name)
    files: dict[str, str | bytes] = {}
    for file in installed.files or ():
        path = Path(str(file.locate()))
        if file.parts[0] == ".." and file.parts[-2] == "bin":
            files[f"{name.replace('-', '_')}-{installed.version}.data/scripts/{file.name}"] = path.read_bytes()
        elif not file.parts[0].endswith(".dist-info") and "__pycache__" not in file.parts and file.parts[0] != "..":
            files[str(file)] = path.read_bytes()
    points = installed.read_text("entry_points.txt") or ""
    requires = [text for text in installed.requires or () if "extra ==" not in text]
    return make_wheel(
        directory, name, installed.version, files, requires=requires, entry_points=points, compression=ZIP_STORED
    )


class Running:
    """A process that has imported a back end."""

    def __init__(self, requests: IO[bytes], answers: IO[bytes]) -> None:
        self._requests, self._answers = requests, answers

    def build(self, tree: SourceTree, place: Path) -> Path:
        """Build the wheel of ``tree`` below the empty directory ``place``, and write it as Grocker does."""
        copy, out = copy_tree(tree, place / "source", epoch=EPOCH), place / "wheel"
        if tree.repository is not None:
            tree.repository.share(place / "source", [file.path for file in tree.files])
        out.mkdir()
        self._requests.write(json.dumps([str(copy), str(out)]).encode() + b"\n")
        self._requests.flush()
        assert self._answers.readline() == b"0\n"
        [wheel] = out.glob("*.whl")
        pure = write_pure_wheel(wheel, place)
        assert pure is not None
        return pure


@contextmanager
def running(back_end: BackEnd, place: Path) -> Iterator[Running]:
    """Start that back end; ``place``: an empty directory, its home."""
    environ = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(place),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "SOURCE_DATE_EPOCH": str(EPOCH),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
    }
    reading, writing = os.pipe()
    with open(reading, "rb") as answers, open(place / "log", "wb") as log:
        command = [sys.executable, "-P", "-s", "-c", _PROGRAM, back_end.module, str(writing)]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environ, cwd=place, pass_fds=[writing]
        )
        os.close(writing)
        assert process.stdin is not None
        with process, process.stdin:
            yield Running(process.stdin, answers)
