"""The locales of an image: those that it names, out of Debian's package with all of them. Pure.

The package's locales share files by links, which are followed. Source: glibc, locale/findlocale.c (names of codesets).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

import msgspec

from grocker.errors import SettingsError
from grocker.tar.entry import Symlink

if TYPE_CHECKING:
    from grocker.debian.deb import UnpackedPackage

_PLACE = "usr/lib/locale/"


def choose_locales(package: UnpackedPackage, names: Iterable[str]) -> UnpackedPackage:
    """Return the package with the locales ``names`` alone (``de_DE.UTF-8``), and the files that they share with others.

    Raises SettingsError for a locale that the package does not have.
    """
    entries = {entry.path: entry for entry in package.entries}
    places = {path for path in entries if path.startswith(_PLACE) and path.count("/") == _PLACE.count("/")}
    chosen = tuple(f"{_find(name, places, package)}/" for name in names)
    kept: set[str] = set()
    left = [path for path in entries if path.startswith(chosen)]
    while left:
        path = left.pop()
        if path not in kept and path in entries and path.startswith(_PLACE):
            kept.add(path)
            entry, parent = entries[path], posixpath.dirname(path)
            left.append(parent)
            if isinstance(entry, Symlink):
                left.append(posixpath.normpath(posixpath.join(parent, entry.target)))

    def is_kept(path: str) -> bool:
        return not path.startswith(_PLACE) or path in kept

    facts = package.facts
    sums = [line for line in facts.md5sums.splitlines(keepends=True) if is_kept(line[32:].strip())]
    return msgspec.structs.replace(
        package,
        entries=tuple(entry for entry in package.entries if is_kept(entry.path)),
        facts=msgspec.structs.replace(facts, paths=tuple(filter(is_kept, facts.paths)), md5sums="".join(sums)),
    )


def _find(name: str, places: set[str], package: UnpackedPackage) -> str:
    """Return the directory of a locale, whose name has the codeset in lower case, without punctuation."""
    main, at, modifier = name.partition("@")
    language, dot, codeset = main.partition(".")
    plain = "".join(filter(str.isalnum, codeset.lower()))
    place = f"{_PLACE}{language}{dot}{plain}{at}{modifier}"
    if place in places:
        return place
    known = sorted(path.removeprefix(_PLACE).replace(".utf8", ".UTF-8") for path in places)
    near = get_close_matches(name, known, 3)
    raise SettingsError(
        f"locales: {package.facts.name} {package.facts.version} has no locale {name!r}",
        hint=f"did you mean {' or '.join(near)}?" if near else "a locale is named like de_DE.UTF-8",
    )
