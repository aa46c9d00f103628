from __future__ import annotations

import os
from pathlib import Path

import pytest

from grocker.runner.process.container_limits import read_limits

_CPUS = float(len(os.sched_getaffinity(0)))


def _machine(root: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return f"{root}/"


@pytest.mark.parametrize(
    ("files", "cpus", "memory"),
    [
        pytest.param({}, None, None, id="nothing shows"),
        pytest.param(
            {
                "proc/self/cgroup": "0::/\n",
                "sys/fs/cgroup/cpu.max": "50000 100000\n",
                "sys/fs/cgroup/memory.max": "1048576\n",
            },
            0.5,
            1048576,
            id="version 2, its own namespace",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/cpu.max": "25000 100000\n",
                "sys/fs/cgroup/a/b/cpu.max": "50000 100000\n",
                "sys/fs/cgroup/a/b/memory.max": "max\n",
                "sys/fs/cgroup/a/memory.max": "4096\n",
            },
            0.25,
            4096,
            id="version 2, the host's namespace: the smallest above counts",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "5:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n1:name=systemd:/docker/1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "75000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "2048\n",
            },
            0.75,
            2048,
            id="version 1",
        ),
        pytest.param(
            {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            None,
            None,
            id="version 1, no limit",
        ),
        pytest.param({"sys/fs/cgroup/cpu.max": "max 100000\n", "sys/fs/cgroup/memory.max": "?"}, None, None, id="max"),
    ],
)
def test_container_limits_are_the_smallest(
    tmp_path: Path, files: dict[str, str], cpus: float | None, memory: int | None
) -> None:
    found = read_limits(_machine(tmp_path, files))
    assert found.cpus == (cpus or _CPUS)
    assert found.memory == (memory or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
