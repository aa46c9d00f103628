"""Items 3, 20, 28, 30 and 32: the start, and what the container is given to start in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

import pytest

from grocker.runner.contract.spec import RestartLimit, Service
from tests.e2e.contract.engine import RUNNER, Engine
from tests.e2e.contract.lab import Lab

Services = Callable[..., list[str]]
_ONCE = RestartLimit(times=0, seconds=1)
_SLEEP = Service(command=("sleep", "1000"), restart=_ONCE)


@pytest.fixture(scope="session")
def lab_options() -> Sequence[str]:
    """Namespaces can be made in it: the runner is PID 1 of one, which takes 20 ms instead of a container's 500."""
    return ("--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined")


def _stops(lab: Lab, moments: int, ready: str, *arguments: str) -> list[dict[str, object]]:
    lines = lab.python("walk", str(moments), ready, *arguments, root=True).splitlines()
    return [json.loads(line) for line in lines]


# 3


@pytest.mark.fault(number=3)
@pytest.mark.parametrize("kind", ["start", "cron", "command"])
def test_fault_03_stop_at_every_millisecond_of_the_start(lab: Lab, kind: str) -> None:
    """From the runner's first line until what it starts runs: once, twice, TERM then INT, QUIT, in turn."""
    lab.services({"x": _SLEEP})
    lab.crontab("@reboot exec sleep 0.2\n")
    moments, arguments = {"start": (50, "start x"), "cron": (15, "cron"), "command": (15, "sleep 1000")}[kind]
    stops = _stops(lab, moments, "sleep", *arguments.split())
    assert len(stops) > 1, "a quick machine passes through fewer milliseconds"
    for stop in stops:
        assert stop["again"] == 0, stop
        assert stop["status"] in ({143, 131, 130} if kind == "command" else {0}), stop
        assert not re.search("Traceback|Asked|ignored", str(stop["said"])), stop


@pytest.mark.fault(number=3)
def test_fault_03_stop_before_the_runners_first_line_is_taken_when_it_is_repeated(lab: Lab) -> None:
    """The kernel keeps nothing for PID 1 before it says that it wants it: some 10 ms."""
    lab.services({"x": _SLEEP})
    for stop in _stops(lab, 0, "sleep", "start", "x"):
        assert (stop["status"], stop["said"]) == (0, ""), stop


# 20


@pytest.mark.fault(number=20)
def test_fault_20_ports_are_open_again_at_once_when_connections_linger(lab: Lab) -> None:
    lab.services({"www": Service(wsgi="lingering:application")})
    (lab.folders.media / "lingering.py").write_text(
        "def application(environ, start):\n    start('200 OK', [('Connection', 'close')])\n    return [b'hello']\n"
    )
    lingering, first, second = lab.python("linger", "PYTHONPATH=/media", "start", "www").splitlines()
    assert set(lingering.split()) == {"8080", "8081"}, "the server's end of a closed connection is there"
    assert (first, second) == ("0", "0")


# 28


@pytest.mark.fault(number=28)
def test_fault_28_supervises_under_the_engines_init(docker: Engine, services: Services) -> None:
    options = services(docker, {"x": Service(command="echo up; exec sleep 1000")})
    with docker.started("start", "x", options=[*options, "--init"]) as first:
        first.wait_for("up")
        assert first.exec("cat", "/proc/1/comm").out != "grocker-runner\n"
        # Another container's runner, in the process namespace of the first: neither touches what is not its own.
        with docker.started("start", "x", options=[*options, "--pid", f"container:{first.name}"]) as second:
            second.wait_for("up")
            second.exec("sh", "-c", "(sleep 0.01 &)")
            assert second.stop() == 0
        assert first.exec("sh", "-c", "grep -l ^sleep /proc/[0-9]*/comm | wc -l").out == "1\n"
        assert "Z" not in first.exec("sh", "-c", "grep -h ^State /proc/[0-9]*/status").out
        assert first.stop() == 0


@pytest.mark.fault(number=28)
def test_fault_28_status_is_kept_when_who_started_it_ignores_children(docker: Engine) -> None:
    """The kernel tells nothing of children to a process that ignores SIGCHLD, and that is inherited."""
    script = f"trap '' CHLD; exec {RUNNER} run sh -c 'exit 3'"
    done = docker.run("-c", script, options=["--entrypoint", "/bin/sh"])
    assert (done.status, done.err) == (3, "")


# 30


@pytest.mark.fault(number=30)
@pytest.mark.parametrize(
    ("broken", "status", "words"),
    [
        ("/opt/venv", 126, "/opt/venv/bin/python"),
        ("/opt/venv/lib", 1, "No module named 'gunicorn'"),
    ],
)
def test_fault_30_service_ends_when_its_environment_is_broken(
    docker: Engine, services: Services, broken: str, status: int, words: str
) -> None:
    options = services(docker, {"www": Service(wsgi="polls_site.wsgi:application", restart=_ONCE)})
    done = docker.run("start", "www", options=[*options, "--tmpfs", broken])
    assert (done.status, len(done.complaints)) == (status, 1), done.err
    assert words in done.err
    assert "grocker_runner" not in done.err


@pytest.mark.fault(number=30)
def test_fault_30_application_that_prints_or_ends_at_import_is_the_applications(lab: Lab) -> None:
    names = ("prints", "raises")
    lab.services({name: Service(wsgi=f"{name}:application", workers=1, restart=_ONCE) for name in names})
    (lab.folders.media / "prints.py").write_text(
        "import os, signal\nprint('at import', '\\0\\xff' * 9000)\n"
        "def application(environ, start): ...\nos.kill(int(os.environ['RUNNER']), signal.SIGTERM)\n"
    )
    (lab.folders.media / "raises.py").write_text("raise RuntimeError('at import')\n")
    (lab.folders.media / "ends").mkdir()
    (lab.folders.media / "ends" / "sitecustomize.py").write_text("import posix; posix._exit(5)\n")
    done = lab.run("start", "prints", given={"PYTHONPATH": "/media"}, shell="export RUNNER=$$")
    assert (done.status, done.complaints) == (0, []), done.err
    assert "at import" in done.out
    for path, status in (("/media", 3), ("/media/ends", 5)):
        done = lab.run("start", "raises", given={"PYTHONPATH": path})
        assert done.status == status, done.err
        assert "giving up" in done.complaints[-1]


@pytest.mark.fault(number=30)
def test_fault_30_runner_does_without_the_applications_interpreter_settings(lab: Lab) -> None:
    """A sitecustomize that ends every interpreter, where the application's and the runner's might look for it."""
    for folder in (lab.folders.media, lab.folders.scripts):
        for name in ("sitecustomize.py", "usercustomize.py", "os.py", "signal.py"):
            (folder / name).write_text("import posix; posix._exit(5)\n")
    variables = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "PYTHONPLATLIBDIR", "PYTHONINSPECT")
    done = lab.run("sh", "-c", "echo ran", given=dict.fromkeys(variables, "/media"))
    assert (done.status, done.out, done.err) == (0, "ran\n", "")
    assert lab.run("python", "-c", "", given={"PYTHONPATH": "/media"}).status == 5


# 32


@pytest.mark.fault(number=32)
def test_fault_32_service_is_given_up_when_no_process_can_be_started(docker: Engine, services: Services) -> None:
    table = {"x": Service(command=("sleep", "9"), restart=RestartLimit(times=1, seconds=60))}
    done = docker.run_alone("start", "x", options=services(docker, table))
    assert done.status == 126
    assert [line.partition("x: ")[2].partition(":")[0] for line in done.complaints] == [
        *("cannot start a process", "exited with status 126; restarting in 0.5 s (restart 1 of 1 in 60 s)"),
        *("cannot start a process", "exited with status 126; giving up after 1 restart in 60 s"),
    ]
    assert "--pids-limit" in done.err


@pytest.mark.fault(number=32)
@pytest.mark.parametrize("arguments", ["true", "start x", "cron"])
def test_fault_32_few_descriptors_are_a_line_that_says_so(lab: Lab, arguments: str) -> None:
    lab.services({"x": Service(command="exit 3", restart=_ONCE)})
    lab.crontab("@reboot true\n")
    done = lab.inside("descriptors", *arguments.split())
    assert "Traceback" not in done.err, done.err
    found = {int(limit): int(status) for limit, status in (line.split() for line in done.out.splitlines())}
    good = 3 if arguments == "start x" else 0
    assert set(found.values()) <= {126, 73, good}, done.err
    assert found[max(found)] == good, "enough of them"
    assert "--ulimit nofile" in done.err or arguments == "true"


# 16


@pytest.mark.fault(number=16)
@pytest.mark.parametrize("reader", ["closed", "gone", "deaf"])
def test_fault_16_output_that_nobody_takes_does_not_hold_up_the_stop(lab: Lab, reader: str) -> None:
    """Of a service that says much, of one that says nothing, of jobs, and of commands."""
    talks = "trap 'exit 5' TERM; while :; do echo talks; done"
    lab.services({"talks": Service(command=talks), "silent": Service(command="trap 'exit 5' TERM; sleep 99 & wait")})
    lab.crontab("@reboot yes | head -c 1000000\n")
    outcomes = {"start talks": 0, "start silent": 0, "cron": 0, "sh -c exit\t4": 4, "no-such-command": 127}
    for arguments, status in outcomes.items():
        words = [word.replace("\t", " ") for word in arguments.split(" ")]
        assert int(lab.python("unheard", reader, *words)) == status, arguments
