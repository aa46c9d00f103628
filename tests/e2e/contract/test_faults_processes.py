"""Items 1, 5, 7, 8, 9, 33, 35, 36 and 38: processes that end, hang, multiply, or are killed from outside."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from grocker.runner.contract.spec import RestartLimit, Service
from tests.e2e.contract.engine import Container, Engine, reachable, variables
from tests.e2e.contract.lab import INSIDE
from tests.e2e.contract.probes import ask, children, metrics, states, until, wait_for

Services = Callable[..., list[str]]
_ONCE = RestartLimit(times=0, seconds=1)
_OFTEN = RestartLimit(times=20, seconds=60)


# 1


@pytest.mark.fault(number=1)
@pytest.mark.alone
def test_fault_01_orphans_are_reaped_and_probes_answered_at_thousands_a_second(
    docker: Engine, services: Services, tmp_path: Path
) -> None:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        pytest.skip("a C compiler makes the program that makes the orphans")
    program = reachable(tmp_path) / "orphans"
    subprocess.run([compiler, "-O2", "-static", "-o", program, INSIDE / "orphans.c"], check=True)
    table = {"x": Service(command=("/orphans", "4", "5000"), restart=_ONCE)}
    options = [*services(docker, table), "--volume", f"{program}:/orphans:ro"]
    with docker.started("start", "x", options=options) as container:
        address = container.address()
        until(address, "/livez", 200)
        answers = 0
        while "made" not in container.logs():
            assert ask(address, "/livez") == (200, "ok\n")
            answers += 1
        assert answers > 1, "they do not wait until there are no orphans any more"
        wait_for(lambda: "Z" not in states(container), told=lambda: states(container))
        assert container.stop() == 0


# 5


@pytest.mark.fault(number=5)
def test_fault_05_stopped_processes_end_with_the_container(docker: Engine, services: Services) -> None:
    """Both the main process and its child are stopped (SIGSTOP) when the container is asked to stop."""
    text = "sh -c 'echo $$ > /tmp/child; exec sleep 1000' & echo up; kill -STOP $$; wait"
    with docker.started("start", "x", options=services(docker, {"x": Service(command=text)})) as container:
        container.wait_for("up")
        wait_for(lambda: container.exec("sh", "-c", "kill -STOP $(cat /tmp/child)").status == 0)
        wait_for(lambda: states(container).count("T") == 2)
        assert container.stop(60) == 0


# 7, 9


@pytest.mark.fault(number=7)
@pytest.mark.fault(number=9)
def test_fault_07_crash_loop_is_never_ready_and_ends_with_the_status(docker: Engine, services: Services) -> None:
    """Each time something stays behind, in a session of its own, that holds stdout and stderr."""
    stays = "import os, time; os.setsid(); print(os.getpid(), flush=True); time.sleep(1000)"
    # Exit at once: what has run for a second counts as ready.
    command = f"trap '' TERM; python3 -c '{stays}' & exit 3"
    table = {"x": Service(command=command, restart=RestartLimit(times=2, seconds=600))}
    with docker.started("start", "x", options=services(docker, table)) as container:
        address = container.address()
        answers = set()
        while container.running():
            answers |= {ask(address, path)[0] for path in ("/readyz", "/startupz")}
        assert answers <= {503, 0}, answers
        assert 503 in answers
        assert container.status() == 3
        assert container.logs().count("restarting in") == 2
        assert re.search(r"^\d+$", container.logs(), re.MULTILINE), "something stayed behind"


# 8

_EATS = """
import os

def application(environ, start):
    if environ["PATH_INFO"] == "/eat":
        eaten = [bytearray(os.urandom(1 << 20)) for _ in range(400)]
    start("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


@pytest.mark.fault(number=8)
def test_fault_08_worker_killed_for_memory_is_replaced_and_counted(docker: Engine, services: Services) -> None:
    table = {"www": Service(wsgi="eats:application", workers=1, memory=1000, restart=_ONCE)}
    options = services(docker, table)
    (Path(options[1].partition(":")[0]) / "eats.py").write_text(_EATS)
    limit = ["--memory", "150m", "--memory-swap", "150m", *variables({"PYTHONPATH": "/config"})]
    with docker.started("start", "www", options=[*options, *limit]) as container:
        address = container.address()
        until(address, "/readyz", 200)
        before = metrics(address).get("grocker_container_oom_kills_total")
        worker = ask(address, "/", port=8080)
        assert ask(address, "/eat", port=8080, seconds=60)[0] == 0
        wait_for(lambda: ask(address, "/", port=8080)[0] == 200)
        assert ask(address, "/", port=8080) != worker
        assert before == 0
        wait_for(lambda: metrics(address).get("grocker_container_oom_kills_total") == 1)
        assert container.stop() == 0


# 33


@pytest.mark.fault(number=33)
def test_fault_33_questions_are_answered_while_the_container_stops(docker: Engine, services: Services) -> None:
    ends = "until [ -e /tmp/over ]; do sleep 0.05; done; exit 4"
    table = {"x": Service(command=f"trap '{ends}' TERM; echo up; while :; do sleep 0.05; done")}
    with docker.started(
        "start", "x", options=[*services(docker, table), *variables({"GROCKER_STOP_TIMEOUT": "60"})]
    ) as container:
        address = container.address()
        until(address, "/readyz", 200)
        container.kill("TERM")
        until(address, "/readyz", 503)
        for _ in range(20):
            assert ask(address, "/livez") == (200, "ok\n")
            assert ask(address, "/readyz")[0] == 503
            assert "grocker_" in ask(address, "/metrics")[1]
            assert ask(address, "/status.json")[0] == 200
        container.exec("touch", "/tmp/over")
        assert container.wait() == 0


# 35


@pytest.mark.fault(number=35)
def test_fault_35_any_process_of_a_service_may_be_killed(docker: Engine, services: Services) -> None:
    """The workers, the main process, a companion: kill -9 of one after the other."""
    companion = {"beside": "while :; do sleep 0.05; done"}
    options = services(docker, {"www": Service(wsgi="hello:application", workers=2, processes=companion)})
    (Path(options[1].partition(":")[0]) / "hello.py").write_text(
        "def application(environ, start):\n    start('200 OK', [])\n    return [b'hello']\n"
    )
    with docker.started("start", "www", options=[*options, *variables({"PYTHONPATH": "/config"})]) as container:
        address = container.address()
        until(address, "/readyz", 200)
        main = children(container)[0]
        wait_for(lambda: len(children(container, main)) == 2)
        for victim in (*children(container, main), *children(container)):
            container.exec("sh", "-c", f"kill -9 {victim}")
            wait_for(partial(_whole, container, address, victim), told=container.logs)
            until(address, "/readyz", 200)
        assert container.logs().count("killed by SIGKILL; restarting in 0.5 s") == 2
        # Each sleep of the companion is a zombie until its shell gets a processor.
        wait_for(lambda: "Z" not in states(container), told=lambda: states(container))
        assert container.stop() == 0


def _whole(container: Container, address: str, gone: int) -> bool:
    found = {process["name"]: process for process in json.loads(ask(address, "/status.json")[1])["processes"]}
    return (
        container.exec("sh", "-c", f"kill -0 {gone}").status != 0
        and {process["state"] for process in found.values()} == {"running"}
        and found["www"]["workers"] == 2
        and ask(address, "/", port=8080) == (200, "hello")
    )


# 36


@pytest.mark.fault(number=36)
def test_fault_36_paused_service_goes_on(docker: Engine, services: Services) -> None:
    text = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"
    options = [*services(docker, {"x": Service(command=text)}), *variables({"GROCKER_STOP_TIMEOUT": "2"})]
    with docker.started("start", "x", options=options) as container:
        address = container.address()
        until(address, "/readyz", 200)
        docker.check("pause", container.name)
        assert ask(address, "/livez", seconds=0.5)[0] == 0
        time.sleep(2.5)  # longer than the stop timeout
        docker.check("unpause", container.name)
        assert ask(address, "/livez")[0] == 200
        assert ask(address, "/readyz")[0] == 200
        assert "restarting" not in container.logs()
        assert container.stop() == 0


# 38


@pytest.mark.fault(number=38)
def test_fault_38_entrypoint_is_refused_where_it_runs_already(docker: Engine, services: Services) -> None:
    """``docker exec C grocker-runner run …`` would take away what the service has in /tmp."""
    options = services(docker, {"x": Service(command=("sleep", "1000"), restart=_ONCE)})
    with docker.started("start", "x", options=options) as container:
        until(container.address(), "/readyz", 200)
        before = container.exec("sh", "-c", "ls -lin /tmp/.grocker-*").out
        for arguments in (("true",), ("start", "x"), ("cron",), ()):
            done = container.run(*arguments, stdin="echo shell\n")
            assert (done.status, done.out, len(done.complaints)) == (64, "", 1), done
            assert "grocker-runner exec" in done.err
        assert container.exec("sh", "-c", "ls -lin /tmp/.grocker-*").out == before
        assert container.exec("grocker-runner", "exec", "sh", "-c", "exit 3").status == 3
        container.restart(seconds=5)
        until(container.address(), "/readyz", 200)
