"""Many jobs that are due in one minute: when has the last of them started?"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.bench.host import BenchError, as_root, run
from tools.bench_runner.figures import Row, Verdict
from tools.bench_runner.lab import RUNNER, Lab, seconds_of

DEBIAN = "Debian's cron"
_HEAD_START = 8.0
"""seconds before the minute at which the scheduler should be there"""
_LONGEST = 90.0
_LATE = 10.0
"""seconds that the engine may take to write what it was given"""
_STARTED = re.compile(r"^(\S+)Z line\d+\[\d+\]: started", re.MULTILINE)
_PRIVATE = """
mount -t tmpfs none /var/spool/cron
mkdir /var/spool/cron/crontabs
mount -t tmpfs none /etc/cron.d
mount -t tmpfs none /run
mount --bind /dev/null /etc/crontab
cat "$1" >/var/spool/cron/crontabs/root
chmod 600 /var/spool/cron/crontabs/root
exec cron -f
"""


def measure(lab: Lab, jobs: int, *, due: bool) -> list[Row]:
    """``jobs``: how many. ``due``: at the next minute; otherwise at the start, which nobody needs to wait for."""
    place = lab.place / "cron"
    place.mkdir(exist_ok=True)
    log, ours = _runner(lab, place, jobs, due=due)
    samples = {RUNNER: ours, DEBIAN: _debian(lab, place, jobs, due=due)}
    row = Row(
        f"{jobs:,} cron jobs due in one minute: start of the last",
        "s",
        {side: [max(found)] for side, found in samples.items()},
        (Verdict((max(log),), "{} s by the log", 60), Verdict((float(len(log)),), "{} started", jobs, least=True)),
    )
    return [row]


def _runner(lab: Lab, place: Path, jobs: int, *, due: bool) -> tuple[list[float], list[float]]:
    """Seconds after the minute: of the log's lines, and of the jobs' own first act."""
    folder = place / "config"
    folder.mkdir(exist_ok=True)
    stamps = _stamps(place, RUNNER)
    minute = _minute() if due else 0.0
    _crontab(folder / "crontab", minute, jobs, f"/bench/stamp /stamps/{stamps.name}")
    mounts = ["--volume", f"{lab.programs}:/bench:ro", "--volume", f"{folder}:/config:ro"]
    mounts += ["--volume", f"{stamps.parent}:/stamps"]
    with lab.container(mounts, ["cron"]) as container:
        began = minute or container.since
        found = _gathered(stamps, jobs)
        # A job starts before the engine has written its line of the log.
        limit = time.monotonic() + _LATE
        while True:
            said = run(["docker", "logs", "--timestamps", container.name])
            log = [seconds_of(match[1]) - began for match in _STARTED.finditer(said)]
            if len(log) >= jobs or time.monotonic() > limit:
                break
            time.sleep(0.1)
    if not log:
        raise BenchError(f"cron: no job was started: {said[-2000:]}")
    return log, [stamp - began for stamp in found]


def _debian(lab: Lab, place: Path, jobs: int, *, due: bool) -> list[float]:
    """Debian's, on this host, with a spool of its own. Root's, as it must be."""
    stamps = _stamps(place, "debian")
    minute = _minute() if due else 0.0
    crontab = place / "crontab"
    _crontab(crontab, minute, jobs, f"{lab.programs}/stamp {stamps}")
    began = minute or time.time()
    with _private_cron(crontab):
        return [stamp - began for stamp in _gathered(stamps, jobs)]


@contextmanager
def _private_cron(crontab: Path) -> Iterator[None]:
    words = ("unshare", "--mount", "--propagation", "private")
    line = as_root(*words, "sh", "-ec", _PRIVATE, "sh", crontab)
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as cron:
        try:
            yield
        finally:
            run(as_root("kill", str(cron.pid)))


def _minute() -> float:
    """The next that leaves time to get ready, in seconds since 1970."""
    return (time.time() + _HEAD_START) // 60 * 60 + 60


def _crontab(path: Path, minute: float, jobs: int, command: str) -> None:
    when = time.strftime("%M %H * * *", time.gmtime(minute)) if minute else "@reboot"
    path.write_text(f"{when} {command}\n" * jobs)
    path.chmod(0o644)


def _stamps(place: Path, name: str) -> Path:
    """An empty file that every uid may add to."""
    path = place / f"{name}.stamps"
    path.write_bytes(b"")
    path.chmod(0o666)
    return path


def _gathered(stamps: Path, jobs: int) -> list[float]:
    limit = time.monotonic() + _HEAD_START + 60 + _LONGEST
    while stamps.stat().st_size < jobs * len("1700000000.000000000\n"):
        if time.monotonic() > limit:
            break
        time.sleep(0.1)
    found = [float(line) for line in stamps.read_text().splitlines()]
    if not found:
        raise BenchError(f"{stamps.stem}: no job was started")
    return found
