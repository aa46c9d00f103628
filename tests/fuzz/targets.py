"""The table of all fuzz targets: one row for each parser that reads what others wrote."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz import (
    cache_targets,
    debian_targets,
    image_targets,
    lock_targets,
    python_targets,
    registry_targets,
    runner_targets,
    settings_targets,
)
from tests.fuzz.target import Target

_ROOMS = (
    debian_targets,
    python_targets,
    lock_targets,
    settings_targets,
    registry_targets,
    cache_targets,
    image_targets,
    runner_targets,
)
TARGETS: dict[str, Target] = {target.name: target for room in _ROOMS for target in room.TARGETS}
CORPUS = Path(__file__).with_name("corpus")
"""one directory for each target that has ever failed, with the smallest input of each fault"""


def read_corpus(name: str) -> dict[str, bytes]:
    """The inputs that once showed a fault of the target, by file name."""
    return {path.name: path.read_bytes() for path in sorted((CORPUS / name).glob("*"))}
