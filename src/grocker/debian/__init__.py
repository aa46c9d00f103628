"""Names of Debian packages → entries of layers, without running Debian.

What a build calls, in this order:

- ``locate(...) -> Mirrors``: where the archive is (settings, environment, the host's apt sources);
- ``open_archive(mirrors, suite, architecture, ...) -> Archive``: verified releases and their indices;
- ``resolve(archive.indexes, names) -> Resolved``: the closed set; ``BASE`` and ``PYTHON`` are the names to begin with;
- ``archive.address(suite)``: where the files of a suite lie; ``archive_addresses(mirrors, suite)`` without an index;
- ``unpack(path, name=...) -> Unpacked``: a .deb as entries and ``Facts``;
- ``configure(facts, user=..., uid=...) -> Configured``: what is generated for the image, and the scripts to warn about;
- ``replaces(a, b)``: whether a package may take over another one's files;
- ``REVISION`` belongs into the key of whatever is kept of ``unpack`` and ``configure``.

Modules are imported when a name of theirs is first used: a build that changes a line of the application reads neither
an index nor a package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grocker.lazy_imports import lazily

if TYPE_CHECKING:
    from grocker.debian.archives import Archive, archive_addresses, open_archive
    from grocker.debian.configuration import Configured, configure
    from grocker.debian.deb import Unpacked, unpack
    from grocker.debian.facts import REVISION, Facts, replaces
    from grocker.debian.mirrors import Mirrors, locate
    from grocker.debian.resolver import BASE, PYTHON, Resolved, resolve
    from grocker.debian.scripts import Uncovered
    from grocker.debian.signers import SIGNERS, SUITES, Signer

_HOMES = {
    "archives": ("Archive", "archive_addresses", "open_archive"),
    "configuration": ("Configured", "configure"),
    "deb": ("Unpacked", "unpack"),
    "facts": ("REVISION", "Facts", "replaces"),
    "resolver": ("BASE", "PYTHON", "Resolved", "resolve"),
    "scripts": ("Uncovered",),
    "signers": ("SIGNERS", "SUITES", "Signer"),
    "mirrors": ("Mirrors", "locate"),
}

__all__ = [
    "BASE",
    "PYTHON",
    "REVISION",
    "SIGNERS",
    "SUITES",
    "Archive",
    "Configured",
    "Facts",
    "Mirrors",
    "Resolved",
    "Signer",
    "Uncovered",
    "Unpacked",
    "archive_addresses",
    "configure",
    "locate",
    "open_archive",
    "replaces",
    "resolve",
    "unpack",
]

__getattr__ = lazily(__name__, _HOMES)
