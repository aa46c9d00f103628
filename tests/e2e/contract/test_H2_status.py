"""H2–H5, X3: what 8081 tells of a service and of a scheduler, and to whom. Two containers for all of it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from grocker.runner.contract import codec, spec
from grocker.runner.contract.spec import Service
from tests.e2e.contract.engine import RUNNER, Container, Engine, Folders, variables
from tests.e2e.contract.image import load
from tests.support.patience import PATIENCE

TOKEN = "s3same-token"
SECRET = "s3cret-value"
ARGUMENT = "--an-argument"
ROUTES = ("/", "/status.json", "/metrics", "/livez?verbose", "/readyz?verbose", "/startupz?verbose")
_SERVES = """
import http.server, signal, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    hangs = threading.Event()
    def do_GET(self):
        if self.hangs.is_set():
            threading.Event().wait()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"# TYPE votes counter\\nvotes_total 3\\ngrocker_ready 0\\nbro ken\\n# EOF\\n")
    def log_message(self, *_): pass
signal.signal(signal.SIGUSR1, lambda *_: Handler.hangs.set())
signal.signal(signal.SIGUSR2, lambda *_: Handler.hangs.clear())
print("serves", flush=True)
print("a complaint", file=sys.stderr, flush=True)
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""
_CRONTAB = f"""
# grocker: name=good
@reboot echo well done
# grocker: name=bad
@reboot exit 3
# grocker: name=long
@reboot sleep 600
# grocker: name=later
0 0 29 2 * true {ARGUMENT}
"""


@dataclass(frozen=True)
class Running:
    """A container that answers on 8081."""

    container: Container
    address: str

    def ask(self, path: str, method: str = "GET", **fields: str) -> tuple[int, Mapping[str, str], str]:
        connection = HTTPConnection(self.address, 8081, timeout=PATIENCE)
        try:
            connection.request(method, path, headers=fields)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            connection.close()

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ask("/status.json")[2])
        return found

    def states(self) -> list[tuple[str, str]]:
        """Of processes and jobs."""
        document = self.document()
        return [(found["name"], found["state"]) for found in [*document["processes"], *document["jobs"]]]

    def metrics(self) -> dict[tuple[str, ...], float]:
        """By name and labels' values, as Prometheus's library reads them."""
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(self.ask("/metrics")[2])
            for sample in family.samples
        }

    def until(self, reached: Callable[[], object]) -> None:
        limit, asked, last = time.monotonic() + PATIENCE, 0, ""
        while True:
            asked += 1
            try:
                if reached():
                    return
                last = "answered"
            except OSError as error:
                last = repr(error)
            assert time.monotonic() < limit, f"asked {asked} times, at last: {last}\n{self.container.logs()}"
            time.sleep(0.05)


ENGINES = [pytest.param("docker", marks=pytest.mark.docker), pytest.param("podman", marks=pytest.mark.podman)]


@pytest.fixture(scope="module", params=ENGINES)
def target(request: pytest.FixtureRequest) -> Engine:
    return load(request.param)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, target: Engine) -> Folders:
    base = tmp_path_factory.mktemp("host")
    for above in (base, *base.parents):
        if above.stat().st_uid == os.geteuid() and above.stat().st_mode & 0o011 != 0o011:
            above.chmod(above.stat().st_mode | 0o011)
    made = Folders(base / "folders").make()
    (made.config / "token").write_text(f"{TOKEN}\n")
    (made.app / "90_secrets.ini").write_text(f"[mail]\npassword = {SECRET}\n")
    (made.config / "crontab").write_text(_CRONTAB)
    for path in (made.config / "token", made.app / "90_secrets.ini", made.config / "crontab"):
        path.chmod(0o644)
    return made


def _options(host: Folders) -> list[str]:
    given = {"GROCKER_STATUS_TOKEN_FILE": "/config/token", "MAIL_PASSWORD": SECRET, "GROCKER_STOP_TIMEOUT": "1"}
    return [*host.options, *variables(given)]


@pytest.fixture(scope="module")
def service(target: Engine, host: Folders, image_spec: Callable[[Engine], spec.Spec]) -> Iterator[Running]:
    image = image_spec(target)
    fields = {name: getattr(image, name) for name in spec.Spec.__annotations__}
    www = Service(command=("python", "-c", _SERVES, ARGUMENT), metrics="/metrics")
    path = host.root / "image.json"
    path.write_bytes(codec.encode(spec.Spec(**{**fields, "services": {"www": www}, "any_service": False})))
    path.chmod(0o644)
    options = [*_options(host), "--volume", f"{path}:/opt/grocker/image.json:ro"]
    if target.name == "docker":  # podman's would be systemd's timers
        options += ["--health-cmd", "grocker-runner health", "--health-interval", "1s"]
    with target.started("start", "www", options=options) as container:
        container.wait_for("serves")
        found = Running(container, container.address())
        found.until(lambda: found.ask("/readyz")[0] == 200)
        yield found


@pytest.fixture(scope="module")
def scheduler(target: Engine, host: Folders) -> Iterator[Running]:
    with target.started("cron", options=_options(host)) as container:
        container.wait_for("bad[")
        found = Running(container, container.address())
        found.until(lambda: found.states()[:2] == [("good", "succeeded"), ("bad", "failed")])
        yield found


@pytest.fixture(scope="module")
def both(service: Running, scheduler: Running) -> tuple[Running, Running]:
    return service, scheduler


def test_H2_service_s_metrics_have_the_application_s_behind_them(service: Running) -> None:
    values = service.metrics()
    assert values["grocker_process_state", "www", "www", "running"] == 1
    assert values["grocker_process_starts_total", "www", "www"] == 1
    assert values["grocker_process_resident_memory_bytes", "www", "www"] > 5 << 20
    assert values["grocker_process_cpu_seconds_total", "www", "www"] > 0
    assert values["grocker_process_open_files", "www", "www"] >= 4
    assert values["grocker_process_uptime_seconds", "www", "www"] > 0
    assert values["grocker_log_lines_total",] >= 2
    assert values["grocker_application_scrape_success",] == 1
    assert values["votes_total",] == 3
    assert values["grocker_ready",] == 1
    assert not [name for name in values if name[0].startswith("bro")]
    assert values["grocker_runner_resident_memory_bytes",] < 20 << 20


@pytest.mark.fault(number=22)
def test_H2_application_that_hangs_takes_its_own_metrics_away_and_no_others(service: Running) -> None:
    service.container.kill("USR1")
    try:
        service.until(lambda: service.metrics()["grocker_application_scrape_success",] == 0)
        began = time.monotonic()
        values = service.metrics()
        assert time.monotonic() - began > 1.9
        assert values["grocker_process_starts_total", "www", "www"] == 1
        assert ("votes_total",) not in values
    finally:
        service.container.kill("USR2")
    service.until(lambda: service.metrics()["grocker_application_scrape_success",] == 1)


def test_H2_scheduler_s_metrics_are_its_jobs(scheduler: Running) -> None:
    values = scheduler.metrics()
    assert values["grocker_cron_runs_total", "good"] == 1
    assert values["grocker_cron_failures_total", "good"] == 0
    assert values["grocker_cron_failures_total", "bad"] == 1
    assert abs(values["grocker_cron_last_success_time_seconds", "good"] - time.time()) < 300
    assert values["grocker_cron_last_exit_status", "bad"] == 3
    assert values["grocker_cron_running", "long"] == 1
    assert 0 < values["grocker_cron_next_run_time_seconds", "later"] - time.time() < 4 * 366 * 86400
    assert values["grocker_runner_resident_memory_bytes",] < 20 << 20


def test_H3_page_and_document_tell_the_same(both: tuple[Running, Running]) -> None:
    for one in both:
        status, fields, page = one.ask("/")
        assert (status, fields["Content-Type"]) == (200, "text/html; charset=utf-8")
        document = one.document()
        assert document["ready"] is True
        names = one.states()
        expected = [("www", "running")]
        if document["service"] == "cron":
            expected = [("good", "succeeded"), ("bad", "failed"), ("long", "running"), ("later", "new")]
        assert names == expected
        words = {"running": "Running", "succeeded": "Succeeded", "failed": "Failed", "new": "Never run"}
        for name, state in names:
            assert name in page and words[state] in page
        assert document["application"]["name"] in page


def test_H4_no_request_changes_anything(both: tuple[Running, Running]) -> None:
    for one in both:
        before = one.states()
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"):
            for path in ("/", "/status.json", "/stop", "/livez"):
                status, fields, _ = one.ask(path, method, Authorization=f"Bearer {TOKEN}")
                assert (status, fields["Allow"]) == (405, "GET, HEAD")
        for path in ("/stop", "/restart?process=www", "/../../etc/passwd", "/config"):
            assert one.ask(path)[0] == 404
        assert one.states() == before


def test_H4_token_opens_log_lines_and_arguments_and_nobody_sees_a_secret(both: tuple[Running, Running]) -> None:
    for one in both:
        said = "a complaint" if one.document()["service"] == "www" else "well done"
        name = "www" if said == "a complaint" else "good"
        for path in ROUTES:
            status, _, body = one.ask(path)
            assert status == 200
            assert ARGUMENT not in body and said not in body
            assert SECRET not in body and TOKEN not in body
            assert SECRET not in one.ask(path, Authorization=f"Bearer {TOKEN}")[2]
        assert ARGUMENT in one.ask("/status.json", Authorization=f"Bearer {TOKEN}")[2]
        assert ARGUMENT in one.ask("/", Authorization=f"Bearer {TOKEN}")[2]
        assert said in one.ask(f"/log?of={name}", Authorization=f"Bearer {TOKEN}")[2]
        for wrong in ({}, {"Authorization": "Bearer wrong"}):
            status, fields, body = one.ask("/log", **wrong)
            assert status == 401 and "WWW-Authenticate" in fields and said not in body


def test_H5_health_is_that_of_livez(target: Engine, service: Running, scheduler: Running) -> None:
    assert scheduler.container.exec("grocker-runner", "health").status == 0
    container = service.container
    assert container.exec("grocker-runner", "health").status == 0
    if target.name == "docker":
        service.until(lambda: container.inspect("{{.State.Health.Status}}") == "healthy")
    container.kill("STOP")
    try:
        done = container.exec("grocker-runner", "health")
        assert (done.status, done.complaints) == (1, ["grocker: health: no response from /livez within 2 s"])
    finally:
        container.kill("CONT")
    assert container.exec("grocker-runner", "health").status == 0


def test_H5_health_is_0_where_nothing_is_supervised(target: Engine, host: Folders) -> None:
    done = target.run("sh", "-c", f"{RUNNER} health && grocker-runner health && echo fine", options=host.options)
    assert (done.status, done.out, done.err) == (0, "fine\n", "")
