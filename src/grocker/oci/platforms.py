"""Platforms as ``docker --platform`` writes them. Source: OCI image specification, image-index.md (platform)."""

from __future__ import annotations

import msgspec

from grocker.errors import UsageError

_ALIASES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm/v7", "armv7l": "arm/v7"}


class Platform(msgspec.Struct, frozen=True, order=True):
    """An operating system and an architecture, in Go's words (``linux``, ``amd64``)."""

    os: str
    architecture: str
    variant: str | None = None

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


def parse(text: str) -> Platform:
    """Parse ``linux/amd64``, ``linux/arm/v7`` or an architecture alone. UsageError for anything else.

    The variant v8 of 64-bit ARM is dropped, as in containerd: there is no other.
    """
    parts = text.strip().lower().split("/")
    if len(parts) == 1:
        parts = ["linux", *parts]
    architecture = "/".join(parts[1:])
    architecture = _ALIASES.get(architecture, architecture)
    name, _, variant = architecture.partition("/")
    if parts[0] != "linux" or not name.isalnum() or (variant and not variant.isalnum()):
        raise UsageError(f"invalid platform {text!r}", hint="use, for example, linux/amd64")
    if (name, variant) == ("arm64", "v8"):
        variant = ""
    return Platform(parts[0], name, variant or None)
