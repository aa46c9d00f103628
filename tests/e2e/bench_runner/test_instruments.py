"""A slice of ``make bench-runner``: it measures what it says. How fast anything is, nobody asks here."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE
from tests.support.processes import wait_until
from tools.bench.host import BenchError, run
from tools.bench_runner import lab, log_lines
from tools.bench_runner.__main__ import NAMES, QUICK, measure
from tools.bench_runner.cron import DEBIAN
from tools.bench_runner.figures import Row
from tools.bench_runner.lab import BARE, INIT, RUNNER, SUPERVISORD, TINI, Lab
from tools.bench_runner.throughput import FRONT

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.network, pytest.mark.root, pytest.mark.long(80)]


@pytest.fixture(scope="module")
def where() -> Iterator[Lab]:
    try:
        lab.check()
    except BenchError as error:
        pytest.skip(str(error))
    place = Path(tempfile.mkdtemp(prefix="bench-runner-", dir="/var/tmp"))
    tag = f"grocker-test/bench-runner:{os.getpid()}"
    with lab.lab(place, tag=tag) as found:
        yield found
    run(["docker", "image", "rm", "--force", tag])
    shutil.rmtree(place)


def row(rows: list[Row], words: str) -> Row:
    return next(one for one in rows if words in one.name)


def test_bench_measures_what_it_says(where: Lab) -> None:
    rows = measure(where, QUICK, list(NAMES))
    assert all(value >= 0 for one in rows for samples in one.samples.values() for value in samples)
    sides = {one.name: set(one.samples) for one in rows}
    assert [found for name, found in sides.items() if "one-shot" in name] == [{RUNNER, BARE, TINI, INIT}]
    assert [found for name, found in sides.items() if "throughput" in name] == [{RUNNER, BARE, SUPERVISORD, FRONT}]
    assert [found for name, found in sides.items() if "cron" in name] == [{RUNNER, DEBIAN}]
    assert sum(len(one.verdicts) for one in rows) == 14

    first = row(rows, "from `docker run`").samples
    inside = row(rows, "from the start of process 1").samples
    assert all(0 < inside[side][0] < first[side][0] for side in first)
    # A program of C is smaller than Python, and Python than Python with a configuration reader, a server, ...
    memory = row(rows, "resident memory of process 1").samples
    assert 0 < memory[TINI][0] < memory[RUNNER][0] < memory[SUPERVISORD][0]

    assert all(samples[0] > 10 for samples in row(rows, "orphans made").samples.values())
    assert row(rows, "zombies left").samples[RUNNER] == [0.0]
    assert row(rows, "/livez meanwhile").samples[RUNNER]
    notes = [note for one in rows for note in one.notes]
    assert row(rows, "log lines neither").samples[RUNNER] == [0.0, 0.0], notes
    assert all(sample > 0 for sample in row(rows, "as fast as they go").samples[RUNNER])
    assert {verdict.figure for verdict in row(rows, "cron").verdicts if verdict.least} == {QUICK.jobs}


def test_zombies_and_processor_time_are_those_of_process_1(where: Lab) -> None:
    program = "import os\nfor _ in range(3): os.fork() or os._exit(0)\nwhile True: pass"
    with where.container(["--entrypoint", "python"], ["-c", program]) as container:
        limit = time.monotonic() + PATIENCE
        while container.zombies() != 3 or container.processor() < 0.3:
            assert time.monotonic() < limit
            time.sleep(0.02)
        assert container.memory() <= container.memory("VmHWM")


def test_records_are_counted_that_rsyslogd_wrote(where: Lab) -> None:
    with log_lines.rsyslogd(where.place / "syslog") as place:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(str(place / "log"))
            sender.send(b"<182>Nov 22 20:00:00 bench.grocker[1]: something else")
            for number in range(50):
                sender.send(f"<182>Nov 22 20:00:00 bench.lines[7]: line {number}".encode())
        wait_until(lambda: log_lines.records(place / "records") == 50)
