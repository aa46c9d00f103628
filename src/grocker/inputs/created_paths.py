"""The directories and log files that an application creates in its working directory. Nothing is imported."""

from __future__ import annotations

import os
from collections.abc import Iterator

from grocker.regex import regex

_PATH = r"[\w-][\w.-]*(?:/[\w-][\w.-]*)*"
_MADE = regex(
    rf"""\bos\.(?:makedirs|mkdir)\(\s*["'](?:\./)?(?P<path>{_PATH})/?["']"""
    rf"""|\bPath\(\s*["'](?:\./)?(?P<path2>{_PATH})/?["']\s*\)\.mkdir\("""
)
_MINDED = regex(r"\b(?:exists|isdir|is_dir)\(|\bexcept\b")
_LOG = regex(
    rf"""\b(?:\w*FileHandler\(\s*(?:filename\s*=\s*)?|basicConfig\([^()]*\bfilename\s*=\s*)["'](?:\./)?(?P<path>{_PATH}\.log)["']"""
)


def find_relative(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the paths that a module creates in the working directory, each with whether it is a directory."""
    minds = bool(_MINDED.search(text))
    for match in _MADE.finditer(text):
        if not minds and "exist_ok" not in text[match.end() : text.find(")", match.end())]:
            continue  # it fails at a directory that is there, as links into /media are
        yield os.path.normpath(match["path"] or match["path2"]), True
    for match in _LOG.finditer(text):
        directory = os.path.dirname(os.path.normpath(match["path"]))
        yield (directory, True) if directory else (match["path"], False)
