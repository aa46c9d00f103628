"""V4: the log of services, jobs and the runner, with a real syslog daemon on the host.

rsyslog writes each record as ``FACILITY|SEVERITY|TAG|TEXT``. Its socket is in a directory of its own, so that one can
mount the one or the other.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grocker.runner.contract.spec import RestartLimit, Service
from tests.e2e.contract.engine import Container, Engine, Folders, variables
from tests.support.patience import PATIENCE

RSYSLOGD = shutil.which("rsyslogd", path="/usr/sbin:/sbin:/usr/bin:/bin")
pytestmark = pytest.mark.skipif(RSYSLOGD is None, reason="rsyslog is not installed")

Services = Callable[..., list[str]]

_CONFIGURATION = """
module(load="imuxsock" SysSock.Use="off")
template(name="record" type="string" string="%syslogfacility-text%|%syslogseverity-text%|%syslogtag%|%msg%\\n")
input(type="imuxsock" Socket="{socket}")
action(type="omfile" file="{file}" template="record" fileCreateMode="0644")
"""
_ONCE = RestartLimit(times=0, seconds=1)
_SAYS = "echo out; echo err >&2"
# A line each 20 ms; 20,000 at once when there is a file /scripts/flood.
_COUNTS = """
import os, time
number = 0
while True:
    print("line", number, flush=True)
    number += 1
    time.sleep(0.02)
    if os.path.exists("/scripts/flood"):
        os.unlink("/scripts/flood")
        for _ in range(20000):
            print("flood " + "x" * 90)
        print("flooded", flush=True)
"""


class Syslog:
    """rsyslogd; ``socket`` lies in ``directory``."""

    def __init__(self, root: Path) -> None:
        self.directory = root / "run"
        self.socket = self.directory / "log"
        self._file = root / "records"
        self._settings = root / "rsyslog.conf"
        self._process: subprocess.Popen[bytes] | None = None
        self.directory.mkdir(parents=True)
        for folder in (root, self.directory):
            folder.chmod(0o755)
        self._settings.write_text(_CONFIGURATION.format(socket=self.socket, file=self._file))

    def start(self) -> None:
        assert RSYSLOGD is not None
        line = [RSYSLOGD, "-n", "-f", str(self._settings), "-i", str(self.directory / "pid")]
        self._process = subprocess.Popen(line, stdin=subprocess.DEVNULL)
        limit = time.monotonic() + PATIENCE
        while not self._answers():
            assert time.monotonic() < limit, "rsyslogd does not listen"
            time.sleep(0.02)
        self.socket.chmod(0o666)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
            try:
                asking.connect(str(self.socket))
            except OSError:
                return False
        return True

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(PATIENCE)
            self._process = None

    def records(self) -> list[str]:
        return self._file.read_text(errors="replace").splitlines() if self._file.exists() else []

    def wait_for(self, *patterns: str, seconds: float = PATIENCE) -> list[re.Match[str]]:
        """The first record that each of the regular expressions matches, whole."""
        limit = time.monotonic() + seconds
        while True:
            records = self.records()
            found = [next(filter(None, (re.fullmatch(p, r) for r in records)), None) for p in patterns]
            matches = [match for match in found if match is not None]
            if len(matches) == len(patterns):
                return matches
            assert time.monotonic() < limit, f"{patterns} not all in\n" + "\n".join(records[-100:])
            time.sleep(0.05)


@pytest.fixture
def syslog(folders: Folders) -> Iterator[Syslog]:
    made = Syslog(folders.root / "syslog")
    made.start()
    yield made
    made.stop()


def _status(container: Container) -> dict[str, object]:
    with urllib.request.urlopen(f"http://{container.address()}:8081/status.json", timeout=20) as answer:
        document = json.load(answer)
    assert isinstance(document, dict)
    return document


def test_V4_output_of_a_service_is_in_syslog_and_in_the_engine_s_log(
    engine: Engine, syslog: Syslog, services: Services
) -> None:
    www = Service(wsgi="polls_site.wsgi:application", processes={"beside": f"{_SAYS}; exec sleep infinity"})
    options = [*services(engine, {"www": www}), "--volume", f"{syslog.socket}:/dev/log:rw"]
    with engine.started("start", "www", options=[*options, "--env", "PORT=1"]) as container:
        container.wait_for("Listening at")
        with urllib.request.urlopen(f"http://{container.address()}:8080/healthz", timeout=PATIENCE) as answer:
            assert answer.read() == b"ok\n"
        main, *_, access, listening = syslog.wait_for(
            r"local6\|info\|polls-site\.www\[(\d+)\]:\|.*Listening at.*",
            r"local6\|info\|polls-site\.www\[\d+\]:\| out",
            r"local6\|err\|polls-site\.www\[\d+\]:\| err",
            r"local6\|warning\|polls-site\.grocker\[1\]:\| ignoring variables that only the runner may set: .*PORT",
            r'local7\|info\|polls-site\.www\[(\d+)\]:\| .*"GET /healthz HTTP/1\.1" 200 .*',
            r"local6\|info\|polls-site\.www\[(\d+)\]:\|.*Booting worker.*",
        )
        assert main[1] == access[1] == listening[1]
        command = container.exec("cat", f"/proc/{main[1]}/cmdline").out
        assert "gunicorn" in command, "the process id is the main process's"
        logs = container.logs()
        assert '"GET /healthz HTTP/1.1" 200' in logs
        assert {"out", "err"} <= set(logs.splitlines())
        assert "grocker: warning: ignoring variables that only the runner may set" in logs
        assert container.stop() == 0
    syslog.wait_for(r"local6\|info\|polls-site\.www\[\d+\]:\|.*Shutting down: Master")


def test_V4_jobs_are_in_syslog(docker: Engine, syslog: Syslog, folders: Folders) -> None:
    crontab = folders.config / "crontab"
    crontab.write_text(f"# grocker: name=hello\n@reboot {_SAYS}; printf '\\033[31mred\\000\\n'; exit 3\n")
    crontab.chmod(0o644)
    options = [*folders.options, "--volume", f"{syslog.socket}:/dev/log:rw", *variables({"GROCKER_LOG": "syslog"})]
    with docker.started("cron", options=options) as container:
        found = syslog.wait_for(
            r"cron\|info\|polls-site\.cron\.hello\[(\d+)\]:\| started, line 2",
            r"cron\|info\|polls-site\.cron\.hello\[(\d+)\]:\| out",
            r"cron\|info\|polls-site\.cron\.hello\[(\d+)\]:\| #033\[31mred#000",
            r"cron\|err\|polls-site\.cron\.hello\[(\d+)\]:\| err",
            r"cron\|err\|polls-site\.cron\.hello\[(\d+)\]:\| failed: status 3, .*",
        )
        assert len({match[1] for match in found}) == 1
        assert container.stop() == 0
        assert container.logs() == "", "it was for syslog alone"


@pytest.mark.fault(number=15)
def test_V4_without_a_socket_the_log_is_stdout_and_stderr(
    docker: Engine, syslog: Syslog, folders: Folders, services: Services
) -> None:
    """Several starts in one container: what differs is what GROCKER_SYSLOG names."""
    (syslog.directory / "directory").mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as closed:
        closed.bind(str(syslog.directory / "closed"))
        (syslog.directory / "closed").chmod(0o600)
        table = {"x": Service(command=_SAYS, restart=_ONCE)}
        options = [*services(docker, table), "--volume", f"{syslog.directory}:/run/host", "--entrypoint", "sleep"]
        with docker.started("infinity", options=options) as container:

            def start(**environ: str) -> tuple[str, list[str]]:
                done = container.run("start", "x", options=variables(environ))
                given_up = "grocker: x: exited with status 0; giving up, restarts are left to the engine"
                own = [line for line in done.complaints if line != given_up]
                if done.status != 78:
                    assert (done.status, "err" in done.err.splitlines()) == (1, True)
                    assert given_up in done.complaints
                return done.out, own

            assert start() == ("out\n", [])
            assert start(GROCKER_LOG="stdout", GROCKER_SYSLOG="/run/host/log") == ("out\n", [])
            assert start(GROCKER_LOG="syslog") == ("out\n", [])
            for what, why in {
                "directory": "a directory, not a socket; "
                "engines create one when the mounted path does not exist on the host",
                "closed": "not writable for uid 1000",
                "pid": "a file, not a socket",
            }.items():
                path = f"/run/host/{what}"
                text = f"grocker: warning: syslog: {path}: {why}; logging to stdout and stderr only"
                assert start(GROCKER_SYSLOG=path) == ("out\n", [text])
            wrong = "grocker: GROCKER_LOG: expected one of both, syslog, stdout, got 'files'"
            assert start(GROCKER_LOG="files") == ("", [wrong])
            # A one-shot command is none of its business.
            done = container.run("sh", "-c", _SAYS, options=variables({"GROCKER_SYSLOG": "/run/host/log"}))
            assert (done.out, done.err) == ("out\n", "err\n")
    assert syslog.records() == []


@pytest.mark.fault(number=15)
def test_V4_missing_source_that_the_engine_made_a_directory_is_one_warning(
    docker: Engine, folders: Folders, services: Services
) -> None:
    options = services(docker, {"x": Service(command=f"{_SAYS}; sleep infinity")})
    missing = folders.root / "dev-log"
    with docker.started("start", "x", options=[*options, "--volume", f"{missing}:/dev/log"]) as container:
        container.wait_for("err")
        warnings = [line for line in container.logs().splitlines() if "warning" in line]
        assert len(warnings) == 1
        assert "/dev/log: a directory, not a socket" in warnings[0]


@pytest.mark.fault(number=15)
def test_V4_daemon_that_starts_again_or_stops_reading_stops_nothing(
    docker: Engine, syslog: Syslog, folders: Folders, services: Services
) -> None:
    table = {"x": Service(command=("python", "-u", "-c", _COUNTS))}
    options = [*services(docker, table), "--volume", f"{syslog.directory}:/run/host"]
    with docker.started("start", "x", options=[*options, *variables({"GROCKER_SYSLOG": "/run/host/log"})]) as container:
        syslog.wait_for(r"local6\|info\|.*\| line 5")

        # It starts again, in its own time: everything is there in the end but what it had not read when it ended, which
        # the kernel had taken for it.
        syslog.stop()
        container.wait_for("only when the container restarts")
        syslog.start()
        syslog.wait_for(r"local6\|notice\|polls-site\.grocker\[1\]:\| .* accepts records again, dropped lines: 0")
        numbers = [int(record.rpartition(" ")[2]) for record in syslog.records() if "| line " in record]
        assert numbers == sorted(set(numbers))
        lost = sorted(set(range(numbers[-1])) - set(numbers))
        assert not lost or len(lost) == lost[-1] - lost[0] + 1 < 100, "two seconds at most, in one place"

        # It stops reading: the service goes on, probes are answered, what is left out is counted.
        syslog.signal(signal.SIGSTOP)
        (folders.scripts / "flood").touch()
        container.wait_for("flooded")
        document = _status(container)  # it does not wait for the daemon, which is stopped until the end
        assert "cannot keep up" in container.logs()
        assert container.logs().count("\nflood x") == 20000
        log = document["log"]
        assert isinstance(log, dict)
        dropped = dict(log["dropped"])["syslog"]
        assert 5000 < dropped < 20000
        syslog.signal(signal.SIGCONT)
        told = syslog.wait_for(r".*accepts records again, dropped lines: ([1-9]\d*)")[0]
        assert int(told[1]) >= dropped
        assert container.stop() == 0
