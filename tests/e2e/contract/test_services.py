"""E1, E2, P1, P3, V1–V3, X2, X5: services under supervision, and what the image has for its host."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.request
from collections.abc import Callable

import pytest

from grocker.runner.contract.spec import RestartLimit, Service
from tests.e2e.contract.engine import RUNNER, Container, Engine, Folders, variables
from tests.support.patience import PATIENCE

Services = Callable[..., list[str]]

_ONCE = RestartLimit(times=0, seconds=1)


def _python(text: str, **fields: object) -> Service:
    return Service(command=("python", "-u", "-c", text), **{"restart": _ONCE, **fields})  # type: ignore[arg-type]


_REPORT = """
import os, signal, time
def got(number, frame):
    print('got', number)
    if number == 15:
        time.sleep({stop}); raise SystemExit(5)
for number in (1, 10, 12, 15):
    signal.signal(number, got)
print('up')
while True:
    time.sleep(0.1)
"""


@pytest.mark.parametrize("name", ["TERM", "INT", "QUIT"])
def test_E1_stops_gracefully_when_asked(engine: Engine, services: Services, name: str) -> None:
    table = {"x": _python(_REPORT.format(stop=0.5))}
    with engine.started("start", "x", options=services(engine, table)) as container:
        container.wait_for("up")
        container.kill(name)
        assert container.wait() == 0, "asked to stop, and stopped in time"
        assert "got 15" in container.logs()


def test_E1_sends_the_stop_signal_of_the_service(docker: Engine, services: Services) -> None:
    text = "import signal\nsignal.signal(2, lambda *_: (print('got 2'), exit(0)))\nprint('up')\nwhile 1: signal.pause()"
    table = {"x": _python(text, stop_signal="INT")}
    with docker.started("start", "x", options=services(docker, table)) as container:
        container.wait_for("up")
        assert container.stop() == 0
        assert "got 2" in container.logs()


@pytest.mark.fault(number=4)
def test_E1_kills_the_whole_group_when_it_does_not_stop(engine: Engine, services: Services) -> None:
    text = "trap '' TERM; (trap '' TERM; echo up; while :; do sleep 0.1; done) & wait; while :; do sleep 0.1; done"
    options = [*services(engine, {"x": Service(command=text)}), *variables({"GROCKER_STOP_TIMEOUT": "0.5"})]
    with engine.started("start", "x", options=options) as container:
        container.wait_for("up")
        assert container.stop(60) == 137
        assert "killed" in container.logs()


@pytest.mark.fault(number=5)
def test_E1_stops_what_is_stopped(docker: Engine, services: Services) -> None:
    table = {"x": _python("import os, signal; print('up'); os.kill(os.getpid(), signal.SIGSTOP)")}
    with docker.started("start", "x", options=services(docker, table)) as container:
        container.wait_for("up")
        assert container.stop() == 0


@pytest.mark.fault(number=4)
def test_E1_default_stop_timeout_is_under_dockers(docker: Engine, services: Services) -> None:
    table = {"x": _python("import signal; signal.signal(15, signal.SIG_IGN); print('up')\nwhile 1: signal.pause()")}
    with docker.started("start", "x", options=services(docker, table)) as container:
        container.wait_for("up")
        before = time.monotonic()
        assert container.stop(60) == 137
        assert time.monotonic() - before > 7.5
        # By the runner's own clock: docker waits for 10 s, and then kills without a word.
        assert re.search(r"^grocker: x: .*\b8 s\b.*killed", container.logs(), re.MULTILINE)


@pytest.mark.parametrize(("name", "number"), [("HUP", 1), ("USR1", 10), ("USR2", 12)])
def test_E1_forwards_other_signals_to_the_main_process(
    docker: Engine, services: Services, name: str, number: int
) -> None:
    with docker.started("start", "x", options=services(docker, {"x": _python(_REPORT.format(stop=0))})) as container:
        container.wait_for("up")
        container.kill(name)
        container.wait_for(f"got {number}")
        assert container.stop() == 0


@pytest.mark.fault(number=6)
@pytest.mark.parametrize(
    ("command", "status"),
    [("exit 3", 3), ("exit 0", 1), ("kill -9 $$", 137), ("kill -TERM $$", 143), ("exec /no/such/file", 127)],
)
def test_E1_exit_status_is_that_of_the_process_given_up_on(
    docker: Engine, services: Services, command: str, status: int
) -> None:
    done = docker.run("start", "x", options=services(docker, {"x": Service(command=command, restart=_ONCE)}))
    assert done.status == status
    assert len(done.complaints) == 1
    assert "giving up" in done.err


@pytest.mark.fault(number=7)
def test_E1_restarts_with_back_off_then_gives_up(engine: Engine, services: Services) -> None:
    table = {"x": Service(command="echo run; exit 3", restart=RestartLimit(times=3, seconds=600))}
    done = engine.run("start", "x", options=services(engine, table))
    assert (done.status, done.out) == (3, "run\n" * 4)
    waits = [float(wait) for wait in re.findall(r"restarting in ([\d.]+) s", done.err)]
    assert waits == [0.5, 1.0, 2.0]


@pytest.mark.fault(number=3)
def test_E1_stops_at_once_while_it_waits_to_restart(docker: Engine, services: Services) -> None:
    table = {"x": Service(command="exit 3", restart=RestartLimit(times=9, seconds=6000))}
    with docker.started("start", "x", options=services(docker, table)) as container:
        container.wait_for("in 8 s")
        assert container.stop(60) == 0
        assert container.logs().count("restarting in") == 5, "it did not wait for the next start"


@pytest.mark.fault(number=35)
def test_E1_restarts_when_the_main_process_is_killed(docker: Engine, folders: Folders) -> None:
    with docker.started("start", "www", options=folders.options) as container:
        container.wait_for("Booting worker")
        container.exec("sh", "-c", "kill -9 $(cut -d' ' -f1 /proc/1/task/1/children)")
        container.wait_for("killed by SIGKILL; restarting in 0.5 s")
        assert _get(container) == "ok\n", "clients wait for it"
        names = container.exec(
            "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | grep -c ^gunicorn.app.wsgiapp$"
        ).out
        assert names == "3\n", "the old workers are gone"
        assert container.stop() == 0


def test_E1_what_a_dead_process_leaves_behind_is_ended(docker: Engine, services: Services) -> None:
    text = "sleep 1234 & echo run; sleep 0.2; exit 1"
    table = {"x": Service(command=text, restart=RestartLimit(times=1, seconds=60))}
    options = services(docker, table)
    script = (
        "grocker-runner run start x >/dev/null 2>&1; cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'sleep 123[4]'"
    )
    assert docker.run("sh", "-c", script, options=options).out == "0\n"


@pytest.mark.fault(number=3)
@pytest.mark.parametrize("delay", [0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5])
def test_E1_stop_at_any_moment_of_the_start_is_graceful(docker: Engine, folders: Folders, delay: float) -> None:
    options = [*folders.options, *variables({"GROCKER_STOP_TIMEOUT": "100"})]
    with docker.started("start", "www", options=options) as container:
        process = f"/proc/{container.inspect('{{.State.Pid}}')}/status"
        limit = time.monotonic() + PATIENCE
        while not _takes_term(process):
            assert time.monotonic() < limit
            time.sleep(0.001)
        time.sleep(delay)
        before = time.monotonic()
        assert container.stop(100) == 0, container.logs()
        assert time.monotonic() - before < 60, "it does not wait for the end of gunicorn's graceful time, 97 s"


def _takes_term(path: str) -> bool:
    with open(path) as file:
        masks = dict(line.split(":\t", 1) for line in file if line.startswith("Sig"))
    taken = int(masks["SigBlk"], 16) | int(masks["SigCgt"], 16)
    # runc, which this process was before, and for a moment the C library, take ALRM as well; what runc gets is lost.
    return bool(taken & 1 << 14 and not taken & 1 << 13)


def test_E1_answers_what_was_asked_before_the_stop(docker: Engine, services: Services) -> None:
    """A request that is being answered when the container is asked to stop is answered in full."""
    table = {"www": Service(wsgi="slow:application")}
    text = (
        "import time\ndef application(environ, start):\n    print('asked', flush=True)\n    time.sleep(1.5)\n"
        "    start('200 OK', [])\n    return [environ['REMOTE_ADDR'].encode()]\n"
    )
    options = services(docker, table)
    folder = options[1].partition(":")[0]
    with open(f"{folder}/slow.py", "w") as file:
        file.write(text)
    with docker.started("start", "www", options=[*options, *variables({"PYTHONPATH": "/config"})]) as container:
        container.wait_for("Booting worker")
        answers: list[str] = []
        thread = threading.Thread(target=lambda: answers.append(_get(container)))
        thread.start()
        container.wait_for("asked")
        assert container.stop() == 0
        thread.join(PATIENCE)
        assert answers, container.logs()
        assert re.fullmatch(r"\d+\.\d+\.\d+\.\d+", answers[0]), "IPv4 clients have IPv4 addresses"


@pytest.mark.fault(number=28)
def test_E1_supervises_under_another_init(docker: Engine, services: Services) -> None:
    """As ``--init`` puts in, or a pod whose processes share their namespace."""
    options = [*services(docker, {"x": _python(_REPORT.format(stop=0))}), "--entrypoint", "/bin/sh"]
    script = f"{RUNNER} run start x & trap 'kill $!' TERM; wait; wait $!"
    with docker.started("-c", script, options=options) as container:
        container.wait_for("up")
        assert container.stop() == 0
        assert "got 15" in container.logs()


def test_E1_memory_of_the_supervisor_is_small(docker: Engine, folders: Folders) -> None:
    with docker.started("start", "www", options=folders.options) as container:
        container.wait_for("Booting worker")
        status = container.exec("cat", "/proc/1/status").out
        assert int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) < 20_000


@pytest.mark.parametrize("arguments", [("start",), ("start", ""), ("start", "nope"), ("start", "www", "--debug")])
def test_E2_bad_service_is_an_error_that_lists_them(lab: Container, arguments: tuple[str, ...]) -> None:
    done = lab.run(*arguments)
    assert (done.status, len(done.complaints)) == (64, 1)
    assert "www" in done.err


def test_E2_any_name_is_served_when_django_declares_none(
    docker: Engine, services: Services, image_spec: Callable[[Engine], object]
) -> None:
    table = {"www": Service(wsgi="polls_site.wsgi:application")}
    options = services(docker, table, any_service=True)
    with docker.started("start", "ops", options=options) as container:
        container.wait_for("Booting worker")
        done = container.exec("grocker-runner", "exec", "sh", "-c", "echo $POLLS_SITE_SERVICE $GROCKER_SERVICE")
        assert done.out == "ops ops\n"
        assert _get(container) == "ok\n"


def test_E2_main_process_has_the_containers_stdin(engine: Engine, services: Services) -> None:
    table = {"x": Service(command=("cat",), restart=_ONCE)}
    assert engine.run("start", "x", stdin="through\n", options=services(engine, table)).out == "through\n"


def test_E2_service_has_its_own_variables(docker: Engine, services: Services) -> None:
    table = {"x": Service(command="env; pwd", env={"A": "of the service", "B": "of the service"}, restart=_ONCE)}
    done = docker.run("start", "x", options=[*services(docker, table), *variables({"B": "given"})])
    assert "A=of the service\n" in done.out
    assert "B=given\n" in done.out
    assert done.out.endswith("/home/blue\n")


def test_E2_scripts_of_the_operator_are_no_services(docker: Engine, services: Services, folders: Folders) -> None:
    folders.script("serve", "#!/bin/sh\necho the script\n")
    done = docker.run("start", "x", options=services(docker, {"x": Service(command=("serve",))}))
    assert (done.status, done.out) == (127, "")


def test_P1_listens_on_all_addresses(engine: Engine, folders: Folders) -> None:
    with engine.started("start", "www", options=folders.options) as container:
        container.wait_for("Listening at")
        assert _get(container) == "ok\n"
        ask = "import urllib.request as u; print(u.urlopen('http://{}:8080/healthz').read())"
        assert container.exec("python", "-c", ask.format("127.0.0.1")).out == "b'ok\\n'\n"
        if container.exec("cat", "/proc/sys/net/ipv6/conf/lo/disable_ipv6").out == "0\n":
            assert container.exec("python", "-c", ask.format("[::1]")).out == "b'ok\\n'\n"


@pytest.mark.fault(number=20)
def test_P1_listens_when_ipv6_is_off(docker: Engine, folders: Folders) -> None:
    off = ["--sysctl", "net.ipv6.conf.all.disable_ipv6=1", "--sysctl", "net.ipv6.conf.lo.disable_ipv6=1"]
    with docker.started("start", "www", options=[*folders.options, *off]) as container:
        container.wait_for("Listening at")
        assert _get(container) == "ok\n"


def test_P1_command_is_told_its_port(docker: Engine, services: Services) -> None:
    table = {"x": Service(command="exec python -u -m http.server $PORT --directory /config")}
    with docker.started("start", "x", options=services(docker, table)) as container:
        container.wait_for("Serving HTTP")
        with urllib.request.urlopen(f"http://{container.address()}:8080/") as answer:
            assert answer.status == 200


@pytest.mark.fault(number=20)
def test_X5_port_that_is_taken_is_69(docker: Engine, folders: Folders) -> None:
    with docker.started("start", "www", options=folders.options) as first:
        first.wait_for("Listening at")
        network = ["--network", f"container:{first.name}"]
        done = docker.run("start", "www", options=[*folders.options, *network])
        assert (done.status, len(done.err.splitlines())) == (69, 1)
        assert "port 8080" in done.err


def test_P3_image_declares_its_interface(engine: Engine) -> None:
    def declared(key: str) -> str:
        return engine.check("image", "inspect", "--format", "{{json .Config." + key + "}}", engine.image)

    assert declared("ExposedPorts") == '{"8080/tcp":{},"8081/tcp":{}}'
    assert declared("Volumes") == '{"/config":{},"/media":{},"/scripts":{}}'
    assert declared("StopSignal") == '"SIGTERM"'
    assert declared("WorkingDir") == '"/scripts"'
    assert all(f'"{name}=' in declared("Env") for name in ("PATH", "VIRTUAL_ENV", "LANG"))


def test_P3_exec_finds_the_applications_python(engine: Engine) -> None:
    with engine.started("sleep", "99") as container:
        done = container.exec("python", "-c", "import sys, django; print(sys.prefix)")
        assert (done.out, done.err) == ("/opt/venv\n", "")


def test_V1_config_is_never_written(docker: Engine, folders: Folders) -> None:
    folders.config.chmod(0o777)
    folders.app.chmod(0o777)
    (folders.app / "90_x.ini").write_text("[x]\n")
    before = sorted(str(path) for path in folders.config.rglob("*"))
    writable = [option.removesuffix(":ro") for option in folders.options]
    assert docker.run("true", options=writable).status == 0
    assert sorted(str(path) for path in folders.config.rglob("*")) == before


def test_V2_media_is_the_applications(engine: Engine, folders: Folders) -> None:
    done = engine.run("python", "-c", "open('/media/upload', 'w').write('x')", options=folders.options)
    assert (done.status, done.err) == (0, "")
    assert (folders.media / "upload").read_text() == "x"
    assert "media_root = /media" in engine.run("sh", "-c", "cat $GROCKER_CONFIG_FILE", options=folders.options).out


@pytest.mark.fault(number=17)
def test_V3_scripts_that_is_not_writable_is_one_warning(engine: Engine, folders: Folders) -> None:
    folders.script("hello", "#!/bin/sh\necho hello\n")
    folders.scripts.chmod(0o755)
    done = engine.run("hello", options=[*folders.options, "--user", "4242:4242"])
    assert (done.status, done.out, len(done.complaints)) == (0, "hello\n", 1)
    assert "uid 4242" in done.err
    assert "sudo chown -R 4242" in done.err
    assert "chmod -R go+rwX" in done.err


def test_X2_labels_say_what_it_is(engine: Engine) -> None:
    labels = json.loads(engine.check("image", "inspect", "--format", "{{json .Config.Labels}}", engine.image))
    expected = {
        "org.opencontainers.image.title": "polls-site",
        "org.opencontainers.image.version": "1.0.0",
        "org.opencontainers.image.created": "1980-01-01T00:00:00Z",
        "org.grocker.contract": "1",
        "org.grocker.services": "www",
    }
    assert {name: labels.get(name) for name in expected} == expected
    assert labels["org.grocker.version"]


def _get(container: Container, seconds: float = PATIENCE) -> str:
    limit = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"http://{container.address()}:8080/healthz", timeout=seconds) as answer:
                return str(answer.read().decode())
        except (TimeoutError, ConnectionError):
            assert time.monotonic() < limit
            time.sleep(0.1)
