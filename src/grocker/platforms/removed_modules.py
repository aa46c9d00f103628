"""Modules that Python's library no longer has, and the distributions that bring them back. Tables.

Sources: "What's New In Python 3.12", "What's New In Python 3.13", sections "Removed"; setuptools' history, v82.
"""

from __future__ import annotations

from grocker.platforms.interpreters import release_of

_REMOVED: dict[tuple[int, int], tuple[str, ...]] = {
    (3, 12): ("asynchat", "asyncore", "distutils", "imp", "smtpd"),
    (3, 13): (
        *("aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap", "msilib", "nis"),
        *("nntplib", "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib"),
    ),
}
"""By the first release without them."""

UNDECLARED = {"pkg_resources": "setuptools<82"}
"""Modules that were never in the library, but in every environment until Python 3.12, so that what imports them often
does not require what brings them; and the requirement that does."""

ALL = frozenset((*(name for names in _REMOVED.values() for name in names), *UNDECLARED))
"""all that may be missing"""

_DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    "audioop-lts": ("audioop",),
    "legacy-cgi": ("cgi", "cgitb"),
    "pyasynchat": ("asynchat",),
    "pyasyncore": ("asyncore",),
    "setuptools": ("distutils", "pkg_resources"),
    "zombie-imp": ("imp",),
}
"""By normalised name. ``standard-NAME`` brings NAME."""

_DISTUTILS = 60
"""the first major version of setuptools that brings its own distutils without being asked to"""
_WITHOUT_RESOURCES = 82
"""the first one without pkg_resources"""


def removed_modules(series: str) -> frozenset[str]:
    """Return the modules that the library of a release series (``3.13``) has lost."""
    release = release_of(series)
    return frozenset(name for since, names in _REMOVED.items() if release >= since for name in names)


def modules_of(distribution: str, version: str) -> frozenset[str]:
    """Return which of these modules a distribution brings. ``distribution``: its normalised name."""
    found = {*_DISTRIBUTIONS.get(distribution, ()), distribution.removeprefix("standard-")} & ALL
    if distribution == "setuptools":
        major = int(number) if (number := version.partition(".")[0]).isdecimal() else _DISTUTILS
        found -= {"distutils"} if major < _DISTUTILS else set()
        found -= {"pkg_resources"} if major >= _WITHOUT_RESOURCES else set()
    return frozenset(found)


def bringing(module: str) -> str:
    """Return the distribution that brings a module, for people; empty if none is known."""
    named = (name for name, modules in _DISTRIBUTIONS.items() if module in modules)
    return next(named, "")
