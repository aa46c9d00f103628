from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from grocker.runner.cron import crontab_file, status
from grocker.runner.cron.job import Job
from grocker.runner.status.values import FAILED, NEW, RUNNING, SUCCEEDED, WAITING, JobStatus
from tests.support.patience import PATIENCE
from tests.support.ports import free_port
from tests.support.supervised import ROOT, Served

STARTER = """
import sys
sys.path.insert(0, {source!r})
import _signal
mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGTERM,))
from grocker.runner.contract import spec
from grocker.runner.status import port as status_port
from grocker.runner.cron import service, status
from grocker.runner.base.failure import Failure, say
from grocker.runner.contract.names import ContainerLayout
image = spec.Spec(name="polls", version="4.2", namespace="POLLS", grocker="9", user=spec.ContainerUser(home={home!r}))
layout = ContainerLayout(
    config={home!r}, scratch={home!r} + "/scratch", base_settings={home!r} + "/base", venv={home!r},
    status_port={port!r},
)
try:
    sys.exit(service.run_cron(image, layout, mask, on_start=status.status_server(image, layout)))
except Failure as failure:
    say(failure.message)
    sys.exit(failure.status)
"""


@contextmanager
def _cron(home: Path, crontab: str, port: int, **environ: str) -> Iterator[Served]:
    (home / "crontab").write_text(crontab)
    (home / "base").touch()
    code = STARTER.format(source=str(ROOT / "src"), port=port, home=str(home))
    process = subprocess.Popen(
        [sys.executable, "-IS", "-c", code],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={"PATH": os.environ["PATH"], **environ},
    )
    try:
        yield Served(process, port)
    finally:
        process.kill()
        process.communicate()


def _wait_until_ready(server: Served) -> None:
    limit = time.monotonic() + PATIENCE
    while True:
        try:
            if server.get("/readyz")[0] == 200:
                return
        except OSError:
            pass
        assert time.monotonic() < limit
        assert server.process.poll() is None, server.process.communicate()
        time.sleep(0.01)


def _jobs(server: Served) -> dict[str, dict[str, object]]:
    return {job["name"]: job for job in json.loads(server.get("/status.json")[2])["jobs"]}


def test_H1_H2_scheduler_tells_of_its_jobs_on_8081(tmp_path: Path) -> None:
    over = tmp_path / "over"
    crontab = (
        "# grocker: name=good\n@reboot echo hello\n"
        "# grocker: name=bad\n@reboot exit 3\n"
        f"# grocker: name=long\n@reboot echo begun; until [ -e {over} ]; do sleep 0.05; done\n"
        "# grocker: name=later\n0 0 29 2 * true --password=hunter2\n"
    )
    (tmp_path / "token").write_text("s3same")
    environ = {"GROCKER_STATUS_TOKEN_FILE": str(tmp_path / "token"), "GROCKER_STOP_TIMEOUT": "60"}
    with _cron(tmp_path, crontab, free_port(), **environ) as server:
        _wait_until_ready(server)
        limit = time.monotonic() + PATIENCE
        while {job["state"] for job in _jobs(server).values()} != {"succeeded", "failed", "running", "new"}:
            assert time.monotonic() < limit, _jobs(server)
            time.sleep(0.02)
        assert server.get("/readyz?verbose")[2] == "[+]crontab: loaded, 4 jobs\nreadyz check passed\n"
        assert server.get("/livez?verbose")[2] == "[+]scheduler: running\nlivez check passed\n"
        assert server.get("/startupz")[0] == 200
        values = {
            (sample.name, sample.labels.get("job_name")): sample.value
            for family in text_string_to_metric_families(server.get("/metrics")[2])
            for sample in family.samples
        }
        assert values["grocker_cron_runs_total", "good"] == 1
        assert values["grocker_cron_failures_total", "bad"] == 1
        assert values["grocker_cron_last_exit_status", "bad"] == 3
        assert values["grocker_cron_running", "long"] == 1
        assert 0 < values["grocker_cron_next_run_time_seconds", "later"] - time.time() < 4 * 366 * 86400
        assert ("grocker_cron_last_start_time_seconds", "later") not in values
        assert values["grocker_log_lines_total", None] >= 4
        for path in ("/", "/metrics", "/status.json"):
            assert "hunter2" not in server.get(path)[2]
        assert "hunter2" in server.get("/status.json", Authorization="Bearer s3same")[2]
        assert "hello" in server.get("/log?of=good", Authorization="Bearer s3same")[2]
        server.signal(signal.SIGTERM)
        limit = time.monotonic() + PATIENCE
        while server.get("/readyz")[0] != 503:
            assert time.monotonic() < limit
        assert server.get("/livez")[0] == 200
        assert json.loads(server.get("/status.json")[2])["stopping"] is True
        assert server.get("/metrics")[0] == 200
        over.touch()
        assert server.process.wait(PATIENCE) == 0


@pytest.mark.parametrize("crontab", ["@reboot echo started\n"])
def test_P2_no_job_starts_when_the_port_is_taken(tmp_path: Path, crontab: str) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        with _cron(tmp_path, crontab, int(taken.getsockname()[1])) as server:
            output, _ = server.process.communicate(timeout=PATIENCE)
        assert server.process.returncode == 69
    said = [line for line in output.splitlines() if "libnss-wrapper" not in line]
    assert len(said) == 1 and "Address already in use" in said[0]


def test_H4_token_that_cannot_be_read_is_one_line_and_78(tmp_path: Path) -> None:
    with _cron(tmp_path, "@reboot echo started\n", free_port(), GROCKER_STATUS_TOKEN_FILE="/nowhere") as server:
        output, _ = server.process.communicate(timeout=PATIENCE)
    assert server.process.returncode == 78
    (said,) = [line for line in output.splitlines() if "libnss-wrapper" not in line]
    assert said.startswith("grocker: GROCKER_STATUS_TOKEN_FILE: /nowhere: No such file or directory")


def _status(**known: object) -> JobStatus:
    (entry,) = crontab_file.parse(b"# grocker: name=tidy\n5 4 * * * tidy --all\n", "crontab")
    job = Job(entry)
    for name, value in known.items():
        setattr(job, name, value)
    return status.job_status(job, 12.0)


@pytest.mark.parametrize(
    ("known", "state"),
    [
        ({}, NEW),
        ({"held": True, "last_start": 5.0}, WAITING),
        ({"queued": 2, "last_start": 5.0, "last_success": 6.0}, WAITING),
        ({"last_start": 5.0, "last_success": 6.0}, SUCCEEDED),
        ({"last_start": 5.0, "last_success": 5.0}, SUCCEEDED),
        ({"last_start": 5.0, "last_success": 4.0}, FAILED),
        ({"last_start": 5.0, "last_status": 0}, FAILED),
    ],
)
def test_H3_state_of_a_job_is_what_became_of_its_last_run(known: dict[str, object], state: str) -> None:
    found = _status(**known)
    assert found.state == state
    assert (found.name, found.line, found.schedule, found.command) == ("tidy", 2, "5 4 * * *", "tidy --all")
    assert found.upcoming == 12.0


def test_H3_job_runs_while_it_has_a_process() -> None:
    nothing = _status()
    fields = {name: getattr(nothing, name) for name in JobStatus.__annotations__}
    assert JobStatus(**fields | {"pid": 7, "waiting": 1}).state == RUNNING
