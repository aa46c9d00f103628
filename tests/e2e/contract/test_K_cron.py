"""E3, K1–K5: the scheduler in containers. The crontab is the operator's: it can be another one for each test."""

from __future__ import annotations

import os
import re
import socketserver
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from grocker.runner.contract import codec, names, spec
from tests.e2e.contract.engine import Container, Engine, Folders, environment, variables
from tests.e2e.contract.image import load
from tests.support.patience import PATIENCE

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
needs_faketime = pytest.mark.skipif(LIBRARY is None, reason="faketime is not installed")


@pytest.fixture
def crontab(folders: Folders) -> Callable[..., list[str]]:
    """Options of a container whose operator has that crontab."""

    def options(text: str | bytes, network: str = "none") -> list[str]:
        path = folders.config / "crontab"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(0o644)
        return [*folders.options, "--network", network]

    return options


class Clock:
    """libfaketime in the container, and a file that tells it the time; jobs have it too."""

    def __init__(self, folders: Folders, at: str) -> None:
        self._path = folders.root / "clock" / "now"
        self._path.parent.mkdir(exist_ok=True)
        self._offset = 0
        self.set(at)

    def set(self, at: str) -> None:
        """From now on it is ``at``, and goes on from there."""
        self._offset = int(datetime.fromisoformat(at).timestamp() - time.time())
        self.step(0)

    def step(self, seconds: int) -> None:
        self._offset += seconds
        self._path.write_text(f"{self._offset:+d}\n")
        self._path.chmod(0o644)

    @property
    def options(self) -> list[str]:
        return [
            *("--volume", f"{LIBRARY}:/opt/faketime.so:ro", "--volume", f"{self._path.parent}:/opt/clock:ro"),
            *variables(
                {
                    "LD_PRELOAD": "/opt/faketime.so",
                    "FAKETIME_TIMESTAMP_FILE": "/opt/clock/now",
                    "FAKETIME_NO_CACHE": "1",
                }
            ),
        ]


def said(container: Container, job: str) -> list[str]:
    """The job's lines, without its name and process id: those of stdout, then those of stderr."""
    pattern = re.compile(rf"^{re.escape(job)}(?:\[\d+\])?: (.*)$", re.MULTILINE)
    return pattern.findall(container.logs())


# E3


def test_E3_runs_until_asked_to_stop(engine: Engine, crontab: Callable[..., list[str]]) -> None:
    with engine.started("cron", options=crontab("# grocker: name=up\n@reboot echo hello\n")) as container:
        container.wait_for("succeeded: status 0")
        assert container.stop(60) == 0
        assert said(container, "up")[:2] == ["started, line 2", "hello"]


@pytest.mark.parametrize("signal", ["INT", "QUIT"])
def test_E3_stops_on_other_signals(docker: Engine, crontab: Callable[..., list[str]], signal: str) -> None:
    with docker.started("cron", options=crontab("@reboot echo hello\n")) as container:
        container.wait_for("succeeded: status 0")
        container.kill(signal)
        assert container.wait() == 0


def test_E3_no_crontab_is_78(engine: Engine, folders: Folders) -> None:
    done = engine.run("cron", options=folders.options)
    assert (done.status, done.out) == (78, "")
    assert done.complaints == ["grocker: cron: this image has no crontab; mount one at /config/crontab"]


def test_E3_wrong_crontab_is_78_with_file_line_and_reason(engine: Engine, crontab: Callable[..., list[str]]) -> None:
    done = engine.run("cron", options=crontab("A=b\n* 24 * * * x\n"))
    assert (done.status, done.out) == (78, "")
    assert done.complaints == ["grocker: /config/crontab:2: hour '24': 24 is not in 0-23"]


@pytest.mark.fault(number=34)
def test_E3_crontab_of_random_bytes_is_78(docker: Engine, crontab: Callable[..., list[str]]) -> None:
    done = docker.run("cron", options=crontab(bytes(range(256)) * 40))
    assert done.status == 78
    assert len(done.complaints) == 1
    assert "/config/crontab:" in done.err


def test_E3_unreadable_crontab_is_78(docker: Engine, folders: Folders, crontab: Callable[..., list[str]]) -> None:
    options = crontab("@daily x\n")
    (folders.config / "crontab").chmod(0o000)
    done = docker.run("cron", options=options)
    assert done.status == 78
    assert done.complaints == ["grocker: /config/crontab: not readable for uid 1000; run chmod go+r on it"]


def test_E3_takes_no_arguments(engine: Engine, crontab: Callable[..., list[str]]) -> None:
    done = engine.run("cron", "now", options=crontab("@daily x\n"))
    assert (done.status, len(done.complaints)) == (64, 1)


def test_E3_configuration_comes_first(docker: Engine, folders: Folders, crontab: Callable[..., list[str]]) -> None:
    (folders.app / "90_x.ini").write_text("no section\n")
    done = docker.run("cron", options=crontab("@reboot echo hello\n"))
    assert (done.status, done.out) == (78, "")
    assert "/config/app/90_x.ini:1" in done.err


def test_U1_cron_is_refused_as_root(engine: Engine, crontab: Callable[..., list[str]]) -> None:
    done = engine.run("cron", options=[*crontab("@daily x\n"), "--user", "0"])
    assert (done.status, len(done.complaints)) == (77, 1)


# K1


def test_K1_operators_crontab_replaces_the_images(
    engine: Engine, folders: Folders, crontab: Callable[..., list[str]], image_spec: Callable[[Engine], spec.Spec]
) -> None:
    image = image_spec(engine)
    fields = {name: getattr(image, name) for name in spec.Spec.__annotations__}
    built, document = folders.root / "built", folders.root / "image.json"
    built.write_text("@reboot echo built\n")
    document.write_bytes(codec.encode(spec.Spec(**{**fields, "crontab": names.CRONTAB})))
    for path in (built, document):
        path.chmod(0o644)
    mounts = [*("--volume", f"{built}:{names.CRONTAB}:ro"), *("--volume", f"{document}:{names.IMAGE_JSON}:ro")]
    with engine.started("cron", options=[*folders.options, *mounts]) as container:
        container.wait_for(": built")
    with engine.started("cron", options=[*crontab("@reboot echo mine\n"), *mounts]) as container:
        container.wait_for(": mine")
        assert "built" not in container.logs()


# K2


@pytest.mark.fault(number=26)
def test_K2_line_with_a_user_column_is_refused(engine: Engine, crontab: Callable[..., list[str]]) -> None:
    for user in ("root", "www-data", "blue"):
        done = engine.run("cron", options=crontab(f"0 5 * * * {user} /bin/true\n"))
        assert done.status == 78
        assert f"the command starts with the user name '{user}'; remove it: there is no user column" in done.err


def test_K2_time_zone_that_is_not_there_is_refused(engine: Engine, crontab: Callable[..., list[str]]) -> None:
    for name in ("CRON_TZ", "TZ"):
        done = engine.run("cron", options=crontab(f"{name}=Mars/Base\n@daily x\n"))
        assert done.status == 78
        assert f"/config/crontab:1: {name}=Mars/Base: unknown time zone" in done.err


@needs_faketime
def test_K2_schedules_are_in_their_zone_and_jobs_in_theirs(
    engine: Engine, folders: Folders, crontab: Callable[..., list[str]]
) -> None:
    # The same minute on four clocks.
    clock = Clock(folders, "2026-06-01T12:00:02+00:00")
    text = (
        "@reboot true\n# grocker: name=container\n1 14 * * * date +\\%H:\\%M\n"
        "CRON_TZ=Asia/Tokyo\n# grocker: name=tokyo\n1 21 * * * date +\\%H:\\%M\n"
        "TZ=America/New_York\n# grocker: name=jobs\n1 21 * * * date +\\%H:\\%M\n"
        'CRON_TZ=""\n# grocker: name=again\n1 14 * * * date +\\%H:\\%M\n'
        "# grocker: name=utc\n1 12 * * * date +\\%H:\\%M\n"
    )
    options = [*crontab(text), *clock.options, "--env", "TZ=Europe/Paris"]
    with engine.started("cron", options=options) as container:
        # Nothing is due before the scheduler is up, however long that takes.
        container.wait_for("succeeded: status 0")
        clock.set("2026-06-01T12:00:57+00:00")
        names = ("container", "tokyo", "jobs", "again")
        _until(lambda: all(len(said(container, name)) == 3 for name in names))
        assert [said(container, name)[1] for name in names] == ["14:01", "14:01", "08:01", "08:01"]
        assert said(container, "utc") == []


@pytest.mark.fault(number=26)
def test_K2_environment_lines_and_percent(engine: Engine, crontab: Callable[..., list[str]]) -> None:
    text = """A = "two  words "\n@reboot echo "<$A>"; date +\\%Y > /dev/null && cat%first%second\\%\n"""
    with engine.started("cron", options=crontab(text)) as container:
        container.wait_for("succeeded: status 0")
        assert said(container, "line2")[1:4] == ["<two  words >", "first", "second%"]


# K3


def test_K3_jobs_have_the_environment_of_commands(engine: Engine, crontab: Callable[..., list[str]]) -> None:
    python = "import django; print('DJANGO=' + django.__file__)"
    text = f'SET=crontab\nHOME=/tmp\n@reboot env; echo CWD=$(pwd); python -c "{python}"\n'
    given = {"GIVEN": "container", "SET": "container", "http_proxy": "http://proxy.example.invalid:3128"}
    with engine.started("cron", options=[*crontab(text), *variables(given)]) as container:
        container.wait_for("succeeded: status 0")
        found = environment("\n".join(said(container, "line3")))
        command = environment(container.exec("grocker-runner", "exec", "env").out)
    expected: Mapping[str, str] = {
        **{name: command[name] for name in command if name.startswith("GROCKER_") or name.endswith("_CONFIG")},
        **{name: command[name] for name in ("PATH", "VIRTUAL_ENV", "LANG", "USER", "LOGNAME", "PORT")},
        "DJANGO_SETTINGS_MODULE": "polls_site.settings",
        "GIVEN": "container",
        "SET": "crontab",
        "HOME": "/tmp",
        "CWD": "/tmp",
        "SHELL": "/bin/sh",
        "http_proxy": "http://proxy.example.invalid:3128",
    }
    assert {name: found.get(name) for name in expected} == expected
    assert found["DJANGO"].startswith("/opt/venv/")
    assert not [name for name in found if name.endswith("_SERVICE")]


def test_K3_time_limit_stops_the_whole_group(engine: Engine, crontab: Callable[..., list[str]]) -> None:
    text = "# grocker: name=long timeout=1s\n@reboot sleep 321 & sleep 321\n"
    with engine.started("cron", options=crontab(text)) as container:
        container.wait_for("long[")
        assert _seconds(container.wait_for("failed: timeout of 1 s, SIGTERM, "), "SIGTERM, ") >= 1
        assert "sleep" not in container.engine.check("top", container.name)


def _seconds(logs: str, words: str) -> float:
    """The number behind the words."""
    found = re.search(re.escape(words) + r"(\d+(?:\.\d+)?) s", logs)
    assert found is not None, logs
    return float(found[1])


@pytest.mark.fault(number=25)
def test_K3_time_limit_kills_what_does_not_listen(docker: Engine, crontab: Callable[..., list[str]]) -> None:
    deaf = "trap '' TERM; (trap '' TERM; sleep 321; sleep 321) & sleep 321; sleep 321"
    text = f"# grocker: name=deaf timeout=10s\n@reboot {deaf}\n"
    with docker.started("cron", options=crontab(text)) as container:
        assert _seconds(container.wait_for("failed: timeout of 10 s, SIGKILL, "), "SIGKILL, ") >= 15
        assert "sleep" not in container.engine.check("top", container.name)


@pytest.mark.fault(number=9)
@pytest.mark.fault(number=25)
def test_K3_run_ends_though_a_process_stays_in_the_background(
    docker: Engine, crontab: Callable[..., list[str]]
) -> None:
    text = "@reboot (until [ -e /tmp/go ]; do sleep 0.05; done; echo late) & echo now\n"
    with docker.started("cron", options=crontab(text)) as container:
        container.wait_for("background processes are still running")
        container.exec("touch", "/tmp/go")
        container.wait_for(": late")
        _until(lambda: "Z" not in container.exec("sh", "-c", "grep -hs ^State /proc/[0-9]*/status").out)


def test_K3_failed_run_is_tried_again(engine: Engine, crontab: Callable[..., list[str]]) -> None:
    text = "# grocker: name=shaky retries=2\n@reboot test -e /tmp/second && exit 0; touch /tmp/second; exit 3\n"
    with engine.started("cron", options=crontab(text)) as container:
        container.wait_for("succeeded: status 0")
        lines = said(container, "shaky")
        assert lines[:3] == ["started, line 2", "retry 1 of 2 in 1 s", "started, line 2"]
        assert lines[-1].startswith("failed: status 3")


def test_K3_stderr_means_failure_where_the_pragma_says_so(engine: Engine, crontab: Callable[..., list[str]]) -> None:
    text = "# grocker: name=strict stderr=fail\n@reboot echo x >&2\n# grocker: name=easy\n@reboot echo x >&2\n"
    with engine.started("cron", options=crontab(text)) as container:
        container.wait_for("strict[")
        container.wait_for("failed: output on stderr, status 0")
        container.wait_for("succeeded: status 0")
        assert [line.partition(",")[0] for line in said(container, "easy")] == ["started", "succeeded: status 0", "x"]


def test_K3_running_jobs_finish_within_the_stop_timeout(engine: Engine, crontab: Callable[..., list[str]]) -> None:
    with engine.started("cron", options=crontab("@reboot echo begun; sleep 2; echo finished\n")) as container:
        container.wait_for(": begun")
        assert container.stop() == 0
        assert ": finished" in container.logs()


@pytest.mark.fault(number=4)
def test_K3_jobs_are_killed_when_the_stop_timeout_is_over(engine: Engine, crontab: Callable[..., list[str]]) -> None:
    options = [*crontab("@reboot trap '' TERM; echo begun; sleep 300\n"), "--env", "GROCKER_STOP_TIMEOUT=1"]
    with engine.started("cron", options=options) as container:
        container.wait_for(": begun")
        assert container.stop(60) == 137
        assert "failed: killed after the stop timeout, SIGKILL" in container.logs()


@pytest.mark.fault(number=32)
def test_K3_jobs_wait_when_the_engine_allows_few_processes(engine: Engine, crontab: Callable[..., list[str]]) -> None:
    options = [*crontab("@reboot exec sleep 0.2\n" * 60), "--pids-limit", "20"]
    with engine.started("cron", options=options) as container:
        limit = time.monotonic() + PATIENCE
        while container.logs().count("succeeded: status 0") < 60:
            assert time.monotonic() < limit, container.logs()
            time.sleep(0.5)
        assert container.logs().count("jobs wait until others end") == 1
        assert container.stop() == 0


# K4


def test_K4_run_is_logged_line_by_line(engine: Engine, crontab: Callable[..., list[str]]) -> None:
    text = (
        "# grocker: name=report\n@reboot echo out; sleep 0.2; echo err >&2; sleep 0.2; printf 'a\\000\\377'; exit 3\n"
    )
    with engine.started("cron", options=crontab(text)) as container:
        container.wait_for("failed: status 3, ")
        done = engine.command("logs", container.name)
    names = re.compile(r"\[\d+\]")
    assert names.sub("", done.out).splitlines()[:3] == ["report: started, line 2", "report: out", "report: a\0\ufffd"]
    assert names.sub("", done.err).splitlines()[0] == "report: err"
    assert done.err.splitlines()[-1].startswith("report[")
    assert re.search(r"report\[\d+\]: failed: status 3, \d+\.\d{3} s", done.err)


class _Server(HTTPServer):
    def __init__(self) -> None:
        self.asked: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


class _Mailbox(socketserver.TCPServer):
    def __init__(self) -> None:
        self.mails: list[str] = []
        box = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 box\r\n")
                while line := self.rfile.readline():
                    if line.upper().startswith(b"DATA"):
                        self.wfile.write(b"354 go on\r\n")
                        text = b""
                        while (part := self.rfile.readline()) != b".\r\n":
                            text += part
                        box.mails.append(text.decode())
                    if line.upper().startswith(b"QUIT"):
                        self.wfile.write(b"221 bye\r\n")
                        return
                    self.wfile.write(b"250 box\r\n")

        super().__init__(("127.0.0.1", 0), Handler)


@contextmanager
def _serving(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.socket.getsockname()[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _until(reached: Callable[[], object], seconds: float = PATIENCE) -> None:
    limit = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < limit
        time.sleep(0.1)


@pytest.mark.xdist_group("port 8081 of the host")
def test_K4_failure_is_mailed_and_success_beats(engine: Engine, crontab: Callable[..., list[str]]) -> None:
    server, box = _Server(), _Mailbox()
    with _serving(server) as web, _serving(box) as smtp:
        text = (
            "MAILTO=ops@example.invalid\n"
            f"# grocker: name=good heartbeat=http://127.0.0.1:{web}/ping/s3cret\n@reboot echo fine\n"
            f"# grocker: name=bad heartbeat=http://127.0.0.1:{web}/never\n@reboot echo broken >&2; exit 3\n"
        )
        given = {"GROCKER_SMTP_HOST": "127.0.0.1", "GROCKER_SMTP_PORT": str(smtp)}
        options = [*crontab(text, "host"), *variables(given)]
        with engine.started("cron", options=options) as container:
            _until(lambda: not container.running() or (server.asked and box.mails))
            assert container.running(), container.logs()
            # X3: not on a command line either.
            lines = container.exec("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '").out
            assert "grocker-runner run cron" in lines
            assert "s3cret" not in lines + container.logs()
            assert container.stop() == 0
    assert server.asked == ["/ping/s3cret"]
    (mail,) = box.mails
    assert "Subject: polls-site: cron job bad failed" in mail
    assert "broken" in mail


# K5


SUMMER = {
    "Europe/Paris": "2026-03-29T01:59:50+01:00",
    "Europe/Paris, back": "2026-10-25T02:59:50+02:00",
    "Australia/Lord_Howe": "2026-10-04T01:59:50+10:30",
    "Australia/Lord_Howe, back": "2026-04-05T01:59:50+11:00",
    "America/New_York": "2026-03-08T01:59:50-05:00",
    "America/Santiago": "2026-09-05T23:59:50-04:00",
    "Pacific/Chatham": "2026-09-27T02:44:50+12:45",
    "Africa/Casablanca": "2026-03-22T01:59:50+00:00",
}


class Moment:
    """A container with a clock of its own; ``live`` lets it have its time and gives what its jobs said."""

    SLACK = 5.0
    """seconds that its clock may have gone on by when the scheduler is up"""

    _starts = threading.Lock()

    def __init__(self, engine: Engine, root: Path, begins: str, crontab: str, **given: str) -> None:
        self._engine, self._folders, self._given = engine, Folders(root).make(), given
        self._crontab = self._folders.config / "crontab"
        self._crontab.write_text(f"# grocker: name=up\n@reboot true\n{crontab}")
        self._crontab.chmod(0o644)
        self._begins = begins

    def live(self, *steps: tuple[float, Callable[[Container, Clock], object]], lasts: float) -> dict[str, list[str]]:
        with ExitStack() as stack:
            container, clock = self._begun(stack)
            began = time.monotonic()
            for seconds, step in steps:
                time.sleep(max(0.0, began + seconds - time.monotonic()))
                step(container, clock)
            time.sleep(max(0.0, began + lasts - time.monotonic()))
            logs = container.logs()
        found: dict[str, list[str]] = {}
        for line in logs.splitlines():
            name, _, text = line.partition(": ")
            found.setdefault(name.partition("[")[0], []).append(text)
        return found

    def _begun(self, stack: ExitStack) -> tuple[Container, Clock]:
        """One at a time, that each be up soon; and again, where that took too long all the same."""
        with self._starts:
            for _ in range(9):
                clock = Clock(self._folders, self._begins)
                began = time.monotonic()
                options = [*self._folders.options, "--network", "none", *clock.options, *variables(self._given)]
                container = stack.enter_context(self._engine.started("cron", options=options))
                container.wait_for("up[")
                if time.monotonic() - began < self.SLACK:
                    return container, clock
                stack.close()
        pytest.fail(f"no container is up within {self.SLACK} s")


def _set(seconds: int) -> Callable[[Container, Clock], object]:
    return lambda _, clock: clock.step(seconds)


def _engine_says(word: str) -> Callable[[Container, Clock], object]:
    return lambda container, _: container.engine.check(word, container.name)


def _jobs(schedules: Mapping[str, str]) -> str:
    return "".join(f"# grocker: name={name}\n{schedule} true\n" for name, schedule in schedules.items())


@pytest.fixture(scope="module")
def moments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], dict[str, list[str]]]]:
    """What was said in containers that live side by side, because they wait, mostly."""
    engine = load("docker")
    root = tmp_path_factory.mktemp("moments")
    for above in (root, *root.parents):  # pytest's are 0700, and the engine's processes are someone else
        if above.stat().st_mode & 0o011 != 0o011 and above.stat().st_uid == os.geteuid():
            above.chmod(above.stat().st_mode | 0o011)

    def moment(name: str, begins: str, crontab: str, **given: str) -> Moment:
        place = root / re.sub(r"[^\w-]+", "_", name)
        return Moment(engine, place, begins, crontab, **given)

    june = "2026-06-01T"
    overlap = "".join(
        f"# grocker: name={name} overlap={name}\n* * * * * echo run; sleep 26\n" for name in ("skip", "queue", "kill")
    )
    forward = {
        "at5": "5 2 * * *",
        "at30": "30 2 * * *",
        "at45": "45 2 * * *",
        "wild": "*/20 2 * * *",
        "at5oclock": "0 5 * * *",
    }
    back = {"first": "11 6 * * *", "landing": "12 {} * * *", "between": "30 7-9 * * *", "wild": "* {} * * *"}
    with ThreadPoolExecutor(32) as pool:
        lived: dict[str, Future[dict[str, list[str]]]] = {}
        here = moment("pause", f"{june}12:00:45Z", _jobs({"each": "* * * * *"}))
        pause, on = _engine_says("pause"), _engine_says("unpause")
        lived["pause"] = pool.submit(here.live, (5, pause), (80, on), lasts=90)
        here = moment("overlap", f"{june}12:00:50Z", overlap)
        lived["overlap"] = pool.submit(here.live, (12, _set(60)), lasts=60)
        for zone, begins in SUMMER.items():
            jobs = _jobs({"fixed": "2,15,50 0-2 * * *", "wild": "* * * * *"})
            here = moment(zone, begins, jobs, TZ=zone.partition(",")[0])
            lived[zone] = pool.submit(here.live, lasts=30)
        for monotonic in ("1", "0"):
            here = moment(
                f"forward {monotonic}", f"{june}02:10:20Z", _jobs(forward), FAKETIME_DONT_FAKE_MONOTONIC=monotonic
            )
            lived[f"forward {monotonic}"] = pool.submit(here.live, (2, _set(3600)), lasts=22)
        for hours in (-1, -4, 4):
            jobs = _jobs({name: schedule.format(6 + hours) for name, schedule in back.items()})
            here = moment(f"by {hours}", f"{june}06:10:50Z", jobs)
            # At 13 s it is 06:11:03, and then 12 minutes past another hour within half a minute.
            lived[f"by {hours}"] = pool.submit(here.live, (13, _set(hours * 3600)), (30, _set(50)), lasts=48)
        yield lambda name: lived[name].result()


def _started(lines: Mapping[str, list[str]], job: str) -> int:
    return sum(line.startswith("started, ") for line in lines.get(job, []))


Moments = Callable[[str], dict[str, list[str]]]


@pytest.mark.fault(number=23)
@needs_faketime
@pytest.mark.docker
@pytest.mark.parametrize("monotonic", ["1", "0"])
def test_K5_clock_set_forward_by_an_hour_runs_what_was_skipped_once(moments: Moments, monotonic: str) -> None:
    lines = moments(f"forward {monotonic}")
    assert [_started(lines, name) for name in ("at5", "at30", "at45", "wild", "at5oclock")] == [0, 1, 1, 0, 0]
    assert "cron: the clock was set forward by 1 h" in lines["grocker"]


@pytest.mark.fault(number=23)
@needs_faketime
@pytest.mark.docker
@pytest.mark.parametrize(("hours", "landing"), [(-1, 0), (-4, 1), (4, 1)])
def test_K5_clock_set_back_or_far(moments: Moments, hours: int, landing: int) -> None:
    lines = moments(f"by {hours}")
    assert _started(lines, "wild") >= 1
    assert [_started(lines, name) for name in ("first", "landing", "between")] == [1, landing, 0]


@pytest.mark.fault(number=23)
@needs_faketime
@pytest.mark.docker
@pytest.mark.parametrize("zone", SUMMER)
def test_K5_summer_time(moments: Moments, zone: str) -> None:
    lines = moments(zone)
    assert _started(lines, "wild") == 1
    assert _started(lines, "fixed") == (0 if zone.endswith("back") else 1)


@pytest.mark.fault(number=36)
@needs_faketime
@pytest.mark.docker
def test_K5_pause_is_reported_and_not_made_up_for(moments: Moments) -> None:
    lines = moments("pause")
    assert "warning: cron: paused for 1 min, missed runs: 1 (each 1)" in lines["grocker"]
    assert _started(lines, "each") == 1


@pytest.mark.fault(number=24)
@needs_faketime
@pytest.mark.docker
def test_K3_overlap(moments: Moments) -> None:
    lines = moments("overlap")
    assert (lines["skip"].count("run"), lines["skip"].count("skipped: the previous run is still running")) == (1, 1)
    assert (
        lines["queue"].count("run"),
        lines["queue"].count("queued: the previous run is still running, 1 waiting"),
    ) == (2, 1)
    assert lines["kill"].count("run") == 2
    assert any(line.startswith("failed: the next run is due, SIGTERM") for line in lines["kill"])


# Budgets (issue: 1,000 jobs due in one minute all start within it)


@pytest.mark.fault(number=32)
@needs_faketime
@pytest.mark.alone
def test_K3_thousand_jobs_due_in_one_minute_start_within_it(
    docker: Engine, folders: Folders, crontab: Callable[..., list[str]]
) -> None:
    """With few descriptors, too. A run that ends makes the scheduler look at its clock, which is set meanwhile."""
    clock = Clock(folders, "2026-06-01T12:00:02+00:00")
    until_set = "@reboot until test -e /media/set; do sleep 0.1; done\n"
    options = [*crontab("# grocker: name=up\n" + until_set + "1 12 * * * true\n" * 1000), *clock.options]
    few = [*options, "--ulimit", "nofile=256:256"]
    with docker.started("cron", options=options) as one, docker.started("cron", options=few) as other:
        for container in (one, other):
            container.wait_for(": started, line ", 50)
        clock.set("2026-06-01T12:00:57+00:00")
        (folders.media / "set").touch()

        def count(words: str) -> int:
            return min(container.logs().count(words) for container in (one, other))

        _until(lambda: count(": started, line ") > 1, 60)
        _until(lambda: count(": started, line ") == 1001, 57)
        _until(lambda: count(": succeeded: status 0") == 1001)


def test_K3_scheduler_is_small_and_idle(docker: Engine, crontab: Callable[..., list[str]]) -> None:
    with docker.started("cron", options=crontab("0 0 29 2 * true\n" * 1000 + "@reboot true\n")) as container:
        container.wait_for("succeeded: status 0")
        status = container.exec("cat", "/proc/1/status").out
        assert int(status.split("VmRSS:")[1].split()[0]) < 20 * 1024  # KiB
        before = _ticks(container)
        time.sleep(10)
        assert _ticks(container) - before <= 1  # 0.1 % of 10 s


def _ticks(container: Container) -> int:
    """Processor time of the runner, in hundredths of a second."""
    fields = container.exec("cat", "/proc/1/stat").out.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 100 // os.sysconf("SC_CLK_TCK")
