"""Where the interpreters of images come from: Debian's own, and standalone ones. A table.

Sources: Debian's python3 packages; the documentation of python-build-standalone ("Distribution archives").
"""

from __future__ import annotations

import msgspec

from grocker.regex import regex


class InterpreterOrigin(msgspec.Struct, frozen=True):
    """A place that interpreters come from."""

    name: str
    """as ``grocker.lock`` and ``inspect`` write it"""
    prefix: str
    """its directory in images, without a leading slash"""
    packages: tuple[str, ...] = ()
    """Debian packages that its programs need, besides those of every image"""
    series: tuple[str, ...] = ()
    """the release series that images can have, the preferred first; empty: those of the suites"""


DEBIAN = InterpreterOrigin("debian", "usr")
DIST_PACKAGES = "usr/lib/python3/dist-packages"
"""where Debian's packages have their modules (Debian Python Policy), on the path of Debian's interpreter alone"""
STANDALONE = InterpreterOrigin(
    "standalone",
    "opt/python",
    packages=("libcrypt1",),  # the module crypt of 3.12 and older
    series=("3.13", "3.12", "3.14", "3.15", "3.11", "3.10", "3.9"),
)
STANDALONE_FORMAT = 1
"""Goes into step keys: raised when the same archive would give other files."""
OLDEST = (3, 9)
"""the first release that the runner and the bytecode compiler run with"""

SAFE_PATH = (3, 11)
"""the first release with ``-P``, which leaves the working directory out of its path"""

_VERSION = regex(r"(?P<series>3\.\d+)\.\d+(?P<threading>t?)")


def series_of(version: str) -> str:
    """Return the release series of a full version: ``3.12`` of ``3.12.16``, ``3.13t`` of ``3.13.18t``."""
    match = _VERSION.fullmatch(version)
    if match is None:
        raise ValueError(f"not a version of CPython: {version!r}")
    return match["series"] + match["threading"]


def program_arguments(program: str, release: tuple[int, int]) -> tuple[str, ...]:
    """Return the arguments that run a program's text, with neither the working directory nor ~ on its path."""
    if release >= SAFE_PATH:
        return ("-P", "-s", "-c", program)
    return ("-s", "-c", f"import sys; sys.path.remove(''); exec({program!r})")


def release_of(series: str) -> tuple[int, int]:
    """Return the numbers of a release series: (3, 13) of ``3.13`` and of ``3.13t``."""
    major, minor = series.removesuffix("t").split(".")
    return int(major), int(minor)
