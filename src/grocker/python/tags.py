"""Choose the wheel of a release that fits the target best (PEP 425, PEP 600; platform compatibility tags).

``packaging.tags`` asks the running interpreter for its platforms; here they are computed for the target.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from grocker.platforms.architectures import ARCHITECTURES
from grocker.python.target import WheelTarget

if TYPE_CHECKING:
    from packaging.tags import Tag

_LEGACY = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}


def platform_tags(target: WheelTarget) -> Iterator[str]:
    """Platform tags that the target runs, the best first: ``manylinux_2_41_x86_64`` … and the bare ``linux_x86_64``."""
    machine = target.machine
    major, newest = target.glibc
    for minor in range(newest, ARCHITECTURES[target.architecture].oldest_glibc - 1, -1):
        yield f"manylinux_{major}_{minor}_{machine}"
        legacy = _LEGACY.get((major, minor))
        if legacy:
            yield f"{legacy}_{machine}"
    yield f"linux_{machine}"


@lru_cache(maxsize=8)
def rank_tags(target: WheelTarget) -> dict[Tag, int]:
    """Each tag that the target supports → its place, 0 the best."""
    from packaging.tags import compatible_tags, cpython_tags

    known = tuple(platform_tags(target))
    version = target.version_info
    interpreter = f"{target.implementation}{version[0]}{version[1]}"
    ordered: dict[Tag, int] = {}
    for tag in (
        *cpython_tags(version, abis=[target.abi], platforms=known),
        *compatible_tags(version, interpreter, known),
    ):
        ordered.setdefault(tag, len(ordered))
    return ordered


def rank_file(file: str, target: WheelTarget) -> int | None:
    """The place of a wheel's best tag, 0 the best; None when it is incompatible, or not a wheel file name."""
    from packaging.utils import parse_wheel_filename

    try:
        tags = parse_wheel_filename(file)[3]
    except ValueError:  # InvalidWheelFilename, or a number of thousands of digits
        return None
    places = rank_tags(target)
    found = [places[tag] for tag in tags if tag in places]
    return min(found, default=None)


def choose_file(files: Iterable[str], target: WheelTarget) -> str | None:
    """The file that installers choose: the best tag, then the highest build number; None when none fits."""
    from packaging.utils import parse_wheel_filename

    fitting = [(place, file) for file in files if (place := rank_file(file, target)) is not None]
    if not fitting:
        return None
    lowest = min(place for place, _ in fitting)
    return max((file for place, file in fitting if place == lowest), key=lambda f: (parse_wheel_filename(f)[2], f))
