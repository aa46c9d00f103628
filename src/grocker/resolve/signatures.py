"""Check that Debian signed the packages of a lock: from the store if seen before, else in the signed indices.

A lock is written by whoever wrote the project, and its packages hold programs that run on this host to compile. The
sha256 in it proves that a file is the locked one, not that it is Debian's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from grocker.context import Context
from grocker.digest import Digest
from grocker.errors import CorruptError, SettingsError
from grocker.inputs.archive import open_archive
from grocker.lock.values import DebianPackage
from grocker.platforms.target import Target

if TYPE_CHECKING:
    from grocker.debian import DebianArchive, Mirrors


class _Signed(msgspec.Struct, frozen=True):
    """Packages that a signed index listed when this store was used; a version that left the archive stays here."""

    packages: dict[Digest, tuple[str, str, str, int]]
    """name, version, architecture and size by the sha256 of the .deb"""


def remember_signed(context: Context, target: Target, packages: Sequence[DebianPackage]) -> None:
    """Record that ``packages`` were found in signed indices of the target's suite."""
    with context.store.lock(_key(target)):
        known = _known(context, target)
        new = {package.sha256: _about(package) for package in packages}
        if not new.items() <= known.items():
            context.store.keep("steps", _key(target), msgspec.json.encode(_Signed({**known, **new})))


def require_signed(
    context: Context, mirrors: Mirrors, target: Target, packages: Sequence[DebianPackage]
) -> dict[str, str] | None:
    """Make sure that each of ``packages``, which a lock names, is or was in a signed index of the target's suite.

    Returns the archive's addresses by suite when it was asked, None when all were known.
    Raises CorruptError for a package that Debian signed with another sha256 or size, SettingsError for one that no
    index lists, and what reading the archive raises.
    """
    known = _known(context, target)
    unknown = [package for package in packages if known.get(package.sha256) != _about(package)]
    if not unknown:
        return None
    with context.progress.task("verifying the locked Debian packages"):
        # What Debian signed stays signed: expiry bounds how old the answer to "the newest?" may be.
        archive = open_archive(context, replace(mirrors, check_valid_until=False), target, warn_expired=False)
        missing = [package for package in unknown if not _lists(archive, package, target)]
    if missing:
        shown = ", ".join(f"{p.name} {p.version}" for p in missing[:3])
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise SettingsError(
            f"cannot verify {shown}{more} in grocker.lock: no signed index of Debian {target.suite.name} lists it, "
            "and this cache has no record of one that did",
            hint=f"run: grocker lock --upgrade {missing[0].name}; or set GROCKER_DEBIAN_MIRROR to a snapshot of the "
            "archive that still lists it",
        )
    remember_signed(context, target, packages)
    return dict(archive.addresses)


def _lists(archive: DebianArchive, package: DebianPackage, target: Target) -> bool:
    """Whether one of the archive's indices lists the package. Raises CorruptError when it lists another file for it."""
    other = None
    for index in archive.indexes:
        for record in index.records(package.name):
            if (record.version, record.architecture) == (package.version, package.architecture):
                if ("sha256:" + record.sha256, record.size) == (package.sha256, package.size):
                    return True
                other = record
    if other is None:
        return False
    raise CorruptError(
        f"grocker.lock: {package.name} {package.version} has {package.sha256} ({package.size} bytes), "
        f"but Debian {target.suite.name} signed sha256:{other.sha256} ({other.size} bytes)",
        hint="find out who changed grocker.lock; then recreate it: grocker lock",
    )


def _about(package: DebianPackage) -> tuple[str, str, str, int]:
    return package.name, package.version, package.architecture, package.size


def _key(target: Target) -> str:
    """Return the key, which omits Grocker's version: a signature holds for every version."""
    return f"signed-{target.suite.name}-{target.architecture}"


def _known(context: Context, target: Target) -> dict[Digest, tuple[str, str, str, int]]:
    found = context.store.kept_as("steps", _key(target), _Signed)
    return found.packages if found is not None else {}
