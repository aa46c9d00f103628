"""What an image is built for: what each suite of Debian brings, as far as wheels and bytecode depend on it."""

from __future__ import annotations

import msgspec

from grocker.errors import SettingsError, UsageError


class Suite(msgspec.Struct, frozen=True):
    """A suite of Debian, as wheels see it."""

    name: str
    python: str
    """release series of its python3"""
    glibc: tuple[int, int]
    """version of its C library: the newest manylinux policy that runs there (PEP 600)"""


SUITES = {
    "bookworm": Suite("bookworm", "3.11", (2, 36)),
    "trixie": Suite("trixie", "3.13", (2, 41)),
}
MACHINES = {"aarch64": "arm64", "x86_64": "amd64"}
"""The kernel's machine → Debian's and OCI's architecture."""
ARCHITECTURES = tuple(sorted(MACHINES.values()))


class Target(msgspec.Struct, frozen=True):
    """A suite on an architecture."""

    suite: Suite
    architecture: str
    """Debian's and OCI's word for it: ``amd64``"""

    @property
    def platform(self) -> str:
        """``linux/amd64``"""
        return f"linux/{self.architecture}"


def target(suite: str, platform: str) -> Target:
    """The target of that suite (``trixie``) on that platform (``linux/amd64``).

    Raises SettingsError for a suite, UsageError for a platform that Grocker does not build for.
    """
    if suite not in SUITES:
        raise SettingsError(f"suite {suite!r} is not known", hint=f"one of {', '.join(sorted(SUITES))}")
    system, _, architecture = platform.partition("/")
    if system != "linux" or architecture not in ARCHITECTURES:
        known = ", ".join(f"linux/{a}" for a in ARCHITECTURES)
        raise UsageError(f"platform {platform!r} is not one that Grocker builds for", hint=f"one of {known}")
    return Target(SUITES[suite], architecture)
