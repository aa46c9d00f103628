"""From names to files: the lock of a build, made on the fly and kept for a day."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from grocker import debian, python
from grocker.builder.workshop import Workshop
from grocker.config.settings import Settings
from grocker.lock.values import DebianPackage, PythonFile
from grocker.plan.layers import key
from grocker.platforms.target import Target

DAY = 86400.0
"""seconds: how long an answer of the archive or the index counts before it is asked again"""


class DebianAnswer(msgspec.Struct, frozen=True):
    """What the archive answered."""

    at: float
    """seconds since 1970"""
    packages: tuple[DebianPackage, ...]
    mirrors: dict[str, str]
    """the archive's address by suite"""


class PythonAnswer(msgspec.Struct, frozen=True):
    """What the index answered."""

    at: float
    """seconds since 1970"""
    files: tuple[PythonFile, ...]
    urls: dict[str, str]
    """where each file is served, by its sha256"""


_Answer = TypeVar("_Answer", DebianAnswer, PythonAnswer)


def package_names(settings: Settings, more: Iterable[str]) -> list[str]:
    """The Debian packages that are asked for by name: the base, the interpreter, what the settings name; sorted.

    ``more``: what the services need. A version that the settings ask for is the one.
    """
    named = {text.partition("=")[0] for text in settings.dependencies}
    return sorted({*debian.BASE, *debian.PYTHON, *settings.dependencies, *(n for n in more if n not in named)})


def mirrors(workshop: Workshop, settings: Settings) -> debian.Mirrors:
    """Where this host's archive is."""
    return debian.locate(
        mirror=settings.debian.mirror,
        security_mirror=settings.debian.security_mirror,
        check_valid_until=settings.debian.check_valid_until,
        environ=workshop.environ,
    )


def debian_packages(
    workshop: Workshop, settings: Settings, more: Iterable[str], target: Target, *, refresh: bool
) -> DebianAnswer:
    """The packages below the application; ``more``: what its services need."""
    names = package_names(settings, more)
    addresses = mirrors(workshop, settings)

    def ask() -> DebianAnswer:
        with workshop.progress.task("resolving Debian packages"):
            archive = debian.open_archive(
                addresses,
                target.suite.name,
                target.architecture,
                store=workshop.store,
                transport=workshop.transport,
                now=datetime.fromtimestamp(workshop.now, UTC),
                progress=workshop.progress,
            )
            packages = debian.resolve(archive.indexes, names).packages
        return DebianAnswer(workshop.now, packages, dict(archive.addresses))

    identity = key("debian", target.suite.name, target.architecture, names, addresses.archive, addresses.security)
    return fresh(workshop, identity, DebianAnswer, ask, refresh=refresh)


def fresh(
    workshop: Workshop, identity: str, kind: type[_Answer], ask: Callable[[], _Answer], *, refresh: bool
) -> _Answer:
    """The kept answer if it is younger than a day, else the one that ``ask`` gives, kept."""
    if not refresh:
        data = workshop.store.kept("steps", identity)
        if data is not None:
            kept = msgspec.json.decode(data, type=kind)
            if 0 <= workshop.now - kept.at < DAY:
                return kept
    answer = ask()
    workshop.store.keep("steps", identity, msgspec.json.encode(answer))
    return answer


def python_target(target: Target) -> python.Target:
    """The target as wheels see it."""
    return python.Target(target.suite.python, target.architecture, target.suite.glibc)
