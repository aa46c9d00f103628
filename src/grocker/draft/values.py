"""A draft of settings, and what has no counterpart in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Remark(msgspec.Struct, frozen=True):
    """Something that the draft does not take over."""

    place: str
    """``Dockerfile:12``"""
    what: str
    why: str
    """the reason, or what to do instead"""

    def __str__(self) -> str:
        short = " ".join(self.what.split())
        return f"{self.place}: {short if len(short) <= 72 else short[:71] + '…'}: {self.why}"


class Findings(msgspec.Struct):
    """What one source says, collected while it is read."""

    dependencies: list[str] = []
    """Debian packages"""
    env: dict[str, str] = {}
    services: dict[str, dict[str, Any]] = {}
    """tables by service"""
    user: dict[str, Any] = {}
    suite: str = ""
    python: str = ""
    """the release series of Python that no suite has"""
    static: bool = False
    """whether Django's static files are collected"""
    has_entry_script: bool = False
    """whether a script gets the commands of containers as arguments"""
    remarks: list[Remark] = []

    def depend(self, package: str) -> None:
        """Add a Debian package, once."""
        if package not in self.dependencies:
            self.dependencies.append(package)


class Draft(msgspec.Struct, frozen=True):
    """Settings as in ``[tool.grocker]``."""

    table: Mapping[str, Any]
    sources: tuple[str, ...]
    """names of the files that were read, for a comment"""
    remarks: tuple[Remark, ...]
