"""Files of a project that ask for a Python version, which Debian decides here.

Sources: pyenv and uv (``.python-version``), Heroku (``runtime.txt``), asdf and mise (``.tool-versions``).
"""

from __future__ import annotations

import re
from pathlib import Path

from grocker import local_file
from grocker.platforms.suites import SUITES
from grocker.platforms.target import Target
from grocker.progress import Progress

_FILES = {
    ".python-version": re.compile(r"^\s*(?:cpython-|python-?)?(?P<version>\d+\.\d+)", re.MULTILINE),
    "runtime.txt": re.compile(r"^\s*python-(?P<version>\d+\.\d+)", re.MULTILINE),
    ".tool-versions": re.compile(r"^\s*python\s+(?P<version>\d+\.\d+)", re.MULTILINE),
}
"""by name, where the version is in it"""


def warn_of_python_version(directory: Path, target: Target, progress: Progress) -> None:
    """Warn of a file in ``directory`` that asks for another Python than the image has."""
    for name, pattern in _FILES.items():
        try:
            text = local_file.read(directory / name).decode("utf-8", "replace")
        except OSError:
            continue
        found = pattern.search(text)
        if found is not None and found["version"] != target.suite.python:
            has = ", ".join(f"{suite.name} has {suite.python}" for suite in SUITES.values())
            progress.warn(
                f"{name} asks for Python {found['version']}, but the image has {target.suite.python}, Debian's own",
                f"choose the suite with --debian or debian.suite ({has})",
            )
