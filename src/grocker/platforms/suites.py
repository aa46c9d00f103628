"""The Debian suites that images are built from: one row each, with all that differs between suites.

Sources: the suites' package indices; Debian's package debian-archive-keyring, 2025.1 (signers); Policy 3.8 (essential
packages).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from grocker.errors import SettingsError
from grocker.platforms.architectures import ARCHITECTURES
from grocker.platforms.interpreters import release_of
from grocker.platforms.run_packages import GDAL

RUST = ("cargo", "rustc")
"""packages that compile Rust"""

LOCALES = "locales-all"
"""the package with all locales"""


class Signer(msgspec.Struct, frozen=True):
    """A pinned OpenPGP certificate."""

    name: str
    fingerprint: str
    """of the primary key, 40 hexadecimal digits"""
    subkeys: tuple[str, ...] = ()
    """fingerprints of its signing subkeys"""
    key: bytes | None = None
    """the certificate, binary or armoured; None: read it from ``grocker/debian/keys/NAME.asc``"""


class Pocket(msgspec.Struct, frozen=True):
    """A part of a suite that the archive publishes, and signs, on its own."""

    suffix: str
    """behind the suite's name: empty, ``-updates``, ``-security``"""
    signers: tuple[Signer, ...]
    """one valid signature by one of them suffices"""


_TOOLS = (
    *("adduser", "base-files", "base-passwd", "bash", "bsdutils", "coreutils", "dash", "debconf", "debianutils"),
    *("diffutils", "dpkg", "fakeroot", "findutils", "grep", "gzip", "hostname", "init-system-helpers", "libc-bin"),
    *("mawk", "ncurses-base", "ncurses-bin", "passwd", "perl-base", "sed", "sysvinit-utils", "tar", "ucf"),
    "util-linux",
)
"""What maintainer scripts take for granted: the Essential packages, and those that only they need."""


class Suite(msgspec.Struct, frozen=True):
    """A suite of Debian."""

    name: str
    """``trixie``"""
    python: str
    """release series of its python3: ``3.13``"""
    glibc: tuple[int, int]
    """version of its C library: the newest manylinux policy that runs there (PEP 600)"""
    pockets: tuple[Pocket, ...]
    compiler_libraries: frozenset[str]
    """packages that its interpreter needs to compile, besides its own"""
    base: tuple[str, ...]
    """packages of every image"""
    tools: tuple[str, ...] = _TOOLS
    """packages that maintainer scripts run with"""
    interpreter: tuple[str, ...] = ("python3",)
    """packages that install its interpreter"""
    architectures: tuple[str, ...] = tuple(ARCHITECTURES)
    rust: tuple[str, str] = ("cargo", "rustc")
    """its newest cargo and rustc, in the order of ``RUST``"""
    gdal: str = "libgdal36"
    """its package for ``run_packages.GDAL``"""
    is_released: bool = True
    """false for Debian's testing, which only those get who ask for it or for its Python"""

    @property
    def signers(self) -> dict[str, tuple[Signer, ...]]:
        """The signers of each suite of the archive: ``trixie``, ``trixie-updates``, ``trixie-security``."""
        return {self.name + pocket.suffix: pocket.signers for pocket in self.pockets}

    def name_build_package(self, package: str) -> str:
        """Return the suite's own name of a Debian package that builds something."""
        return dict(zip(RUST, self.rust, strict=True)).get(package, package)

    def name_run_package(self, package: str) -> str:
        """Return the suite's own name of a Debian package of the tables in ``run_packages``."""
        return self.gdal if package == GDAL else package

    def is_interpreter(self, package: str) -> bool:
        """Whether the interpreter needs the package of that name to compile."""
        own = (f"python{self.python}", f"libpython{self.python}")
        return package in self.compiler_libraries or package.startswith(own)


_BASE = (
    "base-files",
    "base-passwd",
    "bash",
    "ca-certificates",
    "coreutils",
    "dash",
    "debianutils",
    "diffutils",
    "findutils",
    "grep",
    "gzip",
    "hostname",
    "libc-bin",
    "libnss-wrapper",
    "libstdc++6",
    "mawk",
    "media-types",
    "ncurses-base",
    "ncurses-bin",
    "netbase",
    "sed",
    "tar",
    "tzdata",
)
"""No package depends on essential packages, so those that scripts take for granted are named here. The others provide
what the image contract promises: time zones, CAs, names for arbitrary uids (libnss-wrapper), media types and service
names for Python's library, and the C++ library that every manylinux wheel may take for granted (PEP 600)."""

_COMPILER_LIBRARIES = frozenset({"libc6", "libgcc-s1", "zlib1g", "libexpat1", "libzstd1"})

_TRIXIE = Signer(
    "trixie-automatic",
    "04B54C3CDCA79751B16BC6B5225629DF75B188BD",
    ("B8E5F13176D2A7A75220028078DBA3BC47EF2265",),
)
_TRIXIE_SECURITY = Signer(
    "trixie-security-automatic",
    "5E04A1E3223A19A20706E20F9904613D4CCE68C6",
    ("89C87ACEA5DD6B8E6A7068808E9F831205B4BA95",),
)
_TRIXIE_STABLE = Signer("trixie-stable", "41587F7DB8C774BCCF131416762F67A0B2C39DE4")
_BOOKWORM = Signer(
    "bookworm-automatic",
    "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8",
    ("4CB50190207B4758A3F73A796ED0E7B82643E131",),
)
_BOOKWORM_SECURITY = Signer(
    "bookworm-security-automatic",
    "05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0",
    ("B0CAB9266E8C3929798B3EEEBDE6D2B9216EC7A8",),
)
_BOOKWORM_STABLE = Signer("bookworm-stable", "4D64FEC119C2029067D6E791F8D2585B8783D481")

SUITES = {
    row.name: row
    for row in (
        Suite(
            name="trixie",
            python="3.13",
            glibc=(2, 41),
            pockets=(
                Pocket("", (_TRIXIE, _TRIXIE_STABLE)),
                Pocket("-updates", (_TRIXIE,)),
                Pocket("-security", (_TRIXIE_SECURITY,)),
            ),
            compiler_libraries=_COMPILER_LIBRARIES | {"libssl3t64"},
            base=(*_BASE, "tzdata-legacy"),  # US/Eastern and others, which Debian 12 has in tzdata
        ),
        Suite(
            name="forky",
            python="3.14",
            glibc=(2, 43),
            pockets=(Pocket("", (_TRIXIE, _BOOKWORM)), Pocket("-updates", (_TRIXIE, _BOOKWORM))),
            compiler_libraries=_COMPILER_LIBRARIES | {"libssl3t64"},
            base=(*_BASE, "tzdata-legacy"),
            gdal="libgdal39",
            is_released=False,
        ),
        Suite(
            name="bookworm",
            python="3.11",
            glibc=(2, 36),
            pockets=(
                Pocket("", (_BOOKWORM, _BOOKWORM_STABLE)),
                Pocket("-updates", (_BOOKWORM,)),
                Pocket("-security", (_BOOKWORM_SECURITY,)),
            ),
            compiler_libraries=_COMPILER_LIBRARIES | {"libssl3"},
            base=_BASE,
            gdal="libgdal32",
            interpreter=("python3", "python3-distutils"),  # with lib2to3, which Debian 13 has no more
            rust=("cargo-web", "rustc-web"),  # kept new for browsers; cargo is 0.66 of 2022
        ),
    )
}
"""By name, the default first."""

DEFAULT = next(iter(SUITES))
"""Name of the suite of an image whose settings name none."""


def suite_of(archive: str) -> Suite:
    """The suite that an archive's suite (``trixie-security``) belongs to. Raises SettingsError for an unknown one."""
    return find_suite(archive.partition("-")[0])


def find_suite(name: str) -> Suite:
    """The suite of that name. Raises SettingsError for an unknown one."""
    row = SUITES.get(name)
    if row is None:
        raise SettingsError(f"unknown Debian suite {name!r}", hint=f"choose one of {', '.join(SUITES)}")
    return row


def debian_pythons() -> str:
    """The Pythons of all suites, for messages: ``3.13 (trixie), 3.11 (bookworm)``."""
    return ", ".join(f"{row.python} ({row.name})" for row in SUITES.values())


def nearest_suites(suites: Iterable[Suite], series: str) -> list[Suite]:
    """The suites, sorted by their Python: the next newer one first, where code for another most likely runs."""
    wanted = release_of(series)

    def distance(row: Suite) -> tuple[bool, int]:
        own = release_of(row.python)
        return own < wanted, abs(own[1] - wanted[1])

    return sorted(suites, key=distance)
