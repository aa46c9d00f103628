"""The paths that a project's configuration names: what its back end is told to take, whatever it is called.

Sources: the documentation of setuptools, hatchling, poetry-core, pdm-backend, flit and uv_build ("include",
"force-include", "artifacts", "data-files", "package-data"); MANIFEST.in (setuptools, "Controlling files in the
distribution").
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

import msgspec

from grocker import local_file
from grocker.decoding import decode_toml
from grocker.regex import regex

_TOOLS = ("hatch", "setuptools", "setuptools_scm", "poetry", "pdm", "flit", "uv", "maturin", "scikit-build", "grocker")
_NO_PATHS = regex(
    r"(?i).*exclude.*|dependenc(?:y|ies)|.*-dependencies|requires?|sources?|index|scripts|envs|metadata|plugins|group"
    r"|services|debian|user|extras|env|where|package-dir"
)
"""keys below which no file stands that is taken"""
_SCRIPTS = ("setup.py", "hatch_build.py", "pdm_build.py", "build.py")
_CONFIGURATION = ("pyproject.toml", "setup.cfg", "MANIFEST.in")
_WILD = regex(r"[*?\[]")


class NamedPaths(msgspec.Struct, frozen=True):
    """What the configuration of a project names."""

    paths: frozenset[str] = frozenset()
    """files and directories, relative to the project"""
    patterns: tuple[str, ...] = ()
    """the rest: with wildcards, as they are written"""
    text: str = ""
    """all of the configuration"""

    def naming(self, path: str) -> Literal["whole", "below", None]:
        """Whether ``path`` itself is named, or something below it is."""
        if path in self.paths:
            return "whole"
        return "below" if any(name.startswith(path + "/") for name in self.paths) else None

    def is_meant(self, path: str) -> bool:
        """Whether the file at ``path`` is named, by its own name or its ending."""
        name = path.rpartition("/")[2]
        return path in self.paths or any(
            fnmatchcase(name, pattern.rpartition("/")[2]) or fnmatchcase(path, pattern) for pattern in self.patterns
        )

    def mentions(self, name: str) -> bool:
        """Whether the word ``name`` stands anywhere in the configuration."""
        return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", self.text) is not None


def read_named_paths(directory: Path) -> NamedPaths:
    """Read what the project in ``directory`` names. A malformed file names nothing; others refuse it."""
    texts = {name: _read(directory / name) for name in (*_CONFIGURATION, *_SCRIPTS)}
    try:
        words = list(_of_pyproject(decode_toml(texts["pyproject.toml"])))
    except ValueError:
        words = []
    words += [*_of_setup_cfg(texts["setup.cfg"]), *_of_manifest(texts["MANIFEST.in"])]
    for name in _SCRIPTS:  # a path with a separator is no other word
        words += [word for word in re.findall(r"[\"']([^\"'\s]+)[\"']", texts[name]) if "/" in word]
    paths, patterns = set(), set()
    for word in words:
        plain = re.sub(r"^(?:\./)+", "", word.strip()).rstrip("/")
        wild = _WILD.search(plain)
        fixed = plain[: wild.start()].rpartition("/")[0] if wild else plain
        if fixed and fixed != "." and not fixed.startswith(("/", "../")) and _exists(directory / fixed):
            paths.add(fixed)
        if wild and plain.rpartition("/")[2].strip("*?.") and not plain.startswith("!"):
            patterns.add(plain)
    return NamedPaths(frozenset(paths), tuple(sorted(patterns)), "\n".join(texts.values()))


def _exists(path: Path) -> bool:
    try:
        return os.path.lexists(path)
    except ValueError:  # a NUL byte
        return False


def _read(path: Path) -> str:
    try:
        return local_file.read(path).decode("utf-8", "replace")
    except OSError:
        return ""


def _of_pyproject(document: dict[str, Any]) -> Iterator[str]:
    project, tool = document.get("project", {}), document.get("tool", {})
    if isinstance(project, dict):
        yield from _strings([project.get("readme"), project.get("license"), project.get("license-files")])
    for name in _TOOLS:
        if isinstance(tool, dict) and isinstance(tool.get(name), dict):
            yield from _strings(tool[name])


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if not _NO_PATHS.fullmatch(key):
                yield key
                yield from _strings(one)


def _of_setup_cfg(text: str) -> Iterator[str]:
    from configparser import ConfigParser, Error

    parser = ConfigParser(interpolation=None, strict=False, delimiters=("=",))
    try:
        parser.read_string(text)
    except Error:
        return
    for section in ("options.data_files", "options.package_data"):
        for value in parser[section].values() if parser.has_section(section) else ():
            yield from re.split(r"[,\s]+", value)


def _of_manifest(text: str) -> Iterator[str]:
    for line in text.splitlines():
        command, *words = line.split()[:64] or ["#"]
        if command in ("include", "graft"):
            yield from words
        elif command == "recursive-include":
            yield from words[:1]
