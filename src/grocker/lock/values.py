"""The lock's values: name, version, file, size and digest of every input of an image, for each platform.

They contain no addresses: a file is named relative to its archive or index, so that any mirror can serve it.
"""

from __future__ import annotations

import msgspec

from grocker.digest import Digest

NAME = "grocker.lock"
"""the lock's file"""
VERSION = 1
"""of its format"""


class DebianPackage(msgspec.Struct, frozen=True, order=True):
    """One binary package (Debian Policy, chapter 5)."""

    name: str
    version: str
    architecture: str
    """``amd64``, ``arm64`` or ``all``"""
    suite: str
    """the suite that has it: ``trixie``, ``trixie-updates``, ``trixie-security``"""
    filename: str
    """path below the archive's address: ``pool/main/…``"""
    size: int
    """bytes of the ``.deb``"""
    sha256: Digest


class PythonFile(msgspec.Struct, frozen=True, order=True, omit_defaults=True):
    """One wheel of one distribution (PyPA binary distribution format)."""

    name: str
    """normalised distribution name"""
    version: str
    file: str
    """file name: ``NAME-VERSION-TAGS.whl``"""
    index: str
    """alias of the index that serves it: ``default``, or the name that uv's configuration gives it; ``sdist`` for a
    wheel that Grocker built from the sdist of that version, ``source`` for one that it built from ``source``"""
    size: int
    """bytes of the file"""
    sha256: Digest
    sdist: str = ""
    """digest of the sdist that the wheel was built from, or of the files of its directory; empty for others"""
    build: tuple[str, ...] = ()
    """what it was built with: ``NAME==VERSION`` or ``NAME==VERSION ; MARKER``, sorted"""
    source: str = ""
    """where a wheel comes from if no index has it, without credentials: ``git+URL@COMMIT#subdirectory=DIR``, built
    here; ``path:PATH``, relative to the project, a wheel or what one was built from; ``archive+URL``, a wheel or the
    sdist that one was built from"""
    libraries: tuple[str, ...] = ()
    """Debian packages with the libraries that its compiled modules were linked with, sorted"""

    @property
    def is_compiled(self) -> bool:
        """Whether Grocker compiled it."""
        return bool(self.build or self.sdist) and not self.file.endswith("-none-any.whl")


class BuildRequirement(msgspec.Struct, frozen=True, order=True):
    """One distribution in the environment of the project's PEP 517 back end; the same on every host."""

    name: str
    version: str
    marker: str = ""
    """the hosts that need it; empty for all"""
    hashes: tuple[str, ...] = ()
    """``sha256:HEX`` of each of its files on the index, sorted: each host chooses its own"""


class StandalonePython(msgspec.Struct, frozen=True, order=True):
    """The archive of a standalone interpreter (python-build-standalone)."""

    version: str
    """``3.12.16``; free-threaded ``3.13.18t``"""
    build: str
    """the publisher's release that it is part of: ``20261110``; empty if its file name does not say"""
    file: str
    """file name of the archive"""
    size: int
    """bytes of the archive"""
    sha256: Digest


class Interpreter(msgspec.Struct, frozen=True):
    """The image's interpreter."""

    implementation: str
    """``cpython``"""
    version: str
    """``3.13``: the release series, which wheels and bytecode depend on"""
    source: str
    """``debian:SUITE``, or ``standalone``"""


class Base(msgspec.Struct, frozen=True):
    """What the image is based on: a suite of Debian, not another image."""

    distribution: str
    """``debian``"""
    suite: str


class PlatformLock(msgspec.Struct, frozen=True):
    """The inputs of one platform."""

    platform: str
    """``linux/amd64``"""
    debian: tuple[DebianPackage, ...]
    """sorted by name"""
    python: tuple[PythonFile, ...]
    """sorted by name"""
    standalone: StandalonePython | None = None
    """the interpreter, if it is not Debian's"""


class Lock(msgspec.Struct, frozen=True):
    """Every input of an image, on every platform that it was locked for."""

    inputs: dict[str, str]
    """what it was resolved from, by name (``requirements``, ``debian``, …): a digest or the text itself;
    another value means that the lock is stale"""
    base: Base
    interpreter: Interpreter
    platforms: tuple[PlatformLock, ...]
    """sorted by platform"""
    build: tuple[BuildRequirement, ...]
    """sorted by name; empty when nothing is built"""
    not_reproducible: tuple[str, ...] = ()
    """settings whose steps ran with a network: another build may give another image"""

    def of(self, platform: str) -> PlatformLock | None:
        """The inputs of that platform, or None."""
        return next((one for one in self.platforms if one.platform == platform), None)

    def only(self, platform: str) -> Lock:
        """The same lock for one platform alone, as images contain it."""
        return msgspec.structs.replace(self, platforms=tuple(p for p in self.platforms if p.platform == platform))


def merge_locks(locks: tuple[Lock, ...]) -> Lock:
    """The locks of one application on several platforms as one; all else is the same in each."""
    platforms = {one.platform: one for lock in locks for one in lock.platforms}
    return msgspec.structs.replace(locks[0], platforms=tuple(platforms[name] for name in sorted(platforms)))
