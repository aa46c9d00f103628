"""Items 2, 5, 25, 26, 34 and 35: jobs that say too much, hang or are killed; crontabs that nobody can mean."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from tests.e2e.contract.engine import Container, Engine, Folders
from tests.e2e.contract.lab import Lab
from tests.e2e.contract.probes import ask, children, states, until, wait_for

Crontab = Callable[[str], list[str]]


@pytest.fixture
def crontab(folders: Folders) -> Crontab:
    """Options of a container whose operator has that crontab."""

    def options(text: str) -> list[str]:
        path = folders.config / "crontab"
        path.write_text(text)
        path.chmod(0o644)
        return folders.options

    return options


# 2, 25


# There is no setsid(1) in the image.
_JOBS = r"""
# grocker: name=much
@reboot head -c 1000000000 /dev/zero
# grocker: name=lines
@reboot yes "$(head -c 8000 /dev/zero | tr '\\000' x)" | head -c 20000000
# grocker: name=bytes
@reboot printf '\\377\\376\\000\\033[2J\\r\\n'
# grocker: name=nothing
@reboot true
# grocker: name=daemon
@reboot python3 -c "import os; os.fork() and os._exit(0); os.setsid(); os.execlp('sleep', 'sleep', '1000')"
# grocker: name=closes
@reboot exec >&- 2>&-; sleep 0.2; exit 3
"""


@pytest.mark.fault(number=2)
@pytest.mark.fault(number=25)
def test_fault_25_jobs_may_say_whatever_they_like(docker: Engine, crontab: Crontab) -> None:
    """A gigabyte without a line end, 20 MB with some, bytes, nothing; a daemon that stays, and one that hangs up."""
    # What the daemon keeps of a container's output is not what is tested, and takes most of the time.
    options = [*crontab(_JOBS), "--log-driver", "none"]
    with docker.started("cron", options=options) as container:
        address = container.address()
        until(address, "/livez", 200)
        while any(job["runs"] == 0 or job["state"] == "running" for job in _jobs(address).values()):
            assert ask(address, "/livez", seconds=20)[0] == 200
        jobs = _jobs(address)
        assert {name: job["last_status"] for name, job in jobs.items()} == {
            **dict.fromkeys(("much", "lines", "bytes", "nothing", "daemon"), 0),
            "closes": 3,
        }
        status = container.exec("cat", "/proc/1/status").out
        assert int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) < 40_000
        assert container.exec("sh", "-c", "grep -lx sleep /proc/[0-9]*/comm").out != "", "the daemon goes on"
        assert "Z" not in states(container)
        assert container.stop() == 0


def _jobs(address: str) -> dict[str, dict[str, object]]:
    return {job["name"]: job for job in json.loads(ask(address, "/status.json")[1])["jobs"]}


# 5, 35


@pytest.mark.fault(number=5)
@pytest.mark.fault(number=35)
def test_fault_35_jobs_may_be_stopped_and_killed(docker: Engine, crontab: Crontab) -> None:
    text = (
        "# grocker: name=killed\n@reboot echo $$; exec sleep 1000\n"
        "# grocker: name=stopped\n@reboot echo $$; exec sleep 1000\n"
    )
    options = [*crontab(text), "--env", "GROCKER_STOP_TIMEOUT=1"]
    with docker.started("cron", options=options) as container:
        wait_for(lambda: len(_said(container, "killed")) == len(_said(container, "stopped")) == 2)
        container.exec(
            "sh", "-c", f"kill -9 {_said(container, 'killed')[1]}; kill -STOP {_said(container, 'stopped')[1]}"
        )
        container.wait_for("failed: SIGKILL")
        assert container.stop(60) == 137
        assert "stopped[" in container.logs().split("failed: killed after the stop timeout, SIGKILL")[0]


@pytest.mark.fault(number=35)
def test_fault_35_process_that_sends_messages_may_be_killed(docker: Engine, crontab: Crontab) -> None:
    """It is not missed by the jobs, and there is a new one for the next message."""
    # Nobody answers at that address (RFC 5737): the process is busy with it.
    text = "# grocker: name=beats heartbeat=http://192.0.2.1/\n@reboot true\n# grocker: name=on\n@reboot sleep 1000\n"
    with docker.started("cron", options=crontab(text)) as container:
        container.wait_for("succeeded: status 0")
        wait_for(lambda: len(children(container)) == 2)
        messenger = next(pid for pid in children(container) if "sleep" not in _name(container, pid))
        container.exec("sh", "-c", f"kill -9 {messenger}")
        wait_for(lambda: messenger not in children(container))
        assert ask(container.address(), "/livez")[0] == 200
        assert container.running()
        assert "Traceback" not in container.logs()


def _name(container: Container, process: int) -> str:
    return container.exec("cat", f"/proc/{process}/cmdline").out


def _said(container: Container, job: str) -> list[str]:
    return re.findall(rf"^{job}(?:\[\d+\])?: (.*)$", container.logs(), re.MULTILINE)


# 26, 34


@pytest.mark.fault(number=26)
@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"* * * * * root true\n", ":1:"),
        (b"* * * * *\n", ":1:"),
        (b"# a comment\n@fortnightly true\n", ":2:"),
        (b'A = "open\n', ":1:"),
        (b"* * * * * true\r\n", ":1:"),
        (b"* * * * * true\n\0\n", ":2:"),
        (b"\xff\xfe*\0 \0*\0", ":1:"),
    ],
)
def test_fault_26_crontab_that_cannot_be_meant_is_refused(lab: Lab, text: bytes, place: str) -> None:
    lab.crontab(text)
    done = lab.run("cron")
    assert (done.status, done.out, len(done.err.splitlines())) == (78, "", 1), done
    assert f"/config/crontab{place}" in done.err


@pytest.mark.fault(number=26)
def test_fault_26_crontab_may_have_tabs_and_no_last_line_end(docker: Engine, crontab: Crontab) -> None:
    text = "A\t=\t'x y'\n@reboot\techo \"<$A>\"; cat%a\\%b%c\n\n# grocker: name=last\n@reboot \t echo last"
    with docker.started("cron", options=crontab(text)) as container:
        wait_for(
            lambda: len(_said(container, "last")) == 3 and len(_said(container, "line2")) == 5, told=container.logs
        )
        assert _said(container, "line2")[1:4] == ["<x y>", "a%b", "c"]
        assert _said(container, "last")[1] == "last"


@pytest.mark.fault(number=34)
def test_fault_34_crontab_of_ten_thousand_lines_is_run(docker: Engine, crontab: Crontab) -> None:
    text = "".join(f"# grocker: name=job{number}\n{number % 60} 4 1 1 * true\n" for number in range(5000))
    with docker.started("cron", options=crontab(f"{text}@reboot echo up\n")) as container:
        container.wait_for(": up")
        address = container.address()
        assert len(_jobs(address)) == 5001
        assert ask(address, "/metrics")[0] == ask(address, "/")[0] == ask(address, "/livez")[0] == 200
        assert container.stop() == 0
