"""``pylock.toml`` (PEP 751)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grocker import local_file
from grocker.decoding import decode_toml
from grocker.errors import SettingsError, StorageError
from grocker.python.groups import unknown_group
from grocker.python.locks.pinned import check_declared
from grocker.python.metadata import normalise_name
from grocker.python.project import Project
from grocker.python.pylock import Pin, WheelBuilder, read_pylock
from grocker.python.target import WheelTarget
from grocker.python.uv import Uv

if TYPE_CHECKING:
    from packaging.pylock import Pylock

_NAMES = ("pylock.toml", "pylock.production.toml", "pylock.prod.toml")


def find(directory: Path) -> Path | None:
    """The first of ``_NAMES``, or the only ``pylock.NAME.toml``; None when there is none, or when there are several."""
    for name in _NAMES:
        if (path := local_file.find(name, directory)) is not None:
            return path
    others = [path for path in sorted(directory.glob("pylock.*.toml")) if path.is_file()]
    return others[0] if len(others) == 1 else None


def read(
    path: Path,
    project: Project,
    target: WheelTarget,
    uv: Uv,
    *,
    workspace: Path,
    extras: Sequence[str],
    groups: Sequence[str] = (),
    builder: WheelBuilder | None = None,
) -> tuple[Pin, ...]:
    """Read the wheels that the lock file pins; see ``LockFormat.read``."""
    try:
        data = local_file.read(path)
    except OSError as error:
        raise StorageError(f"reading {path}: {error.strerror}", hint="make the file readable") from error
    document = _checked(data, path)
    known = {normalise_name(one) for one in document.dependency_groups or ()}
    for group in groups:
        if normalise_name(group) not in known:
            raise unknown_group(group, known)
    default = {group for group in document.default_groups or () if group != "dev"}
    chosen = {"extras": set(extras), "dependency_groups": {*default, *groups}}
    pins = read_pylock(data, target, builder, base=path.parent, variables=chosen)
    check_declared(
        project.dependencies or (),
        {pin.name: {pin.version} for pin in pins},
        target,
        lock=path,
        remedy="create it again",
    )
    return tuple(pin for pin in pins if pin.name != project.name)


def _checked(data: bytes, path: Path) -> Pylock:
    from packaging.pylock import Pylock, PylockValidationError

    try:
        return Pylock.from_dict(decode_toml(data.decode("utf-8")))
    except (PylockValidationError, ValueError) as error:
        raise SettingsError(f"reading {path}: {error}", hint="create the lock again") from error
