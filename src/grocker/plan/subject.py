"""What planning needs to know of a resolved application. Pure values."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from grocker.digest import Digest
from grocker.lock.values import DebianPackage, Lock, StandalonePython
from grocker.runner.contract.spec import Service


class StaticPlace(msgspec.Struct, frozen=True):
    """Collected static files, which have a layer of their own."""

    place: str
    """absolute directory in the image"""
    digest: str
    """of their paths and bytes"""
    hide: bool
    """whether the application itself has files at their paths, which are left out"""


class Subject(msgspec.Struct, frozen=True):
    """An application on one platform, resolved."""

    name: str
    """of the distribution, as its metadata writes it"""
    title: str
    """normalised name and version, for people"""
    version: str
    extras: tuple[str, ...]
    commands: tuple[str, ...]
    """its own console scripts"""
    services: Mapping[str, Service]
    any_service: bool
    """whether every service name is served as ``www`` (contract, E2)"""
    django_settings_module: str | None
    base_config: tuple[str | None, str]
    """C2: its own INI text, if any, and where it stands"""
    crontab: tuple[bytes | None, str]
    """K1: its own crontab, if any, and where it stands"""
    wheel: Digest
    """its own, which is in no layer but the application's, even if the lock has it"""
    platform: str
    """``linux/amd64``"""
    python: str
    """release series of the image's interpreter"""
    lock: Lock
    """of this platform"""
    compiling: tuple[DebianPackage, ...]
    """the packages whose interpreter compiles"""
    standalone: StandalonePython | None = None
    """the interpreter's archive, if it is not Debian's"""
    compiling_standalone: StandalonePython | None = None
    """the archive of the interpreter that compiles"""
    has_getconf: bool = False
    """whether getconf is among its dependencies (contract, C4)"""
    directory: str | None = None
    """where services and cron jobs start; None for the home"""
    writable: tuple[str, ...] = ()
    """as the runner is told (``runner.contract.spec``)"""
    data: str = ""
    """digest of its large files, if they have a layer of their own"""
    static: StaticPlace | None = None
    """collected by Django"""
    scripts: tuple[str, ...] = ()
    """names of the Debian packages whose maintainer scripts run"""
    tools: tuple[str, ...] = ()
    """digests of the packages that these run with"""
