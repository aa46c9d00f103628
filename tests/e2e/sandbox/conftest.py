"""Fixtures of builds and of rootless podman, for what runs in the sandbox."""

from __future__ import annotations

from tests.e2e.build.conftest import anywhere, home_of
from tests.e2e.rootless.conftest import person

__all__ = ["anywhere", "home_of", "person"]
