"""The directories and log files that an application creates where it runs or beside its code. Nothing is imported."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

_PATH = r"[\w-][\w.-]*(?:/[\w-][\w.-]*)*"
_MADE = re.compile(
    rf"""\bos\.(?:makedirs|mkdir)\(\s*["'](?:\./)?(?P<path>{_PATH})/?["']"""
    rf"""|\bPath\(\s*["'](?:\./)?(?P<path2>{_PATH})/?["']\s*\)\.mkdir\("""
)
_LOG = re.compile(
    rf"""\b(?:\w*FileHandler\(\s*(?:filename\s*=\s*)?|basicConfig\([^()]*\bfilename\s*=\s*)["'](?:\./)?(?P<path>{_PATH}\.log)["']"""
)
_PLACED = re.compile(
    r"^[ \t]*(?P<name>[A-Za-z_]\w*)\s*(?::[^=\n]+)?="
    rf"""(?P<base>[^\n]*?)[,/][ \t]*["'](?P<path>{_PATH})["'][ \t]*\)*[ \t]*$""",
    re.M,
)
_ASSIGNED = re.compile(r"^[ \t]*(?P<name>[A-Za-z_]\w*)\s*(?::[^=\n]+)?=\s*(?P<value>.*__file__.*)$", re.M)


def find_relative(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the paths that a module creates in the working directory, each with whether it is a directory."""
    for match in _MADE.finditer(text):
        yield os.path.normpath(match["path"] or match["path2"]), True
    for match in _LOG.finditer(text):
        directory = os.path.dirname(os.path.normpath(match["path"]))
        yield (directory, True) if directory else (match["path"], False)


def find_beside(path: str, text: str) -> Iterator[str]:
    """Yield the directories that the module at the entry path ``path`` creates at places told from ``__file__``."""
    if "__file__" not in text or not re.search(r"\bmakedirs\(|\bmkdir\(", text):
        return
    bases = {match["name"]: ancestor(path, match["value"]) for match in _ASSIGNED.finditer(text)}
    for match in _PLACED.finditer(text):
        name, base = match["name"], match["base"]
        if not re.search(rf"\b(?:makedirs|mkdir)\(\s*{name}\b|\b{name}\.mkdir\(", text):
            continue
        known = next((bases[one] for one in re.findall(r"[A-Za-z_]\w*", base) if one in bases and one != name), None)
        place = ancestor(path, base) if "__file__" in base else known
        if place is not None:
            yield os.path.normpath(f"{place}/{match['path']}")


def ancestor(path: str, expression: str) -> str:
    """Return the directory that an expression with ``__file__`` means in the file at ``path``."""
    numbered = re.search(r"\.parents\[(\d+)\]", expression)
    above = int(numbered[1]) + 1 if numbered else len(re.findall(r"\.parent\b|\bdirname\(", expression))
    return "/".join(path.split("/")[: -above or None])
