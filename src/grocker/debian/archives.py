"""A release of Debian with its updates: every suite verified, its indices read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from grocker.debian import packages, release
from grocker.debian.index import PackageIndex
from grocker.debian.mirrors import Mirrors
from grocker.debian.release import Release
from grocker.debian.signers import SIGNERS
from grocker.errors import CorruptError, GrockerError, MissingError, SettingsError
from grocker.platforms.suites import SUITES, Signer
from grocker.progress import Progress

if TYPE_CHECKING:
    from grocker.store import Store
    from grocker.web import Transport


class DebianArchive(msgspec.Struct, frozen=True):
    """The packages of one release and architecture."""

    suite: str
    architecture: str
    indexes: tuple[PackageIndex, ...]
    """of the release, its updates, its security updates"""
    addresses: Mapping[str, str]
    """the archive's root by suite, without a slash at its end"""
    releases: tuple[Release, ...]

    def address(self, suite: str) -> str:
        """The root of the archive that serves ``suite``; KeyError when it is none of this release's."""
        return self.addresses[suite]


def archive_addresses(mirrors: Mirrors, suite: str) -> dict[str, str]:
    """The first address for each suite of the release ``suite``, without asking any: for files that a lock names."""
    return {name: _candidates(mirrors, name)[0] for name in _suites(suite)}


def open_archive(
    mirrors: Mirrors,
    suite: str,
    architecture: str,
    *,
    store: Store,
    transport: Transport,
    progress: Progress,
    now: datetime,
    components: Sequence[str] = ("main",),
    signers: Mapping[str, Sequence[Signer]] = SIGNERS,
    warn_expired: bool = True,
) -> DebianArchive:
    """The release ``suite`` (``trixie``) with its updates and security updates, for ``architecture`` (``amd64``).

    ``now``: with a time zone; expiry is judged by it. ``signers``: by suite, whose signature is enough.
    ``warn_expired``: whether to warn of a release that has expired and is used all the same.
    Raises MissingError for an unknown release, suite or architecture, CorruptError when something does not hold,
    UnavailableError when no mirror answers, SettingsError when none is Debian's.
    """
    if suite not in SUITES:
        raise MissingError(
            f"Grocker makes no images of the Debian release {suite!r}",
            hint="set debian.suite to one of " + ", ".join(SUITES),
        )
    indexes, addresses, releases = [], {}, []
    for name in _suites(suite):
        address, found = _release(mirrors, name, signers[name], transport=transport, progress=progress, now=now)
        addresses[name] = address
        releases.append(found)
        for component in components:
            indexes.append(
                packages.load(
                    found,
                    component,
                    architecture,
                    mirror=address,
                    store=store,
                    transport=transport,
                    progress=progress,
                )
            )
    expired = [f"{one.codename} on {one.valid_until:%Y-%m-%d}" for one in releases if one.has_expired(now)]
    if expired and warn_expired:  # and yet here: their expiry is not to be checked
        progress.warn(
            f"expired, and used all the same: {', '.join(expired)}; apt's configuration or debian.check-valid-until "
            "says so",
            "a mirror that is out of date holds back security updates: use another, or debian.check-valid-until = true",
        )
    return DebianArchive(suite, architecture, tuple(indexes), addresses, tuple(releases))


def _suites(suite: str) -> tuple[str, ...]:
    return tuple(SUITES[suite].signers)


def _candidates(mirrors: Mirrors, suite: str) -> tuple[str, ...]:
    return mirrors.security if suite.endswith("-security") else mirrors.archive


def _release(
    mirrors: Mirrors, suite: str, signers: Sequence[Signer], *, transport: Transport, progress: Progress, now: datetime
) -> tuple[str, Release]:
    """The first address that serves ``suite`` as Debian does; of several errors the one that says most is raised."""
    problem: GrockerError | None = None
    for address in _candidates(mirrors, suite):
        try:
            return address, release.fetch(
                address,
                suite,
                signers=signers,
                transport=transport,
                now=now,
                check_valid_until=mirrors.check_valid_until,
                progress=progress,
            )
        except GrockerError as error:
            if problem is None or _weight(error) > _weight(problem):
                problem = error
    if problem is None:
        raise SettingsError(f"no address of the suite {suite} is known", hint="set debian.mirror")
    raise problem


def _weight(error: GrockerError) -> int:
    """A forged or expired release says more than a mirror that is down, and that more than one without the suite."""
    if isinstance(error, CorruptError):
        return 2
    return 0 if isinstance(error, MissingError) else 1
