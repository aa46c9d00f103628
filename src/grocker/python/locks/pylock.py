"""``pylock.toml`` (PEP 751)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from grocker import local_file
from grocker.errors import StorageError
from grocker.python.project import Project
from grocker.python.pylock import Pin, WheelBuilder, read_pylock
from grocker.python.target import WheelTarget
from grocker.python.uv import Uv

find = partial(local_file.find, "pylock.toml")
"""See ``LockFormat.find``."""


def read(
    path: Path,
    project: Project,
    target: WheelTarget,
    uv: Uv,
    *,
    workspace: Path,
    extras: Sequence[str],
    builder: WheelBuilder | None = None,
) -> tuple[Pin, ...]:
    """Read the wheels that the lock file pins; see ``LockFormat.read``."""
    try:
        data = local_file.read(path)
    except OSError as error:
        raise StorageError(f"reading {path}: {error.strerror}") from error
    chosen = {"extras": set(extras), "dependency_groups": set()}
    pins = read_pylock(data, target, builder, base=path.parent, variables=chosen)
    return tuple(pin for pin in pins if pin.name != project.name)
