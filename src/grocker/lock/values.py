"""The lock's values: name, version, file, size and digest of every input of an image, for one platform.

No address stands in them: a file is named relative to its archive or index, so that any mirror serves it.
"""

from __future__ import annotations

import msgspec

from grocker.digest import Digest


class DebianPackage(msgspec.Struct, frozen=True, order=True):
    """One binary package (Debian Policy, chapter 5)."""

    name: str
    version: str
    architecture: str
    """``amd64``, ``arm64`` or ``all``"""
    suite: str
    """where it was found: ``trixie``, ``trixie-updates``, ``trixie-security``"""
    filename: str
    """path below the archive's address: ``pool/main/…``"""
    size: int
    """bytes of the ``.deb``"""
    sha256: Digest


class PythonFile(msgspec.Struct, frozen=True, order=True):
    """One wheel of one distribution (PyPA binary distribution format)."""

    name: str
    """normalised distribution name"""
    version: str
    file: str
    """file name: ``NAME-VERSION-TAGS.whl``"""
    index: str
    """alias of the index that serves it: ``default``, or the name that uv's configuration gives it"""
    size: int
    """bytes of the file"""
    sha256: Digest


class BuildRequirement(msgspec.Struct, frozen=True, order=True):
    """One distribution in the environment of the project's PEP 517 back end."""

    name: str
    version: str


class Interpreter(msgspec.Struct, frozen=True):
    """The image's interpreter."""

    implementation: str
    """``cpython``"""
    version: str
    """``3.13``: the release series, which wheels and bytecode depend on"""
    source: str
    """``debian:SUITE``"""


class Base(msgspec.Struct, frozen=True):
    """What stands below the first layer; a composed image stands on a suite of Debian and on no other image."""

    distribution: str
    """``debian``"""
    suite: str


class Lock(msgspec.Struct, frozen=True):
    """Every input of one image on one platform."""

    platform: str
    """``linux/amd64``"""
    base: Base
    interpreter: Interpreter
    debian: tuple[DebianPackage, ...]
    """sorted by name"""
    python: tuple[PythonFile, ...]
    """sorted by name"""
    build: tuple[BuildRequirement, ...]
    """sorted by name; empty when nothing is built"""
    inputs: Digest
    """digest of what the lock was resolved from; another one means that the lock is stale"""
