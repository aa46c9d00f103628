"""Reads what processes and the container use, from /proc and the control group. Contract: H2.

Sources: proc_pid_stat(5); Linux, Documentation/ABI/testing/procfs-smaps_rollup,
Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
"""

from __future__ import annotations

import os
import time

from ..base.value import TYPE_CHECKING, Value
from ..process import container_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_MOST_SHARED = 64  # processes; the kernel takes about a millisecond to add up a large one
FRESH = 1.0  # seconds for which a reading is reused


class TreeUsage(Value):
    """A process with its descendants and the rest of its process group.

    ``cpu``: seconds, including those of ended children; ``memory``: resident bytes, of shared ones each process's
    share, so that they add up; ``open_files``: descriptors, None if unknown; ``workers``: the number of processes
    without the first.
    """

    cpu: float
    memory: int
    open_files: int | None
    workers: int


class Usage(Value):
    """``trees``: by the process id of the first; ``runner``: the runner alone. Of the container, None if unknown:
    ``memory``: bytes without inactive page cache; ``memory_limit``; ``oom_kills``: processes that the kernel killed for
    lack of memory.
    """

    trees: Mapping[int, TreeUsage]
    runner: TreeUsage
    memory: int | None = None
    memory_limit: int | None = None
    oom_kills: int | None = None


class _Process(Value):
    pid: int
    parent: int
    group: int
    ticks: int
    waited: int  # ticks of ended children
    pages: int


class UsageMeter:
    """Reads once in ``fresh`` seconds at most, and never reports less CPU time for a process than before.

    ``source``: :func:`read_usage`, with the file system's root as ``root``.
    """

    def __init__(self, root: str = "/", *, fresh: float = FRESH, source: Callable[..., Usage] | None = None) -> None:
        self._root = root
        self._fresh = fresh
        self._source = source or read_usage
        self._cpu: dict[int, float] = {}
        self._last: tuple[float, frozenset[int], Usage] | None = None

    def read(self, pids: Iterable[int]) -> Usage:
        """Return the usage of these process trees, without those that are gone."""
        requested = frozenset(pids)
        now = time.monotonic()
        if self._last is not None and self._last[1] == requested and now - self._last[0] < self._fresh:
            return self._last[2]
        found = self._source(requested, root=self._root)
        trees = {}
        for pid, tree in found.trees.items():
            # The CPU time of a descendant is lost when another process than its parent reaped it.
            cpu = max(tree.cpu, self._cpu.get(pid, 0.0))
            trees[pid] = TreeUsage(cpu=cpu, memory=tree.memory, open_files=tree.open_files, workers=tree.workers)
        self._cpu = {pid: tree.cpu for pid, tree in trees.items()}
        usage = Usage(
            trees=trees,
            runner=found.runner,
            memory=found.memory,
            memory_limit=found.memory_limit,
            oom_kills=found.oom_kills,
        )
        self._last = (now, requested, usage)
        return usage


def read_usage(pids: Iterable[int], *, root: str = "/") -> Usage:
    """Return the current usage. ``root`` is for tests."""
    processes = {found.pid: found for name in _pids(root) if (found := _process(root, name)) is not None}
    below: dict[int, list[_Process]] = {}
    for process in processes.values():
        below.setdefault(process.parent, []).append(process)
    trees = {pid: _tree(root, pid, processes, below) for pid in pids if pid in processes}
    own = os.getpid()
    runner = _sum(root, [processes[own]] if own in processes else [], waited=False)
    groups = container_limits.cgroup_directories("memory", root)
    limit = container_limits.read_limits(root).memory
    return Usage(
        trees=trees, runner=runner, memory=_memory(groups), memory_limit=limit or None, oom_kills=_oom_kills(groups)
    )


def _pids(root: str) -> list[str]:
    try:
        return [name for name in os.listdir(f"{root}proc") if name.isdecimal()]
    except OSError:
        return []


def _process(root: str, name: str) -> _Process | None:
    try:
        with open(f"{root}proc/{name}/stat", "rb", 0) as file:
            fields = file.read(4096).rpartition(b")")[2].split()
        return _Process(
            pid=int(name),
            parent=int(fields[1]),
            group=int(fields[2]),
            ticks=int(fields[11]) + int(fields[12]),
            waited=int(fields[13]) + int(fields[14]),
            pages=int(fields[21]),
        )
    except (OSError, ValueError, IndexError):
        return None  # it has just ended


def _tree(root: str, pid: int, processes: dict[int, _Process], below: dict[int, list[_Process]]) -> TreeUsage:
    members: dict[int, _Process] = {}
    waiting = [processes[pid], *(process for process in processes.values() if process.group == pid)]
    for process in waiting:
        if process.pid not in members:
            members[process.pid] = process
            waiting += below.get(process.pid, ())
    return _sum(root, list(members.values()))


def _sum(root: str, members: list[_Process], *, waited: bool = True) -> TreeUsage:
    ticks = sum(process.ticks + (process.waited if waited else 0) for process in members)
    opened = [_open_files(f"{root}proc/{process.pid}/fd") for process in members]
    return TreeUsage(
        cpu=ticks / os.sysconf("SC_CLK_TCK"),
        memory=sum(_resident(root, process, shared=len(members) <= _MOST_SHARED) for process in members),
        open_files=None if None in opened else sum(number or 0 for number in opened),
        workers=max(0, len(members) - 1),
    )


def _resident(root: str, process: _Process, *, shared: bool) -> int:
    """Return resident bytes; with ``shared``, only its share of shared ones, if the kernel tells."""
    if shared:
        try:
            with open(f"{root}proc/{process.pid}/smaps_rollup", "rb", 0) as file:
                for line in file.read(4096).splitlines():
                    if line.startswith(b"Pss:"):
                        return int(line.split()[1]) << 10
        except (OSError, ValueError, IndexError):
            pass
    return process.pages * os.sysconf("SC_PAGE_SIZE")


def _open_files(directory: str) -> int | None:
    try:
        # Since Linux 6.2 the directory's size is their number; a process may have a hundred thousand.
        return os.stat(directory).st_size or len(os.listdir(directory))
    except FileNotFoundError:
        return 0
    except OSError:
        return None


def _memory(groups: list[str]) -> int | None:
    for directory in groups:
        for name, cache in (("memory.current", "inactive_file"), ("memory.usage_in_bytes", "total_inactive_file")):
            used = container_limits.read_text(f"{directory}/{name}")
            if used.isdecimal():
                return max(0, int(used) - _line(f"{directory}/memory.stat", cache, 0))
    return None


def _oom_kills(groups: list[str]) -> int | None:
    for directory in groups:
        for name in ("memory.events", "memory.oom_control"):
            found = _line(f"{directory}/{name}", "oom_kill", -1)
            if found >= 0:
                return found
    return None


def _line(path: str, name: str, default: int) -> int:
    """Return the number after ``name`` in a file of ``NAME NUMBER`` lines."""
    for line in container_limits.read_text(path).splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdecimal():
            return int(value)
    return default
