"""From names of Debian packages to entries of layers, without running Debian.

A build calls, in this order:

- ``find_mirrors(...) -> Mirrors``: where the archive is (settings, environment, the host's apt sources);
- ``open_archive(mirrors, suite, architecture, ...) -> DebianArchive``: verified releases and their indices;
- ``resolve(archive.indexes, names) -> PackageSet``: the packages and all their dependencies;
- ``archive.address(suite)``: the root of a suite's files; ``archive_addresses(mirrors, suite)`` without an index;
- ``unpack(path, name=...) -> UnpackedPackage``: a .deb as entries and ``Facts``;
- ``choose_locales(package, names)``: the package of all locales with some of them;
- ``configure(facts, user=..., uid=...) -> StaticConfiguration``: what is generated for the image, and the maintainer
  scripts to warn about;
- ``find_pending(facts) -> names``: the packages whose scripts have to run for real; ``find_optional(facts)``: those
  whose scripts an image does without; ``describe_effects(script)``;
- ``replaces(a, b)``: whether a package may overwrite another one's files.

Modules are imported when one of their names is first used: a build that changes a line of the application reads
neither an index nor a package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grocker.lazy_imports import lazily

if TYPE_CHECKING:
    from grocker.debian.archives import DebianArchive, archive_addresses, open_archive
    from grocker.debian.configuration import StaticConfiguration, configure
    from grocker.debian.deb import UnpackedPackage, unpack
    from grocker.debian.facts import Facts, replaces
    from grocker.debian.locales import choose_locales
    from grocker.debian.mirrors import Mirrors, find_mirrors, source_files
    from grocker.debian.resolver import PackageSet, needed_by_scripts, resolve
    from grocker.debian.scripts import (
        UnreviewedScript,
        describe_effects,
        find_omissible,
        find_optional,
        find_pending,
        find_unreviewed,
    )
    from grocker.debian.signers import SIGNERS

_HOMES = {
    "archives": ("DebianArchive", "archive_addresses", "open_archive"),
    "configuration": ("StaticConfiguration", "configure"),
    "deb": ("UnpackedPackage", "unpack"),
    "facts": ("Facts", "replaces"),
    "locales": ("choose_locales",),
    "resolver": ("PackageSet", "needed_by_scripts", "resolve"),
    "scripts": (
        "UnreviewedScript",
        "describe_effects",
        "find_omissible",
        "find_optional",
        "find_pending",
        "find_unreviewed",
    ),
    "signers": ("SIGNERS",),
    "mirrors": ("Mirrors", "find_mirrors", "source_files"),
}

__all__ = [
    "SIGNERS",
    "DebianArchive",
    "Facts",
    "Mirrors",
    "PackageSet",
    "StaticConfiguration",
    "UnpackedPackage",
    "UnreviewedScript",
    "archive_addresses",
    "choose_locales",
    "configure",
    "describe_effects",
    "find_mirrors",
    "find_omissible",
    "find_optional",
    "find_pending",
    "find_unreviewed",
    "needed_by_scripts",
    "open_archive",
    "replaces",
    "resolve",
    "source_files",
    "unpack",
]

__getattr__ = lazily(__name__, _HOMES)
