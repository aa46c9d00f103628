"""Versions of Node: what a front end is for, and the Debian suite whose Node it is built with."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from grocker import local_file
from grocker.config.settings import Settings
from grocker.context import Context
from grocker.errors import GrockerError
from grocker.inputs.front_end import FrontEnd
from grocker.inputs.toolchain import DebianToolchain
from grocker.inputs.tree_files import TreeFiles
from grocker.platforms.suites import SUITES, find_suite
from grocker.platforms.target import Target
from grocker.regex import regex


class NodeChoice(msgspec.Struct, frozen=True):
    """A toolchain with a Node."""

    toolchain: DebianToolchain
    version: str
    """of its Node"""
    meets: bool
    """whether ``package.json`` asks for such a version"""


def choose_node(
    context: Context, settings: Settings, architecture: str, needs: NodeNeeds, *, refresh: bool
) -> NodeChoice:
    """Choose the suite whose Node meets most of what a front end needs, the settings' own first, then the best ones.

    It need not be the image's: nothing of it comes into the image. ``settings``: with the packages of the build.
    ``architecture``: of this host. Raises what asking the first suite's archive raises; others are left out then.
    """
    named = settings.debian.suite
    suites = [find_suite(named)] if named is not None else []
    suites += [suite for suite in SUITES.values() if suite.name != named]
    best: tuple[tuple[int, int], NodeChoice] | None = None
    for suite in suites:
        toolchain = DebianToolchain(context, settings, Target(suite, architecture), refresh)
        try:
            version = toolchain.package_version("nodejs")
        except GrockerError:
            if best is None:
                raise
            continue
        numbers = tuple(map(int, re.findall(r"\d+", version)[:3]))
        unmet = needs.count_unmet(numbers)
        if best is None or unmet < best[0]:
            best = unmet, NodeChoice(toolchain, version.partition("+")[0].partition("~")[0], not unmet[0])
        if not any(unmet):
            break
    assert best is not None
    return best[1]


class NodeNeeds(msgspec.Struct, frozen=True):
    """Which versions of Node a front end is for, as npm's ranges."""

    own: str
    """what its ``package.json`` says; ``*`` if it says nothing"""
    packages: tuple[str, ...]
    """what the packages of its lock file say"""

    def count_unmet(self, version: tuple[int, ...]) -> tuple[int, int]:
        """Count those that a version does not meet: its own first."""
        return not satisfies(version, self.own), sum(not satisfies(version, one) for one in self.packages)


class _Package(msgspec.Struct):
    engines: Any = None
    optional: bool = False


class _Document(_Package):
    """A ``package.json``, or a ``package-lock.json``."""

    packages: dict[str, _Package] = {}


def read_node_needs(front_end: FrontEnd, files: TreeFiles) -> NodeNeeds:
    """Read which versions of Node a front end is for."""
    own = _engine(_read(files, front_end.place))
    lock = _Document()
    if front_end.manager == "npm" and front_end.lock:
        lock = _read(files, os.path.join(front_end.directory, front_end.lock))
    others = {_engine(one) for place, one in lock.packages.items() if place and not one.optional}
    return NodeNeeds(own, tuple(sorted(others - {"*"})))


def _engine(package: _Package) -> str:
    node = package.engines.get("node") if isinstance(package.engines, dict) else None
    return node if isinstance(node, str) else "*"


def _read(files: TreeFiles, path: str) -> _Document:
    try:
        return msgspec.json.decode(local_file.read(files.root / path), type=_Document)
    except (OSError, msgspec.DecodeError, RecursionError):
        return _Document()


_COMPARATOR = regex(
    r"(?P<sign>[<>]=?|=|\^|~)?v?(?P<major>\d{1,9}|[xX*])(?:\.(?P<minor>\d{1,9}|[xX*]))?(?:\.(?P<patch>\d{1,9}|[xX*]))?"
    r"(?:[-+][\w.+-]*)?"
)


def satisfies(version: Sequence[int], text: str) -> bool:
    """Tell whether a version of three numbers is in one of npm's ranges; what is not understood does not exclude any.

    Source: node-semver, "Ranges".
    """
    return any(_is_in(tuple(version), one) for one in text.split("||"))


def _is_in(version: tuple[int, ...], text: str) -> bool:
    text = re.sub(r"(\S+)\s+-\s+(\S+)", r">=\1 <=\2", text)
    text = re.sub(r"([<>=^~])>?\s+", r"\1", text)
    return all(_meets(version, one) for one in text.split())


def _meets(version: tuple[int, ...], text: str) -> bool:
    match = _COMPARATOR.fullmatch(text)
    if match is None:
        return True
    numbers: list[int] = []
    for part in match.group("major", "minor", "patch"):
        if part is None or not part.isdecimal():
            break
        numbers.append(int(part))
    if not numbers:
        return True
    low, count, sign = (*numbers, 0, 0)[:3], len(numbers), match["sign"] or "="
    if sign == "^":
        kept = next((at + 1 for at, number in enumerate(numbers) if number), count)
        return low <= version < _after(numbers, kept)
    if sign == "~":
        return low <= version < _after(numbers, min(count, 2))
    end = _after(numbers, count)
    return {
        "=": low <= version < end,
        ">=": low <= version,
        ">": version >= end,
        "<": version < low,
        "<=": version < end,
    }[sign]


def _after(numbers: Sequence[int], count: int) -> tuple[int, ...]:
    """Return the first version beyond those whose first ``count`` numbers are these."""
    return (*numbers[: count - 1], numbers[count - 1] + 1, 0, 0)[:3]
