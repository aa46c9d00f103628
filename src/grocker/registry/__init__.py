"""Registries, by the OCI distribution specification: push, read, and the credentials for both."""

from __future__ import annotations

from grocker.registry.auth import Credentials, find_credentials
from grocker.registry.mount_candidates import MountCandidates
from grocker.registry.preflight import RepositoryState, inspect_repository
from grocker.registry.push import PushResult, push
from grocker.registry.session import RepositorySession, open_session

__all__ = [
    "Credentials",
    "MountCandidates",
    "PushResult",
    "RepositorySession",
    "RepositoryState",
    "find_credentials",
    "inspect_repository",
    "open_session",
    "push",
]
