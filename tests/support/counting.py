"""Run a command in a process of its own, and count what it does (``tests.support.counted``)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.source import ROOT

_IN_LIBRARIES = re.compile(r"/(?:site|dist)-packages/")


@dataclass(frozen=True)
class Counted:
    """What a command did."""

    stdout: str
    modules: Mapping[str, str]
    """file by name, of those that were imported: beyond those of a bare Python"""
    started: tuple[str, ...]
    """names of programs, ``fork`` and ``connection``"""
    opened: tuple[str, ...]
    """paths of files"""
    listed: tuple[str, ...]
    """paths of directories"""

    def count_modules(self) -> dict[str, int]:
        """Count its modules by where they come from: Grocker, a library, or Python's own library."""
        own = sum(name.partition(".")[0] == "grocker" for name in self.modules)
        libraries = sum(_IN_LIBRARIES.search(file or "") is not None for file in self.modules.values())
        tests = sum(name.partition(".")[0] == "tests" for name in self.modules)
        return {"grocker": own, "libraries": libraries, "python": len(self.modules) - own - libraries - tests}


def count(
    report: Path,
    module: str,
    arguments: Sequence[str],
    environ: Mapping[str, str],
    directory: Path,
    *,
    ahead: float = 0,
) -> Counted:
    """Call ``main`` of a module with these arguments, in ``directory``; the file ``report`` is written.

    ``ahead``: seconds that its clock is ahead.
    """
    command = [sys.executable, "-m", "tests.support.counted", str(report.absolute()), str(ahead), module, *arguments]
    variables = {**environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    done = subprocess.run(command, env=variables, cwd=directory, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = json.loads(report.read_text())
    return Counted(done.stdout, said["modules"], tuple(said["started"]), tuple(said["opened"]), tuple(said["listed"]))
