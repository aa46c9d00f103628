"""The processors and the memory that the container may use. Contract: X4.

Sources: Linux, Documentation/admin-guide/cgroup-v2.rst (cpu.max, memory.max) and cgroup-v1 (cpu.cfs_quota_us,
memory.limit_in_bytes).
"""

from __future__ import annotations

import os

from ..base.value import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNLIMITED = 1 << 60  # bytes; cgroup v1 writes a number near 2**63 for "no limit"


class ContainerLimits(Value):
    """``cpus``: processors, may be a fraction; ``memory``: bytes."""

    cpus: float
    memory: int


def read_limits(root: str = "/") -> ContainerLimits:
    """Return the smallest limits of the container's control groups and of the machine; ``root`` is for tests."""
    cpus = float(len(os.sched_getaffinity(0)))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    groups = dict(_groups(read_text(f"{root}proc/self/cgroup")))
    for directory in _upwards(f"{root}sys/fs/cgroup", groups.get("", "/")):
        quota, _, period = read_text(f"{directory}/cpu.max").partition(" ")
        cpus = min(cpus, _share(quota, period))
        memory = min(memory, _bytes(read_text(f"{directory}/memory.max")))
    for directory in _upwards(f"{root}sys/fs/cgroup/cpu", groups.get("cpu", "/")):
        quota, period = read_text(f"{directory}/cpu.cfs_quota_us"), read_text(f"{directory}/cpu.cfs_period_us")
        cpus = min(cpus, _share(quota, period))
    for directory in _upwards(f"{root}sys/fs/cgroup/memory", groups.get("memory", "/")):
        memory = min(memory, _bytes(read_text(f"{directory}/memory.limit_in_bytes")))
    return ContainerLimits(cpus=cpus, memory=memory)


def _groups(listed: str) -> Iterator[tuple[str, str]]:
    """Controller → path, from /proc/self/cgroup; version 2's controller is "" (cgroups(7))."""
    for line in listed.splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        for controller in controllers.split(","):
            yield controller, path


def _upwards(mount: str, path: str) -> list[str]:
    """The group's directory and its parents, as far as visible; in its own namespace, the mount itself."""
    parts = [part for part in path.split("/") if part and part != ".."]
    return [f"{mount}/{'/'.join(parts[:length])}".rstrip("/") for length in range(len(parts) + 1)]


def cgroup_directories(controller: str, root: str = "/") -> list[str]:
    """Return the directories of the control group, innermost first: version 2's, then version 1's."""
    groups = dict(_groups(read_text(f"{root}proc/self/cgroup")))
    unified = _upwards(f"{root}sys/fs/cgroup", groups.get("", "/"))
    own = _upwards(f"{root}sys/fs/cgroup/{controller}", groups.get(controller, "/"))
    return [*reversed(unified), *reversed(own)]


def read_text(path: str) -> str:
    """Return the stripped content of a small kernel file; "" when it cannot be read."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def _share(quota: str, period: str) -> float:
    try:
        share = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):  # "max", or no such file
        return float("inf")
    return share if share > 0 else float("inf")  # -1: no limit


def _bytes(number: str) -> int:
    return int(number) if number.isdigit() else _UNLIMITED
