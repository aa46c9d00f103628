"""What archives and indexes answer: locked files, and where this host gets them."""

from __future__ import annotations

import msgspec

from grocker.lock.values import DebianPackage, PythonFile


class DebianAnswer(msgspec.Struct, frozen=True):
    """The packages of an image."""

    at: float
    """seconds since 1970"""
    packages: tuple[DebianPackage, ...]
    mirrors: dict[str, str]
    """the archive's address by suite"""

    @property
    def digests(self) -> tuple[str, ...]:
        """The sha256 of every package, in order: the answer's identity."""
        return tuple(package.sha256 for package in self.packages)


class PythonAnswer(msgspec.Struct, frozen=True):
    """The wheels of an image, without the application's own."""

    at: float
    """seconds since 1970"""
    files: tuple[PythonFile, ...]
    urls: dict[str, str]
    """where each file is served, by its sha256"""
    missing: tuple[str, str | None] | None = None
    """message and hint, if a package has no wheel for the target"""
    stale: tuple[str, str | None] | None = None
    """message and hint, if the project's lock file does not fit it"""
