"""The target of an image: a Debian suite and an interpreter on an architecture."""

from __future__ import annotations

import msgspec

from grocker.errors import UsageError
from grocker.platforms.interpreters import DEBIAN, STANDALONE, InterpreterOrigin, series_of
from grocker.platforms.suites import Suite, find_suite


class Target(msgspec.Struct, frozen=True):
    """A suite on an architecture, with the suite's interpreter or a standalone one."""

    suite: Suite
    architecture: str
    """Debian's and OCI's name: ``amd64``"""
    standalone: str = ""
    """full version of a standalone interpreter, ``3.12.16`` or, free-threaded, ``3.13.18t``; empty: the suite's own"""

    @property
    def platform(self) -> str:
        """``linux/amd64``"""
        return f"linux/{self.architecture}"

    @property
    def origin(self) -> InterpreterOrigin:
        """Where the interpreter comes from."""
        return STANDALONE if self.standalone else DEBIAN

    @property
    def python(self) -> str:
        """Release series of the interpreter: ``3.13``, or free-threaded ``3.13t``."""
        return series_of(self.standalone) if self.standalone else self.suite.python

    @property
    def interpreter_packages(self) -> tuple[str, ...]:
        """Debian packages that the interpreter consists of, or needs."""
        return self.origin.packages if self.standalone else self.suite.interpreter

    @property
    def header_packages(self) -> tuple[str, ...]:
        """Debian packages with what compiling for the interpreter takes; a standalone one has its own headers."""
        return () if self.standalone else ("python3-dev",)


def select_target(suite: str, platform: str, standalone: str = "") -> Target:
    """The target for a suite (``trixie``), a platform (``linux/amd64``) and a standalone interpreter's version.

    Raises SettingsError for an unknown suite, UsageError for a platform that the suite does not support.
    """
    row = find_suite(suite)
    system, _, architecture = platform.partition("/")
    if system != "linux" or architecture not in row.architectures:
        known = ", ".join(f"linux/{name}" for name in row.architectures)
        raise UsageError(f"unsupported platform {platform!r}", hint=f"choose one of {known}")
    return Target(row, architecture, standalone)
