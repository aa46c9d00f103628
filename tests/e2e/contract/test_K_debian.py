"""K2 and K5 beside Debian's own cron: the same files, and the same nights, read and lived through by both.

Needs Debian's ``cron`` and ``faketime``, and root for a mount namespace in which cron sees this crontab alone; no
engine.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import grocker
from grocker.runner.base.failure import Failure
from grocker.runner.cron import crontab_file

SOURCE = Path(grocker.__file__).parents[1]
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)

needs_crontab = pytest.mark.skipif(
    shutil.which("crontab") is None, reason="crontab, of Debian's cron, is not installed"
)
needs_cron = [
    pytest.mark.root,
    pytest.mark.skipif(shutil.which("cron") is None, reason="cron is not installed"),
    pytest.mark.skipif(LIBRARY is None, reason="faketime is not installed"),
]


def _accepts(text: bytes) -> bool:
    return subprocess.run(["crontab", "-n", "-"], input=text, capture_output=True, check=False).returncode == 0


def _ours(text: bytes) -> bool:
    try:
        crontab_file.parse(text, "crontab")
    except Failure:
        return False
    return True


_FIELD = st.text(alphabet="*/,-0123456789", min_size=1, max_size=6)
_GOOD = st.sampled_from(["*", "*/5", "1-5", "1,2", "7", "0-59/7", "5", "1", "2", "jan", "sun", "MON-fri", "12"])
_LINE = st.one_of(
    st.lists(st.one_of(_FIELD, _GOOD, _GOOD, _GOOD), min_size=5, max_size=5).map(lambda f: " ".join([*f, "command"])),
    st.sampled_from(
        ["@daily x", "@reboot\tx", "@Daily x", "@hourlyx", "# c", "", "  \t", "A=b", "A =", "A='b", "'A' = b"]
    ),
    st.text(alphabet="* \t@=ABab'\"#15,/-%\\", max_size=20),
)


@needs_crontab
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_LINE, max_size=3).map(lambda lines: "".join(line + "\n" for line in lines).encode()))
def test_K2_what_is_taken_here_is_taken_by_debian(text: bytes) -> None:
    assert not _ours(text) or _accepts(text)


@needs_crontab
@pytest.mark.parametrize(
    "line",
    [
        *("* * * * * x", "*/100 * * * * x", "0-59/7,3 * * * * x", "* * * JAN-mar sun,Mon x", "0 0 31 2 * x"),
        *("@reboot x", "@annually x", "@midnight x", "\t1\t2 3\t4 5\tx y", "00005 * * * * x", "5,* * * * * x"),
        *("A=b", 'A=""', 'A = " x "', '"A B"=c', "A=b=c", 'A=b "c"', "@daily=5", "* * * * * a=b", "* * * * 7 x"),
        *(
            "60 * * * * x",
            "* 24 * * * x",
            "* * 0 * * x",
            "* * * 13 * x",
            "* * * * 8 x",
            "*/0 * * * * x",
            "1, * * * * x",
        ),
        *(
            "1/20 * * * * x",
            "@Daily x",
            "@foo x",
            "A=",
            "A='x",
            'A="x"y',
            "A B=c",
            "* * * * ",
            "* * * * * * x",
            "-5 * * * * x",
        ),
        *("monday * * * * x", "5-64/30 * * * * x", "?? * * * * x", "* * * * * *x"),
    ],
)
def test_K2_line_is_taken_or_refused_as_by_debian(line: str) -> None:
    text = line.encode() + b"\n"
    assert _ours(text) == _accepts(text)


SCHEDULES = {
    "each": "* * * * *",
    "hourly": "@hourly",
    **{f"at{hour}{minute:02}": f"{minute} {hour} * * *" for hour in range(1, 7) for minute in (0, 10, 30, 50)},
    **{f"quarters{hour}": f"*/15 {hour} * * *" for hour in range(1, 7)},
    "at217": "17 2 * * *",
    "twice2": "15,45 2 * * *",
    "sundays": "20 2 * * sun",
    "never": "20 2 31 * mon",
}


@dataclass(frozen=True)
class Night:
    """When it begins, how the clock is set and after how long, and how long it is looked at (seconds).

    Debian's cron sees it at the end of the minute, ours earlier: nothing but ``each`` is due in the minute it lands in.
    """

    zone: str
    begins: str
    step: int = 0
    after: float = 25
    lasts: float = 80


NIGHTS = {
    "paris-spring": Night("Europe/Paris", "2026-03-29T01:59:30+01:00"),
    "paris-autumn": Night("Europe/Paris", "2026-10-25T02:59:30+02:00"),
    "lord-howe-spring": Night("Australia/Lord_Howe", "2026-10-04T01:59:30+10:30"),
    "lord-howe-autumn": Night("Australia/Lord_Howe", "2026-04-05T01:59:30+11:00"),
    "hour-forward": Night("UTC", "2026-06-01T02:09:30+00:00", 3600),
    "hour-back": Night("UTC", "2026-06-01T03:49:50+00:00", -3600, 13),
    "four-hours-forward": Night("UTC", "2026-06-01T01:49:30+00:00", 4 * 3600),
    "four-hours-back": Night("UTC", "2026-06-01T06:09:50+00:00", -4 * 3600 + 360, 13),
}

_DEBIAN = """
set -e
mount -t tmpfs none /var/spool/cron/crontabs
mount -t tmpfs none /etc/cron.d
mount -t tmpfs none /run
mount --bind /dev/null /etc/crontab
cp "$1" /var/spool/cron/crontabs/root
chmod 600 /var/spool/cron/crontabs/root
export LD_PRELOAD="$2"
exec cron -f
"""

_GROCKER = """
import sys
sys.path.insert(0, sys.argv[1])
from grocker.runner.cron import crontab_file, scheduler
from grocker.runner.cron.zone import load_zone
entries = crontab_file.parse(open(sys.argv[2], "rb").read(), sys.argv[2])
zone = load_zone(sys.argv[3], "/usr/share/zoneinfo")
environ = {"LOGNAME": "root", "HOME": "/", "PATH": "/usr/bin:/bin"}
settings = scheduler.SchedulerSettings(environ=environ, mask=set(), home="/", stop_timeout=1, application="x")
scheduler.Scheduler(entries, {"": zone}, settings).run()
"""


def _crontab(directory: Path) -> Path:
    lines = [f"{schedule} echo {name} >> {directory}/ran\n" for name, schedule in SCHEDULES.items()]
    path = directory / "crontab"
    path.write_text("SHELL=/bin/sh\n" + "".join(lines))
    return path


def _ran(directory: Path) -> set[str]:
    path = directory / "ran"
    return set(path.read_text().split()) if path.exists() else set()


def _live(night: Night, root: Path, *, monotonic: bool) -> tuple[set[str], set[str]]:
    """What Debian's cron and ours start in that night."""
    begins = datetime.fromisoformat(night.begins)
    assert begins.astimezone(ZoneInfo(night.zone)).utcoffset() == begins.utcoffset()
    places = [root / "debian", root / "grocker"]
    for place in places:
        place.mkdir(parents=True)
    clock = root / "clock"
    offset = int(begins.timestamp() - time.time())
    clock.write_text(f"{offset:+d}\n")
    environ = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "TZ": night.zone,
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        **({} if monotonic else {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}),
    }
    debian = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _DEBIAN, "sh"]
    lines = (
        ([*debian, str(_crontab(places[0])), str(LIBRARY)], environ),
        (
            [sys.executable, "-IS", "-c", _GROCKER, str(SOURCE), str(_crontab(places[1])), night.zone],
            {**environ, "LD_PRELOAD": str(LIBRARY)},
        ),
    )
    with ExitStack() as stack:
        running = []
        for (line, env), place in zip(lines, places, strict=True):
            log = stack.enter_context((place / "log").open("w"))
            running.append(stack.enter_context(subprocess.Popen(line, env=env, stdout=log, stderr=subprocess.STDOUT)))
            stack.callback(running[-1].terminate)
        time.sleep(night.after)
        if night.step:
            clock.write_text(f"{offset + night.step:+d}\n")
        time.sleep(night.lasts - night.after)
        for process, place in zip(running, places, strict=True):
            assert process.poll() is None, (place / "log").read_text()
    return _ran(places[0]), _ran(places[1])


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[set[str], set[str]]]:
    """All of them side by side: they wait, mostly."""
    root = tmp_path_factory.mktemp("nights")
    with ThreadPoolExecutor(len(NIGHTS)) as pool:
        lived = {
            name: pool.submit(_live, night, root / name, monotonic=number % 2 == 0)
            for number, (name, night) in enumerate(NIGHTS.items())
        }
        return {name: future.result() for name, future in lived.items()}


@pytest.mark.parametrize("name", sorted(NIGHTS))
@pytest.mark.long(80)
@pytest.mark.root
@needs_cron[1]
@needs_cron[2]
def test_K5_night_is_that_of_debians_cron(nights: dict[str, tuple[set[str], set[str]]], name: str) -> None:
    debian, ours = nights[name]
    assert ours == debian
    assert "each" in ours
    assert EXPECTED[name] == {job for job in ours if job.startswith(("at", "twice", "sundays"))}


EXPECTED = {
    "paris-spring": {"at200", "at210", "at230", "at250", "at300", "twice2", "sundays", "at217"},
    "paris-autumn": set(),
    "lord-howe-spring": {"at200", "at210", "at230", "twice2", "sundays", "at217"},
    "lord-howe-autumn": set(),
    "hour-forward": {"at210", "at217", "at230", "at250", "at300", "at310", "twice2"},
    "hour-back": {"at350"},
    "four-hours-forward": {"at550"},
    "four-hours-back": {"at610", "at217"},
}
