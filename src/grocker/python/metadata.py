"""The metadata of a distribution: METADATA, WHEEL and entry_points.txt (Python packaging specifications)."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grocker.errors import CorruptError, GrockerError, SettingsError
from grocker.platforms.interpreters import STANDALONE
from grocker.platforms.suites import SUITES
from grocker.regex import regex

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

    from grocker.python.target import WheelTarget

_HINT = "if it is the project's own, fix its pyproject.toml; otherwise choose another version"
_NAME = regex(r"[^\W_]+(?:[-_.]+[^\W_]+)*", re.ASCII)
_OBJECT = regex(r"(?P<module>\w+(?:\.\w+)*)(?:\s*:\s*(?P<object>\w+(?:\.\w+)*))?\s*(?:\[[^]]*\])?\s*")


def normalise_name(name: str) -> str:
    """The normalised name of a project (PEP 503): ``Flask_Login`` → ``flask-login``."""
    return re.sub(r"[-_.]+", "-", name).lower()


def is_same_version(one: str, other: str) -> bool:
    """Whether two texts are the same version (PEP 440), or the same text if one is none."""
    from packaging.version import Version

    try:
        return Version(one) == Version(other)
    except ValueError:  # InvalidVersion, or a number of thousands of digits
        return one == other


class Metadata(msgspec.Struct, frozen=True):
    """The fields of METADATA that Grocker uses."""

    name: str
    """as written"""
    version: str
    """as written"""
    requires: tuple[str, ...] = ()
    """``Requires-Dist``, as written"""
    requires_python: str = ""
    extras: tuple[str, ...] = ()
    """``Provides-Extra``, normalised, sorted"""
    summary: str = ""
    license: str = ""
    """``License-Expression``, else ``License`` if it is one line"""
    urls: tuple[tuple[str, str], ...] = ()
    """``Project-URL`` (label, address) and ("homepage", ``Home-page``)"""


class EntryPoint(msgspec.Struct, frozen=True):
    """One line of entry_points.txt."""

    group: str
    name: str
    module: str
    object: str
    """dotted name in the module; empty for the module itself"""


def fields(data: bytes, what: str) -> Mapping[str, tuple[str, ...]]:
    """The header fields (names in lower case) of an email-like document; ``what`` names it in errors."""
    from email.parser import HeaderParser

    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:  # an author's name of another time, as pip reads it
        text = data.decode("utf-8", "replace")
    found: dict[str, list[str]] = {}
    for name, value in HeaderParser().parsestr(text).items():
        found.setdefault(name.lower(), []).append(str(value).strip())
    return {name: tuple(values) for name, values in found.items()}


def parse(data: bytes, what: str) -> Metadata:
    """Parse METADATA. Raises CorruptError when name or version is missing or malformed.

    ``what``: "METADATA of polls-1.0-py3-none-any.whl", for errors.
    """
    from packaging.version import Version

    found = fields(data, what)

    def one(name: str) -> str:
        return found.get(name, ("",))[0]

    name, version = one("name"), one("version")
    if not _NAME.fullmatch(name):
        raise CorruptError(f"reading {what}: invalid project name {name!r}", hint=_HINT)
    try:
        Version(version)
    except ValueError as error:  # InvalidVersion, or a number of thousands of digits
        raise CorruptError(f"reading {what}: invalid version {version[:100]!r} (PEP 440)", hint=_HINT) from error
    licence = one("license-expression") or ("" if "\n" in one("license") else one("license"))
    urls = [(label.strip(), url.strip()) for label, _, url in (u.partition(",") for u in found.get("project-url", ()))]
    if one("home-page"):
        urls.append(("homepage", one("home-page")))
    return Metadata(
        name=name,
        version=version,
        requires=found.get("requires-dist", ()),
        requires_python=one("requires-python"),
        extras=tuple(sorted({normalise_name(extra) for extra in found.get("provides-extra", ())})),
        summary=one("summary"),
        license=licence,
        urls=tuple(urls),
    )


def check_python(metadata: Metadata, target: WheelTarget) -> None:
    """Raise SettingsError when the project does not support the target's Python (``Requires-Python``)."""
    from packaging.specifiers import SpecifierSet

    if not metadata.requires_python:
        return
    try:
        wanted = SpecifierSet(repair_specifiers(metadata.requires_python))
        fits = wanted.contains(target.full, prereleases=True)
    except ValueError:  # it says nothing, as for pip
        return
    if not fits:
        raise SettingsError(
            f"{metadata.name} {metadata.version} requires Python {metadata.requires_python};"
            f" the image has {target.full_version or target.python}",
            hint=_suites_hint(wanted),
        )


def _suites_hint(wanted: SpecifierSet) -> str:
    """Name the suites whose Python is wanted, or what each suite has."""
    fitting = [suite for suite in SUITES.values() if wanted.contains(f"{suite.python}.999", prereleases=True)]
    if fitting:
        return f"build for Debian {fitting[0].name}, which has Python {fitting[0].python}: --debian {fitting[0].name}"
    others = [one for one in STANDALONE.series if wanted.contains(f"{one}.999", prereleases=True)]
    if others:
        return f'build with a standalone Python {others[0]}: set python = "{others[0]}" in [tool.grocker]'
    has = ", ".join(f"{suite.name} has Python {suite.python}" for suite in SUITES.values())
    return f"no Debian suite fits ({has}): change requires-python"


_REPAIRS = (
    (regex(r"(?<=[\w*])\s*(?=[<>=~!]=|[<>])"), ","),  # >=1.0<2.0
    (regex(r"(<=|>=|<|>)\s*(\d+(?:\.\d+)*)\.\*"), r"\1\2"),  # >=2.0.*
    (regex(r"(\d)\*"), r"\1.*"),  # ==1.2*
    (regex(r"(<=|>=|<|>)\s*dev\b"), r"\g<1>0.0.0.dev0"),  # >dev
    (regex(r"[\"']"), ""),
    (regex(r",(?=\s*(?:,|$))"), ""),  # >=3.6,
)
"""(what metadata of old releases has, what was meant); uv reads it in the same way"""


def repair_specifiers(text: str) -> str:
    """Version specifiers of old metadata as PEP 440 writes them; valid ones, and what cannot be repaired, unchanged."""
    from packaging.specifiers import SpecifierSet

    repaired = text
    for pattern, replacement in ((re.compile(""), ""), *_REPAIRS):
        repaired = pattern.sub(replacement, repaired)
        try:
            SpecifierSet(repaired)
        except ValueError:  # InvalidSpecifier, or a number of thousands of digits
            continue
        return repaired
    return text


def parse_entry_points(data: bytes, what: str, groups: Container[str] | None = None) -> tuple[EntryPoint, ...]:
    """Parse entry_points.txt; sorted by group and name. Raises CorruptError when it is malformed.

    ``groups``: those that count; malformed values of others are passed over. None for all.
    """
    from configparser import ConfigParser, Error

    parser = ConfigParser(
        delimiters=("=",), interpolation=None, strict=False, default_section="\0", allow_no_value=groups is not None
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(data.decode("utf-8" if groups is None else "utf-8-sig"))
    except (Error, UnicodeDecodeError) as error:
        raise CorruptError(f"reading {what}: {str(error).splitlines()[0]}", hint=_HINT) from error
    except AttributeError as error:  # configparser: before Python 3.13, a line that continues a name without a value
        raise CorruptError(f"reading {what}: a line continues a name that has no value", hint=_HINT) from error
    points = []
    for group in parser.sections():
        for name, value in parser.items(group):
            match = _OBJECT.fullmatch((value or "").strip())
            if not match:
                if groups is not None and group not in groups:
                    continue
                raise CorruptError(
                    f"reading {what}: [{group}] {name} = {value}: expected MODULE or MODULE:OBJECT", hint=_HINT
                )
            points.append(EntryPoint(group, name, match["module"], match["object"] or ""))
    return tuple(sorted(points, key=lambda p: (p.group, p.name)))


def static_requires(directory: Path) -> tuple[str, ...]:
    """Return what an sdist's own ``PKG-INFO`` says that it depends on; nothing if it has none, or a malformed one."""
    try:
        return parse((directory / "PKG-INFO").read_bytes(), "PKG-INFO").requires
    except (OSError, GrockerError):
        return ()
