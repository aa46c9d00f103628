"""The target of an image: a Debian suite on an architecture."""

from __future__ import annotations

import msgspec

from grocker.errors import UsageError
from grocker.platforms.suites import Suite, find_suite


class Target(msgspec.Struct, frozen=True):
    """A suite on an architecture."""

    suite: Suite
    architecture: str
    """Debian's and OCI's name: ``amd64``"""

    @property
    def platform(self) -> str:
        """``linux/amd64``"""
        return f"linux/{self.architecture}"


def select_target(suite: str, platform: str) -> Target:
    """The target for a suite (``trixie``) and a platform (``linux/amd64``).

    Raises SettingsError for an unknown suite, UsageError for a platform that the suite does not support.
    """
    row = find_suite(suite)
    system, _, architecture = platform.partition("/")
    if system != "linux" or architecture not in row.architectures:
        known = ", ".join(f"linux/{name}" for name in row.architectures)
        raise UsageError(f"unsupported platform {platform!r}", hint=f"choose one of {known}")
    return Target(row, architecture)
