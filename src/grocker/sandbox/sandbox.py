"""What a sandboxed command sees, and what it may use. Values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

HOSTNAME = "grocker"


class Bind(msgspec.Struct, frozen=True):
    """A file or directory of the host inside the sandbox."""

    source: Path
    target: str
    """absolute path in the sandbox; created unless it lies below a directory of the root"""
    is_writable: bool = False


class Limits(msgspec.Struct, frozen=True):
    """Bounds of one run. Generous: they end what would never end by itself."""

    seconds: int = 2 * 3600
    """of wall time"""
    processes: int = 1024
    """processes and threads at the same time"""
    memory: int = 16 << 30
    """bytes of address space of each process"""
    file: int = 8 << 30
    """bytes of each file that is written"""
    written: int = 16 << 30
    """bytes of all files together, in the directories that the command may write to; an empty file counts 4 KiB"""
    free: int = 1 << 30
    """bytes that must stay free on the disk of these directories; half of what is free at the start, if that is less"""
    free_files: int = 100_000
    """inodes that must stay free there, or half of them"""
    temporary: int = 1 << 30
    """bytes below ``/tmp``, which are memory"""


class Sandbox(msgspec.Struct, frozen=True):
    """A root, and what is added to it.

    A command sees it with ``/proc``, a minimal ``/dev``, and an empty ``/tmp``. It runs as the uid ``nobody`` without
    capabilities, in the umask 022.
    """

    root: Path
    """a directory with the files of Debian packages; the command cannot write to it"""
    binds: tuple[Bind, ...] = ()
    environment: Mapping[str, str] = msgspec.field(default_factory=dict)
    """everything but LC_ALL, TZ, PATH and PYTHONHASHSEED, which are fixed unless they are given here"""
    has_network: bool = False
    """whether it uses the host's network; otherwise it has none"""
    has_ipc: bool = False
    """whether it may use IPC objects of System V that are the host's, where it has no IPC namespace"""
    limits: Limits = Limits()

    @property
    def variables(self) -> dict[str, str]:
        """The command's whole environment."""
        fixed = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0"}
        return fixed | dict(self.environment)
