"""E1, H1, P2, X4 of services: probes, several processes, memory."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest

from grocker.runner.contract.spec import RestartLimit, Service
from tests.e2e.contract.engine import RUNNER, Container, Engine, Folders, variables
from tests.support.patience import PATIENCE

Services = Callable[..., list[str]]

_ONCE = RestartLimit(times=0, seconds=1)
_LISTENS = """
import os, socket, sys, time
print("up", flush=True)
time.sleep(float(sys.argv[1]))
listener = socket.create_server(("", int(os.environ["PORT"])))
print("listens", flush=True)
while True:
    listener.accept()[0].close()
"""
_NOTIFIES = """
import os, signal, socket, time
told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
told.connect(os.environ["NOTIFY_SOCKET"])
signal.signal(signal.SIGUSR1, lambda *_: told.send(b"READY=1"))
print("up", flush=True)
while True:
    time.sleep(0.1)
"""
_ANSWERS = """
import http.server, signal
class Handler(http.server.BaseHTTPRequestHandler):
    status = 503
    def do_GET(self):
        self.send_response(self.status if self.path == "/ready" else 404)
        self.end_headers()
    def log_message(self, *_): pass
def good(*_): Handler.status = 204
signal.signal(signal.SIGUSR1, good)
print("up", flush=True)
http.server.HTTPServer(("", 8080), Handler).serve_forever()
"""


def _ask(container: Container, path: str, port: int = 8081, seconds: float = PATIENCE) -> tuple[int, str]:
    connection = http.client.HTTPConnection(container.address(), port, timeout=seconds)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def _first(container: Container, path: str, seconds: float = PATIENCE) -> int:
    """The status of the first answer."""
    latest = time.monotonic() + seconds
    while True:
        try:
            return _ask(container, path)[0]
        except ConnectionRefusedError:
            assert time.monotonic() < latest, f"{path}: nothing listens"
            time.sleep(0.01)


def _until(container: Container, path: str, status: int, seconds: float = PATIENCE) -> str:
    latest = time.monotonic() + seconds
    while True:
        try:
            found, body = _ask(container, path, seconds=20)
        except OSError:
            found, body = 0, ""
        if found == status:
            return body
        assert time.monotonic() < latest, f"{path}: {found} {body}"
        time.sleep(0.05)


def _command(text: str, *arguments: str, **fields: object) -> Service:
    return Service(command=("python", "-c", text, *arguments), **{"restart": _ONCE, **fields})  # type: ignore[arg-type]


def _kill(container: Container, which: int = 1) -> None:
    """Kills the main process, or one beside it, in the order in which they were started."""
    command = f"kill -9 $(cut -d ' ' -f {which} /proc/1/task/1/children)"
    assert container.exec("bash", "-c", command).status == 0


def test_H1_served_application_is_ready_once_a_worker_has_it(engine: Engine, folders: Folders) -> None:
    with engine.started("start", "www", options=folders.options) as container:
        _until(container, "/readyz", 200)
        assert _ask(container, "/livez") == (200, "ok\n")
        assert _ask(container, "/startupz") == (200, "ok\n")
        verbose = _ask(container, "/readyz?verbose")[1]
        assert re.search(r"^\[\+\]process www: running$", verbose, re.M)
        assert "a worker has loaded the application" in verbose
        assert container.exec(RUNNER, "health").status == 0
        document = json.loads(_ask(container, "/status.json")[1])
        [process] = document["processes"]
        assert (process["name"], process["state"], process["starts"]) == ("www", "running", 1)
        assert process["workers"] >= 1

        _kill(container)
        assert "grocker: www: killed by SIGKILL; restarting in 0.5 s" in container.wait_for("restarting")
        _until(container, "/readyz", 200)
        document = json.loads(_ask(container, "/status.json")[1])
        [process] = document["processes"]
        assert (process["starts"], process["restarts"], process["last_exit"]) == (2, 1, 137)
        assert container.stop() == 0


_HANGS = "print('up', flush=True)\nimport time\ntime.sleep(1000)\napplication = None\n"


@pytest.mark.parametrize(
    "service",
    [
        Service(command="echo up; exit 3", restart=RestartLimit(times=50, seconds=600)),
        _command(_ANSWERS, ready="/ready"),
        _command(_NOTIFIES, ready="notify"),
        Service(wsgi="hangs:application", workers=1, env={"PYTHONPATH": "/scripts"}),
    ],
    ids=["crash loop", "path answers 503", "never notifies", "import hangs"],
)
def test_H5_health_with_ready_fails_while_nothing_works(
    docker: Engine, folders: Folders, services: Services, service: Service
) -> None:
    """What Compose's ``condition: service_healthy`` waits for: without ``--ready`` all of these were healthy."""
    (folders.scripts / "hangs.py").write_text(_HANGS)
    check = ["--health-cmd", "grocker-runner health --ready", "--health-interval", "1s", "--health-retries", "1"]
    with docker.started("start", "x", options=[*services(docker, {"x": service}), *check]) as container:
        container.wait_for("up")
        assert {container.exec(RUNNER, "health", "--ready").status for _ in range(12)} == {1}
        latest = time.monotonic() + PATIENCE
        while (found := container.inspect("{{.State.Health.Status}}")) == "starting":
            assert time.monotonic() < latest
            time.sleep(0.1)
        assert found == "unhealthy"


@pytest.mark.fault(number=33)
def test_H1_not_ready_from_the_moment_that_it_is_asked_to_stop(docker: Engine, services: Services) -> None:
    ends = "echo got 15; until [ -e /tmp/over ]; do sleep 0.05; done; exit 4"
    table = {"x": Service(command=f"trap '{ends}' TERM; echo up; while :; do sleep 0.05; done", restart=_ONCE)}
    options = [*services(docker, table), *variables({"GROCKER_STOP_TIMEOUT": "60"})]
    with docker.started("start", "x", options=options) as container:
        container.wait_for("up")
        _until(container, "/readyz", 200)
        container.kill("TERM")
        container.wait_for("got 15")
        assert _ask(container, "/readyz")[0] == 503
        assert _ask(container, "/livez")[0] == 200
        assert _ask(container, "/startupz")[0] == 200
        assert "the container is stopping" in _ask(container, "/readyz?verbose")[1]
        container.exec("touch", "/tmp/over")
        assert container.wait() == 0


def test_H1_command_is_ready_when_it_accepts_or_when_it_has_run_for_a_second(
    docker: Engine, services: Services
) -> None:
    with docker.started("start", "x", options=services(docker, {"x": _command(_LISTENS, "0")})) as container:
        container.wait_for("listens")
        assert "listening on port 8080" in _until(container, "/readyz?verbose", 200)
    table = {"x": _command("import time; time.sleep(600)")}
    answers: list[int] = []
    for _ in range(9):  # where the first question comes after that second, begin again
        with docker.started("start", "x", options=services(docker, table)) as container:
            answers = [_first(container, "/readyz"), *(_ask(container, path)[0] for path in ("/startupz", "/livez"))]
            assert "running for 1 s" in _until(container, "/readyz?verbose", 200)
        if answers[:2] == [503, 503]:
            break
    assert answers == [503, 503, 200], "it has just begun"


def test_H1_ready_by_sd_notify(docker: Engine, services: Services) -> None:
    table = {"x": _command(_NOTIFIES, ready="notify")}
    with docker.started("start", "x", options=services(docker, table)) as container:
        container.wait_for("up")
        time.sleep(1.2)
        assert _ask(container, "/readyz")[0] == 503, "a second is not what counts here"
        container.kill("USR1")
        _until(container, "/readyz", 200)


def test_H1_ready_by_a_path_that_answers_below_500(docker: Engine, services: Services) -> None:
    table = {"x": _command(_ANSWERS, ready="/ready")}
    with docker.started("start", "x", options=services(docker, table)) as container:
        container.wait_for("up")
        latest = time.monotonic() + PATIENCE
        while "/ready answered 503" not in (body := _ask(container, "/readyz?verbose")[1]):
            assert time.monotonic() < latest, body
            time.sleep(0.05)
        container.kill("USR1")
        assert "/ready answered 204" in _until(container, "/readyz?verbose", 200)


@pytest.mark.fault(number=20)
def test_P2_port_that_is_taken_is_69(docker: Engine, folders: Folders) -> None:
    with docker.started("start", "www", options=folders.options) as container:
        _until(container, "/livez", 200)
        network = ["--network", f"container:{container.name}"]
        for what in ("cron",):
            (folders.config / "crontab").write_text("@hourly true\n")
            done = docker.run(what, options=[*folders.options, *network])
            assert (done.status, len(done.complaints)) == (69, 1), done.err
            assert "port 8081: Address already in use; stop the program that listens there" in done.complaints[0]


def test_P2_commands_open_no_port(docker: Engine, folders: Folders) -> None:
    with docker.started("python", "-c", "import time; time.sleep(600)", options=folders.options) as container:
        with pytest.raises(ConnectionRefusedError):
            _ask(container, "/livez")
        assert container.exec(RUNNER, "health").status == 0, "nothing is supervised"


@contextmanager
def _two(docker: Engine, services: Services, worker: str, **fields: object) -> Iterator[Container]:
    main = "trap 'echo main ends; exit 0' TERM; echo main up; while :; do sleep 0.1; done"
    service = Service(command=main, processes={"worker": worker}, **{"restart": _ONCE, **fields})  # type: ignore[arg-type]
    with docker.started("start", "x", options=services(docker, {"x": service})) as container:
        container.wait_for("main up")
        yield container


def test_E1_processes_of_a_service_are_supervised_together(engine: Engine, services: Services) -> None:
    worker = "trap 'echo worker ends; exit 0' TERM; echo worker up; while :; do sleep 0.1; done"
    with _two(engine, services, worker, restart=RestartLimit(times=3, seconds=60)) as container:
        container.wait_for("worker up")
        states = {p["name"]: p for p in json.loads(_ask(container, "/status.json")[1])["processes"]}
        assert {name: p["state"] for name, p in states.items()} == {"x": "running", "worker": "running"}
        _kill(container, 2)
        container.wait_for("worker: killed by SIGKILL; restarting")
        assert _ask(container, "/livez")[0] == 200, "the main process is what the probe is about"
        assert container.stop() == 0
        logs = container.logs()
        assert "main ends" in logs


def test_E1_end_of_a_companion_that_is_given_up_is_the_containers(docker: Engine, services: Services) -> None:
    with _two(docker, services, "sleep 1; exit 7") as container:
        assert container.wait() == 7
        logs = container.logs()
        assert "worker: exited with status 7; giving up" in logs
        assert "main ends" in logs


_LEAKS = """
kept = []
def application(environ, start_response):
    if environ["PATH_INFO"] == "/leak":
        kept.append(bytearray(8 << 20))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"good"]
"""


@pytest.mark.fault(number=8)
def test_X4_worker_that_outgrows_its_memory_is_renewed_without_losing_a_request(
    docker: Engine, services: Services, folders: Folders
) -> None:
    (folders.scripts / "leaks.py").write_text(_LEAKS)
    service = Service(wsgi="leaks:application", workers=2, memory=96, env={"PYTHONPATH": "/scripts"})
    with docker.started("start", "x", options=services(docker, {"x": service})) as container:
        _until(container, "/readyz", 200)
        url = f"http://{container.address()}:8080"
        answers: list[object] = []
        over = threading.Event()

        def client() -> None:
            while not over.is_set():
                try:
                    with urllib.request.urlopen(f"{url}/", timeout=PATIENCE) as answer:
                        answers.append(answer.status)
                except (urllib.error.URLError, OSError) as error:
                    answers.append(error)

        clients = [threading.Thread(target=client) for _ in range(2)]
        for one in clients:
            one.start()
        for _ in range(40):
            with urllib.request.urlopen(f"{url}/leak", timeout=PATIENCE) as answer:
                answers.append(answer.status)
        try:
            said = container.wait_for("recycling worker")
            container.wait_for("Booting worker")
        finally:
            over.set()
            for one in clients:
                one.join()
        assert re.search(r"grocker: x: recycling worker \d+: it uses \d+ MiB, limit 96 MiB", said)
        assert set(answers) == {200}, [answer for answer in answers if answer != 200]
        recycled = [p["recycled"] for p in json.loads(_ask(container, "/status.json")[1])["processes"]]
        assert recycled[0] >= 1
        assert container.stop() == 0


def _metrics(container: Container) -> Mapping[str, float]:
    values = {}
    for line in _ask(container, "/metrics")[1].splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            values[name] = float(value)
    return values


def test_H2_metrics_count_what_happened(engine: Engine, services: Services) -> None:
    text = "print('up', flush=True)\nimport time\nwhile True: time.sleep(1)"
    table = {"x": _command(text, restart=RestartLimit(times=5, seconds=60))}
    with engine.started("start", "x", options=services(engine, table)) as container:
        container.wait_for("up")
        _until(container, "/livez", 200)
        before = _metrics(container)
        _kill(container)
        container.wait_for("restarting")
        _until(container, "/livez", 200)
        after = _metrics(container)
        changed = {
            name.partition("{")[0]: after[name] - before[name]
            for name in before
            if name in after and "total" in name and "seconds" not in name and after[name] != before[name]
        }
        assert changed.get("grocker_process_restarts_total") == 1, changed
