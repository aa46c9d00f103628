from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from grocker.runner.status import usage
from grocker.runner.status.usage import TreeUsage, UsageMeter
from tests.support.calls import count_calls

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def _process(root: Path, pid: int, parent: int, group: int, *, ticks: int = 1, pages: int = 1, files: int = 0) -> None:
    directory = root / "proc" / str(pid)
    directory.mkdir(parents=True)
    fields = ["S", parent, group, 0, 0, 0, 0, 0, 0, 0, 0, ticks, ticks, ticks, ticks, 0, 0, 1, 0, 0, 0, pages]
    (directory / "stat").write_text(f"{pid} (a (b) c) {' '.join(map(str, fields))} 0\n")
    (directory / "fd").mkdir()
    for number in range(files):
        (directory / "fd" / str(number)).symlink_to("/dev/null")


def _group(root: Path, **files: str) -> None:
    directory = root / "sys" / "fs" / "cgroup" / "pod" / "one"
    directory.mkdir(parents=True)
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "cgroup").write_text("0::/pod/one\n")
    for name, text in files.items():
        (directory / name.replace("_", ".", 1)).write_text(text)


def test_H2_tree_is_the_process_with_descendants_and_group(tmp_path: Path) -> None:
    _process(tmp_path, 10, 1, 10, ticks=10, pages=3)
    _process(tmp_path, 11, 10, 10, pages=2)
    _process(tmp_path, 12, 11, 12, pages=1)  # a grandchild that has made a group of its own
    _process(tmp_path, 13, 1, 10, pages=1)  # an orphan of the group
    _process(tmp_path, 14, 1, 14, pages=100)
    found = usage.read_usage([10, 14, 99], root=f"{tmp_path}/")
    assert set(found.trees) == {10, 14}
    tree = found.trees[10]
    assert (tree.cpu, tree.memory, tree.workers) == ((40 + 3 * 4) / TICK, 7 * PAGE, 3)
    assert found.trees[14].workers == 0


def test_H2_shared_memory_is_divided(tmp_path: Path) -> None:
    """Workers that were forked share most of theirs: the sum was more than the container's."""
    for pid in (10, 11, 12):
        _process(tmp_path, pid, 10 if pid > 10 else 1, 10, pages=1000)
        (tmp_path / "proc" / str(pid) / "smaps_rollup").write_text(
            "00-ff ---p 0 00:00 0 [rollup]\nRss: 4000 kB\nPss: 100 kB\n"
        )
    (tmp_path / "proc" / "12" / "smaps_rollup").write_text("of another kernel\n")
    found = usage.read_usage([10], root=f"{tmp_path}/")
    assert found.trees[10].memory == 200 * 1024 + 1000 * PAGE


def test_H2_forked_processes_add_up() -> None:
    program = (
        "import os, sys, time; x = bytearray(os.urandom(40 << 20)); [os.fork() for _ in range(2)]; "
        "print('.', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            for _ in range(4):
                process.stdout.readline()
            assert 40 << 20 < usage.read_usage([process.pid]).trees[process.pid].memory < 80 << 20
        finally:
            os.killpg(process.pid, 9)


def test_H2_many_processes_are_not_looked_at_one_by_one(tmp_path: Path) -> None:
    for pid in range(10, 110):
        _process(tmp_path, pid, 1, 10, pages=2)
        (tmp_path / "proc" / str(pid) / "smaps_rollup").write_text("Pss: 1 kB\n")
    assert usage.read_usage([10], root=f"{tmp_path}/").trees[10].memory == 200 * PAGE


def test_H2_real_processes_are_measured() -> None:
    line = "import os, time; x = bytearray(30 << 20); os.open('/dev/null', 0); print('.', flush=True); time.sleep(60)"
    shell = f'{sys.executable} -c "{line}" & wait'
    with subprocess.Popen(["sh", "-c", shell], stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            found = usage.read_usage([process.pid])
            tree = found.trees[process.pid]
            assert tree.workers == 1
            assert tree.memory > 30 << 20
            assert tree.cpu >= 0
            assert tree.open_files is not None and tree.open_files >= 7
            assert found.runner.memory > 1 << 20
            assert found.runner.workers == 0
        finally:
            os.killpg(process.pid, 9)


def test_H2_runner_s_processor_time_is_its_own(tmp_path: Path) -> None:
    """What the kernel adds to it when it waits for a service that has died was the service's."""
    _process(tmp_path, os.getpid(), 1, 1, ticks=10)
    assert usage.read_usage([], root=f"{tmp_path}/").runner.cpu == 20 / TICK


@pytest.mark.fault(number=8)
def test_H2_container_s_memory_is_told_without_what_can_be_dropped(tmp_path: Path) -> None:
    _group(
        tmp_path,
        memory_current="1000000\n",
        memory_stat="anon 1\ninactive_file 300000\nactive_file 7\n",
        memory_max="2000000\n",
        memory_events="low 0\noom 4\noom_kill 3\noom_group_kill 0\n",
    )
    found = usage.read_usage([], root=f"{tmp_path}/")
    assert (found.memory, found.memory_limit, found.oom_kills) == (700000, 2000000, 3)


def test_H2_container_s_memory_is_told_when_control_groups_are_of_version_1(tmp_path: Path) -> None:
    directory = tmp_path / "sys" / "fs" / "cgroup" / "memory"
    directory.mkdir(parents=True)
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text("5:memory:/docker/abc\n1:name=systemd:/x\n")
    (directory / "memory.usage_in_bytes").write_text("900\n")
    (directory / "memory.stat").write_text("total_inactive_file 100\n")
    (directory / "memory.limit_in_bytes").write_text("5000\n")
    (directory / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    found = usage.read_usage([], root=f"{tmp_path}/")
    assert (found.memory, found.memory_limit, found.oom_kills) == (800, 5000, 2)


def test_H2_nothing_is_told_when_the_system_says_nothing(tmp_path: Path) -> None:
    found = usage.read_usage([1], root=f"{tmp_path}/")
    assert dict(found.trees) == {}
    assert (found.memory, found.oom_kills) == (None, None)
    assert found.runner == TreeUsage(cpu=0.0, memory=0, open_files=0, workers=0)


def test_meter_reads_once_a_second_and_again_when_asked_for_others() -> None:
    read: list[frozenset[int]] = []

    def counted(pids: frozenset[int], *, root: str) -> usage.Usage:
        read.append(pids)
        return usage.read_usage(pids, root=root)

    meter = UsageMeter(source=counted)
    first = meter.read([os.getpid()])
    assert meter.read([os.getpid()]) is first
    meter.read([])
    assert read == [frozenset({os.getpid()}), frozenset()]


def test_meter_never_tells_less_processor_time(tmp_path: Path) -> None:
    _process(tmp_path, 10, 1, 10, ticks=10)
    _process(tmp_path, 11, 10, 10, ticks=50)
    meter = UsageMeter(f"{tmp_path}/", fresh=0.0)
    before = meter.read([10]).trees[10]
    (tmp_path / "proc" / "11" / "stat").unlink()
    after = meter.read([10]).trees[10]
    assert after.cpu == before.cpu == 240 / TICK
    assert after.workers == 0


def test_meter_reads_each_process_once_when_there_are_many(tmp_path: Path) -> None:
    def calls(processes: int) -> int:
        root = tmp_path / str(processes)
        for pid in range(100, 100 + processes):
            _process(root, pid, 100 if pid > 100 else 1, 100)
        found: list[usage.Usage] = []
        number = count_calls(lambda: found.append(usage.read_usage([100], root=f"{root}/")))
        assert found[0].trees[100].workers == processes - 1
        return number

    assert calls(400) < 2.2 * calls(200)
