"""The scheduler whole, as a process of its own, from the crontab's file to the exit status."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from grocker.runner.base.failure import Failure
from grocker.runner.contract import spec
from grocker.runner.contract.names import ContainerLayout
from grocker.runner.cron import service
from tests.support.patience import PATIENCE
from tests.support.processes import turns_within, wait_until

pytestmark = pytest.mark.slow

SOURCE = Path(spec.__file__).parents[3]
STARTER = """
import _signal, sys
from _signal import SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2
mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, (SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2))
sys.path.insert(0, {source!r})
from grocker.runner.contract import spec
from grocker.runner.cron.service import run_cron
from grocker.runner.base.failure import Failure, say
from grocker.runner.contract.names import ContainerLayout
user = spec.ContainerUser(home={home!r})
image = spec.Spec(name="polls", version="1", namespace="POLLS", grocker="0", user=user, crontab={built!r})
layout = ContainerLayout(config={config!r}, scratch={scratch!r}, base_settings={base!r}, venv={home!r})
try:
    sys.exit(run_cron(image, layout, mask))
except Failure as failure:
    say(failure.message)
    sys.exit(failure.status)
"""


@dataclass
class Cron:
    """A scheduler that runs. ``lines``: what it has written so far."""

    process: subprocess.Popen[str]
    output: Path
    lines: list[str] = field(default_factory=list)

    def read(self) -> str:
        return self.output.read_text(errors="replace")

    def wait_for(self, text: str, seconds: float = PATIENCE) -> str:
        limit = time.monotonic() + seconds
        while text not in (found := self.read()):
            assert time.monotonic() < limit, found
            assert self.process.poll() is None or text in self.read(), found
            time.sleep(0.01)
        return found

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture
def cron(tmp_path: Path) -> Iterator[Callable[..., Cron]]:
    started: list[Cron] = []

    def start(crontab: str | bytes | None, *, built: str | None = None, **environ: str) -> Cron:
        home, config, base = tmp_path / "home", tmp_path / "config", tmp_path / "50_default_settings.ini"
        for directory in (home, config):
            directory.mkdir(exist_ok=True)
        base.write_text("")
        if crontab is not None:
            (config / "crontab").write_bytes(crontab if isinstance(crontab, bytes) else crontab.encode())
        code = STARTER.format(
            source=str(SOURCE),
            home=str(home),
            config=str(config),
            scratch=str(tmp_path / "scratch"),
            base=str(base),
            built=built,
        )
        output = tmp_path / "output"
        with output.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-IS", "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env={"PATH": os.environ["PATH"], **environ},
                text=True,
            )
        started.append(Cron(process, output))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_scheduler_stops_with_0_when_asked(cron: Callable[..., Cron], number: int) -> None:
    running = cron("@reboot echo hello\n0 0 1 1 * never\n")
    running.wait_for("line1[")
    running.wait_for("succeeded: status 0")
    assert running.stop(number) == 0


def test_scheduler_lets_a_running_job_finish(cron: Callable[..., Cron]) -> None:
    running = cron("@reboot echo begun; sleep 0.5; echo finished\n")
    running.wait_for(": begun")
    assert running.stop() == 0
    assert ": finished\n" in running.read()
    assert "succeeded: status 0" in running.read()


def test_scheduler_kills_what_does_not_end_in_the_stop_timeout(cron: Callable[..., Cron]) -> None:
    running = cron("@reboot trap '' TERM; echo begun; sleep 600\n", GROCKER_STOP_TIMEOUT="0.5")
    running.wait_for(": begun")
    began = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    assert running.stop(signal.SIGINT) == 137
    assert time.monotonic() - began > 0.4
    assert "failed: killed after the stop timeout, SIGKILL" in running.read()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2])
def test_scheduler_goes_on_when_a_signal_means_nothing_to_it(cron: Callable[..., Cron], number: int) -> None:
    running = cron("@reboot sleep 0.5; echo still\n")
    running.wait_for("started")
    running.process.send_signal(number)
    running.wait_for(": still")
    assert running.stop() == 0


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2])
def test_scheduler_stops_whenever_it_is_asked(cron: Callable[..., Cron], delay: float) -> None:
    running = cron("@reboot sleep 0.05\n")
    time.sleep(delay)
    # Before the first line of the program has run, the signal's own action ends it.
    assert running.stop() in (0, -signal.SIGTERM)


def test_scheduler_runs_each_minute(cron: Callable[..., Cron]) -> None:
    began = time.time()
    running = cron("* * * * * date +'tick \\%s'\n")
    found = re.search(r": tick (\d+)\n", running.wait_for(": tick", 120))
    assert found is not None
    assert int(found[1]) // 60 > began // 60
    assert running.stop() == 0


def test_scheduler_is_small(cron: Callable[..., Cron]) -> None:
    running = cron(
        "CRON_TZ=Europe/Paris\n" + "".join(f"{n % 60} {n % 24} * * * x\n" for n in range(100)) + "@reboot echo up\n"
    )
    running.wait_for("succeeded: status 0")
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    resident = int(status.split("VmRSS:")[1].split()[0])  # KiB
    assert resident < 20 * 1024
    maps = Path(f"/proc/{running.process.pid}/maps").read_text()
    assert "_ssl" not in maps
    assert running.stop() == 0


def test_scheduler_does_nothing_when_there_is_nothing_to_do(cron: Callable[..., Cron]) -> None:
    running = cron("@reboot echo up\n")
    running.wait_for("succeeded: status 0")
    wait_until(lambda: turns_within(running.process.pid, 1) <= 2)
    assert running.stop() == 0


@pytest.mark.parametrize(
    ("crontab", "message"),
    [
        (None, "cron: this image has no crontab; mount one at {config}/crontab"),
        ("61 * * * * x\n", "{config}/crontab:1: minute '61': 61 is not in 0-59"),
        ("@daily root x\n", "{config}/crontab:1: the command starts with the user name 'root'"),
        ("@daily blue x\n", "{config}/crontab:1: the command starts with the user name 'blue'"),
        ("CRON_TZ=Mars/Base\n@daily x\n", "{config}/crontab:1: CRON_TZ=Mars/Base: unknown time zone"),
        (b"\xff\xfe\x00\x01", "{config}/crontab:1: a NUL byte"),
    ],
)
def test_scheduler_refuses_with_one_line(
    cron: Callable[..., Cron], tmp_path: Path, crontab: str | None, message: str
) -> None:
    running = cron(crontab)
    assert running.process.wait(PATIENCE) == 78
    (line,) = [line for line in running.read().splitlines() if "libnss-wrapper" not in line]
    assert line.startswith("grocker: " + message.format(config=tmp_path / "config"))


def test_image_s_crontab_counts_when_the_operator_has_none(cron: Callable[..., Cron], tmp_path: Path) -> None:
    (tmp_path / "built").write_text("@reboot echo built\n")
    running = cron(None, built=str(tmp_path / "built"))
    running.wait_for(": built")
    assert running.stop() == 0


def test_operator_s_crontab_replaces_the_image_s(cron: Callable[..., Cron], tmp_path: Path) -> None:
    (tmp_path / "built").write_text("@reboot echo built\n")
    running = cron("@reboot echo mine\n", built=str(tmp_path / "built"))
    running.wait_for(": mine")
    assert running.stop() == 0
    assert "built" not in running.read()


def test_crontab_without_jobs_is_a_warning(cron: Callable[..., Cron]) -> None:
    running = cron("# nothing\n")
    running.wait_for("warning: cron: the crontab has no jobs")
    assert running.stop() == 0


def test_jobs_have_the_signals_and_limits_of_the_container(cron: Callable[..., Cron]) -> None:
    running = cron("@reboot grep Sig[BI] /proc/self/status; ulimit -n\n")
    found = running.wait_for("succeeded: status 0")
    assert "SigBlk:\t0000000000000000" in found
    ignored = int(found.split("SigIgn:\t")[1].split()[0], 16)
    assert ignored & 0x7FFFFFFF == 0  # 32 and 33 are the C library's own, posix_spawn(3) ignores them
    assert f": {resource.getrlimit(resource.RLIMIT_NOFILE)[0]}\n" in found
    assert running.stop() == 0


@pytest.mark.parametrize("what", ["directory", "link", "pipe"])
def test_crontab_is_refused_when_it_is_no_file(tmp_path: Path, what: str) -> None:
    path = tmp_path / "crontab"
    if what == "directory":
        path.mkdir()
    elif what == "link":
        path.symlink_to("nowhere")
    else:
        os.mkfifo(path)
    with pytest.raises(Failure) as raised:
        service.read_crontab(None, ContainerLayout(config=str(tmp_path)), frozenset(), "/usr/share/zoneinfo")
    assert raised.value.status == 78
    assert str(path) in raised.value.message


def test_user_is_a_command_when_the_application_has_it(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "blue").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "blue").chmod(0o755)
    assert service.foreign_users("blue", str(tmp_path)) == {"root", "www-data"}
    assert service.foreign_users("red", str(tmp_path)) == {"root", "www-data", "red"}


def test_heartbeat_that_hangs_delays_the_stop_by_two_seconds(cron: Callable[..., Cron]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        running = cron(f"# grocker: heartbeat={address}\n@reboot true\n")
        running.wait_for("succeeded: status 0")
        silent.accept()[0].close()  # it has been asked; the next attempt hangs
        assert running.stop() == 0
    assert "heartbeats and mails not sent because the container is stopping: 1" in running.read()
