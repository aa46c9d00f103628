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
from grocker.platforms.suites import Signer, find_suite
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
    """the archive's root by suite, without a trailing slash"""
    releases: tuple[Release, ...]

    def address(self, suite: str) -> str:
        """The root of the archive that serves ``suite``; raises KeyError for another release's."""
        return self.addresses[suite]


def archive_addresses(mirrors: Mirrors, suite: str) -> dict[str, str]:
    """The first address for each suite of the release ``suite``, without a request: for files that a lock names."""
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

    ``now``: with a time zone; expiry is relative to it. ``signers``: by suite, those of whom one suffices.
    ``warn_expired``: whether to warn of an expired release that is still used.
    Raises SettingsError for an unknown suite and when no mirror is Debian's, MissingError for a release or an
    architecture that the archive lacks, CorruptError for an invalid signature, date or index, UnavailableError when no
    mirror answers.
    """
    indexes, addresses, releases = [], {}, []
    for name in _suites(suite):
        address, found = _release(mirrors, name, signers.get(name, ()), transport=transport, progress=progress, now=now)
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
    expired = [f"{one.codename} (since {one.valid_until:%Y-%m-%d})" for one in releases if one.has_expired(now)]
    if expired and warn_expired:  # accepted, because the check is turned off
        progress.warn(
            f"using an expired release of {', '.join(expired)}: apt's configuration or debian.check-valid-until turns "
            "off the check",
            "an outdated mirror withholds security updates: use another one, or set debian.check-valid-until = true",
        )
    return DebianArchive(suite, architecture, tuple(indexes), addresses, tuple(releases))


def _suites(suite: str) -> tuple[str, ...]:
    return tuple(find_suite(suite).signers)


def _candidates(mirrors: Mirrors, suite: str) -> tuple[str, ...]:
    return mirrors.security if suite.endswith("-security") else mirrors.archive


def _release(
    mirrors: Mirrors, suite: str, signers: Sequence[Signer], *, transport: Transport, progress: Progress, now: datetime
) -> tuple[str, Release]:
    """The first mirror with a valid release of ``suite``; of several errors, the most informative one is raised."""
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
        raise SettingsError(f"no known mirror of the suite {suite}", hint="set debian.mirror")
    raise problem


def _weight(error: GrockerError) -> int:
    """Rank an error: a forged or expired release, then an unreachable mirror, then one without the suite."""
    if isinstance(error, CorruptError):
        return 2
    return 0 if isinstance(error, MissingError) else 1
