"""A service that logs a hundred thousand lines a second: is it slowed, and is every line somewhere, or counted?"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tools.bench.host import BenchError, program
from tools.bench_runner.figures import Row, Verdict, in_turn, ratios
from tools.bench_runner.lab import BARE, RUNNER, SUPERVISORD, Container, Lab, get

BOTH = (RUNNER, BARE)
# By default, rsyslogd discards a message for which its queue has no place for 2 s, as on a busy disk.
_RSYSLOG = """\
module(load="imuxsock" SysSock.Use="off")
main_queue(queue.timeoutEnqueue="600000")
input(type="imuxsock" Socket="{place}/log" RateLimit.Interval="0")
template(name="raw" type="string" string="%syslogtag%%msg%\\n")
action(type="omfile" file="{place}/records" template="raw")
"""
_SETTLED = 0.5
"""seconds without another record, after which there will hardly be one"""
_PATIENCE = 30.0
"""seconds after which what has not come is lost"""
_UP = 300.0
"""seconds that rsyslogd has to start"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """``speed``: lines a second. Lines ``written``, on ``stdout``, in ``syslog``, ``dropped`` as the metrics say."""

    speed: float
    written: int = 0
    stdout: int = 0
    syslog: int = 0
    dropped: int = 0
    memory: float = 0.0
    """MB of process 1, at most"""
    processor: float = 0.0
    """seconds of process 1"""

    @property
    def unaccounted(self) -> int:
        """Lines that are not where they should be, and are not counted either."""
        return abs(self.written - self.stdout) + abs(self.written - self.syslog - self.dropped)


def measure(lab: Lab, lines: int, rate: int, rounds: int) -> list[Row]:
    """``lines``: of each container; at ``rate`` a second, then as fast as it goes."""
    paced, told = _run_all(lab, lines, rate, rounds)
    paced[SUPERVISORD] = [_run(lab, SUPERVISORD, lines, rate).speed]
    flat, told_then = _run_all(lab, lines, 0, rounds)
    lost = [float(outcome.unaccounted) for outcome in (*told, *told_then)]
    memory = [outcome.memory for outcome in (*told, *told_then)]
    bound = Verdict(ratios(paced, RUNNER, BARE), "{} × bare", 0.9, least=True)
    share = median(ratios(flat, RUNNER, BARE))
    return [
        Row(f"{lines:,} log lines, {rate:,} a second wanted", "lines/s", paced, (bound,), _notes(told)),
        Row(
            f"{lines:,} log lines as fast as they go",
            "lines/s",
            flat,
            notes=(f"{share:.2f} × bare: no budget of its own", *_notes(told_then)),
        ),
        Row(
            "log lines neither written nor counted as dropped",
            "",
            {RUNNER: lost},
            (Verdict(tuple(lost), "{}", 0, worst=True),),
        ),
        Row(
            "resident memory of process 1 at most, with these lines",
            "MB",
            {RUNNER: memory},
            (Verdict(tuple(memory), "{} MB", 20, worst=True),),
        ),
    ]


def _run_all(lab: Lab, lines: int, rate: int, rounds: int) -> tuple[dict[str, list[float]], list[Outcome]]:
    """Speeds by side, and what became of the runner's lines."""
    speeds: dict[str, list[float]] = {side: [] for side in BOTH}
    ours = []
    for number in range(rounds):
        for side in in_turn(BOTH, number):
            outcome = _run(lab, side, lines, rate)
            speeds[side].append(outcome.speed)
            if side == RUNNER:
                ours.append(outcome)
    return speeds, ours


def _notes(outcomes: list[Outcome]) -> tuple[str, ...]:
    return tuple(
        f"of {o.written:,} lines {o.stdout:,} on stdout, {o.syslog:,} in syslog, {o.dropped:,} counted as dropped; "
        f"processor time of process 1: {o.processor:.2f} s"
        for o in outcomes
    )


def _run(lab: Lab, side: str, lines: int, rate: int) -> Outcome:
    environ = {"BENCH_LINES": str(lines), "BENCH_RATE": str(rate)}
    with rsyslogd(lab.place / "syslog") as place:
        socket = ["--volume", f"{place}/log:/dev/log"] if side == RUNNER else []
        with lab.service(side, "lines", ["/bench/lines"], environ=environ, options=socket) as container:
            written, seconds = container.result()
            speed = written / seconds
            if side != RUNNER:
                return Outcome(speed)
            limit = time.monotonic() + _PATIENCE
            while (outcome := _count(container, place, int(written), speed)).unaccounted and time.monotonic() < limit:
                time.sleep(_SETTLED)
            return outcome


def _count(container: Container, place: Path, written: int, speed: float) -> Outcome:
    """Count the runner's lines as far as they have come: docker and rsyslogd may be late."""
    syslog = records(place / "records")
    log = json.loads(get(container.address, 8081, "/status.json")[1])["log"]
    if not log["syslog"]:
        raise BenchError("the runner is not connected to syslog")
    return Outcome(
        speed=speed,
        written=written,
        stdout=_on_stdout(container),
        syslog=syslog,
        dropped=log["dropped"]["syslog"],
        memory=container.memory("VmHWM"),
        processor=container.processor(),
    )


@contextmanager
def rsyslogd(place: Path) -> Iterator[Path]:
    """Debian's, with a socket ``log`` in ``place``, and what it was sent in ``records``."""
    place.mkdir(exist_ok=True)
    place.chmod(0o755)
    for name in ("records", "log"):
        (place / name).unlink(missing_ok=True)
    configuration = place / "rsyslog.conf"
    configuration.write_text(_RSYSLOG.format(place=place))
    line: list[str | Path] = [program("rsyslogd", "rsyslog"), "-n", "-f", configuration, "-i", place / "pid"]
    with (place / "errors").open("wb") as errors, subprocess.Popen(line, stdout=errors, stderr=errors) as daemon:
        try:
            limit = time.monotonic() + _UP
            while not (place / "log").is_socket():
                if daemon.poll() is not None or time.monotonic() > limit:
                    raise BenchError(f"rsyslogd does not start: {(place / 'errors').read_text()}")
                time.sleep(0.01)
            (place / "log").chmod(0o666)
            yield place
        finally:
            daemon.terminate()


def records(path: Path) -> int:
    """How many have come that are the service's, once no more come; 0 while there is no file."""
    size = -1
    while size != (size := path.stat().st_size if path.exists() else 0):
        time.sleep(_SETTLED)
    if not size:
        return 0
    with path.open("rb") as records:
        return sum(b": line " in record for record in records)


def _on_stdout(container: Container) -> int:
    with subprocess.Popen(
        ["docker", "logs", container.name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as client:
        assert client.stdout is not None
        count = 0
        while block := client.stdout.read(1 << 20):
            count += block.count(b"\n")
    return count
