"""Real processes, in the loop that the scheduler has."""

from __future__ import annotations

import ctypes
import os
import re
import resource
import signal
import socketserver
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from grocker.runner.base.failure import Failure
from grocker.runner.cron import crontab_file
from grocker.runner.cron.job import Job
from grocker.runner.cron.messenger import MailServer, Messenger, read_mail_server
from grocker.runner.cron.runs import Runs, RunTiming
from grocker.runner.process.loop import Loop
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.slow

PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
_TIMING = RunTiming()


class Room:
    """Jobs of a crontab, started by hand. ``log``: what was written down, ``NAME: LINE``, ``NAME! LINE`` for errors."""

    def __init__(
        self,
        loop: Loop,
        home: Path,
        text: str,
        server: MailServer | None = None,
        *,
        timing: RunTiming = _TIMING,
    ) -> None:
        environ = {"PATH": os.environ["PATH"], "HOME": str(home), "LOGNAME": "blue", "FROM": "container"}
        self.loop = loop
        self.log: list[str] = []
        self.waiting: list[Callable[[], None]] | None = None
        """who waits for room in the log; None while there is some"""
        self.messenger = Messenger(loop, server, environ, application="polls")
        self.runs = Runs(loop, self, self.messenger, environ, set(), str(home), timing=timing)
        entries = crontab_file.parse(text.encode("utf-8", "surrogateescape"), "crontab")
        self.jobs = {entry.name: Job(entry) for entry in entries}

    def job(self, job: str, pid: int, error: bool, lines: Sequence[bytes]) -> None:
        self.log += [f"{job}{'!' if error else ':'} {line.decode('latin-1')}" for line in lines]

    def full(self, error: bool, resume: Callable[[], None]) -> bool:
        if self.waiting is None:
            return False
        self.waiting.append(resume)
        return True

    def due(self, *names: str) -> Job:
        for name in names:
            self.runs.due(self.jobs[name])
        return self.jobs[names[-1]]

    def until(self, reached: Callable[[], bool], seconds: float = PATIENCE) -> None:
        limit = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < limit, self.log
            self.loop.turn(0.2)

    def finish(self, name: str, seconds: float = PATIENCE) -> Job:
        job = self.jobs[name]
        self.until(lambda: not (job.running or job.queued or job.retry or job.replacing), seconds)
        self.loop.turn(0)
        return job

    def pid(self) -> int:
        """What a job that says `pid 123` started."""
        return next(int(line.removeprefix("job: pid ")) for line in self.log if line.startswith("job: pid "))

    def run(self, name: str = "job") -> Job:
        self.due(name)
        return self.finish(name)

    def said(self, name: str = "job") -> list[str]:
        """Output lines, without what we say of the run ourselves."""
        own = ("started, line", "succeeded: ", "failed: ", "retry ", "queued: ", "skipped: ")
        lines = [line.removeprefix(name) for line in self.log if line.startswith((f"{name}:", f"{name}!"))]
        return [line for line in lines if not line[2:].startswith(own)]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Callable[..., Room]]:
    opened: list[Room] = []
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    here = os.getcwd()

    def child() -> None:
        for one in opened:
            one.runs.reap()

    # As in a container: what jobs leave behind is reaped here, and not whenever the host's init gets to it.
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    with Loop(child) as loop:

        def make(text: str, server: MailServer | None = None, timing: RunTiming = _TIMING) -> Room:
            opened.append(Room(loop, tmp_path, text, server, timing=timing))
            return opened[-1]

        yield make
        for one in opened:
            one.runs.stop(list(one.jobs.values()))
            one.runs.kill()
            one.until(lambda: not one.runs.busy)  # noqa: B023
            one.messenger.stop()
    prctl(PR_SET_CHILD_SUBREAPER, 0)
    os.chdir(here)
    resource.setrlimit(resource.RLIMIT_NOFILE, limit)


def named(line: str, **pragmas: object) -> str:
    words = " ".join(f"{key.replace('_', '-')}={value}" for key, value in {"name": "job", **pragmas}.items())
    return f"# grocker: {words}\n@reboot {line}\n"


def test_run_waits_with_its_output_when_the_log_is_full(room: Callable[..., Room]) -> None:
    here = room(named("seq 100000; echo end") + named("echo of another", name="other"))
    here.waiting = []
    job = here.due("job")
    here.due("other")
    here.until(lambda: len(here.waiting or ()) == 2)
    for _ in range(5):
        here.loop.turn(0.02)
    assert here.runs.paused
    assert len(here.said()) < 50_000, "one block of each"
    assert job.running
    waiting, here.waiting = here.waiting, None
    for resume in waiting:
        resume()
    here.finish("job")
    assert here.said() == [f": {number}" for number in range(1, 100_001)] + [": end"]
    assert not here.runs.paused


def test_run_is_logged_with_start_output_and_end(room: Callable[..., Room]) -> None:
    here = room(named("echo out; echo err >&2; sleep 0.1; exit 3"))
    job = here.run()
    assert here.log[0] == "job: started, line 2"
    assert sorted(here.log[1:3]) == ["job! err", "job: out"]
    assert re.fullmatch(r"job! failed: status 3, [\d.]+ s", here.log[3])
    assert (job.runs, job.failures, job.last_status, job.last_success) == (1, 1, 3, None)
    assert job.last_duration is not None and job.last_duration >= 0.1
    assert job.last_start is not None and abs(job.last_start - time.time()) < 20


def test_run_that_succeeds_is_counted(room: Callable[..., Room]) -> None:
    here = room(named("true"))
    job = here.run()
    assert here.log[-1].startswith("job: succeeded: status 0, ")
    assert (job.runs, job.failures, job.last_status) == (1, 0, 0)
    assert job.last_success is not None


def test_run_ended_by_a_signal_is_named_by_it(room: Callable[..., Room]) -> None:
    here = room(named("kill -9 $$"))
    assert here.run().last_status == 137
    assert here.log[-1].startswith("job! failed: SIGKILL, ")


def test_job_has_the_environment_of_container_and_crontab(room: Callable[..., Room], tmp_path: Path) -> None:
    here = room("A=' b '\nLOGNAME=other\nFROM=crontab\n" + named('echo "$A|$SHELL|$LOGNAME|$FROM|$HOME"; pwd'))
    here.run()
    assert here.said() == [f":  b |/bin/sh|blue|crontab|{tmp_path}", f": {tmp_path}"]


def test_job_has_the_shell_and_home_of_the_crontab(room: Callable[..., Room], tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    shell = tmp_path / "shell"
    shell.write_text('#!/bin/sh\necho "shell $# $1 $2"; pwd\n')
    shell.chmod(0o755)
    here = room(f"SHELL={shell}\nHOME={tmp_path}/sub\n" + named("a b"))
    here.run()
    assert here.said() == [": shell 2 -c a b", f": {tmp_path}/sub"]


@pytest.mark.parametrize(
    ("home", "why"),
    [
        ("{tmp}/nowhere", "No such file or directory"),
        ("{tmp}/file", "Not a directory"),
        ("{tmp}/loop", "Too many levels of symbolic links"),
        ("", "No such file or directory"),
    ],
)
def test_job_whose_crontab_has_no_such_home_fails_and_says_so(
    room: Callable[..., Room], tmp_path: Path, home: str, why: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    home = home.format(tmp=tmp_path)
    here = room(f"HOME={home or chr(34) * 2}\n" + named("pwd"))
    assert here.run().last_status == 126
    message = f"HOME={home}: cannot start there: {why}; create the directory, or correct HOME"
    assert message in here.log[-1]
    assert here.said() == []


def test_job_starts_in_the_root_when_the_image_s_own_home_is_missing(room: Callable[..., Room], tmp_path: Path) -> None:
    here = room(named("pwd"))
    tmp_path.rmdir()
    here.run()
    assert here.said() == [": /"]


def test_job_reads_nothing_or_what_follows_the_percent(room: Callable[..., Room]) -> None:
    here = room("@reboot cat; echo end\n@reboot cat%a%b\\%\n")
    here.run("line1")
    here.run("line2")
    assert here.said("line1") == [": end"]
    assert here.said("line2") == [": a", ": b%"]


def test_job_reads_more_than_a_pipe_holds(room: Callable[..., Room]) -> None:
    here = room(f"@reboot sleep 0.1; wc -c%{'x' * 100000}\n")
    here.run("line1")
    assert here.said("line1") == [": 100001"]


def test_output_may_hold_any_byte(room: Callable[..., Room]) -> None:
    here = room(named(r"printf 'a\000b\377\r\n\nlast'"))
    here.run()
    assert here.said() == [": a\0b\xff\r", ": ", ": last"]


@pytest.mark.fault(number=25)
def test_line_of_sixty_four_megabytes_is_cut(room: Callable[..., Room]) -> None:
    here = room(named("head -c 67108864 /dev/zero; echo; echo after"))
    here.run()
    assert here.said() == [": " + "\0" * 16384 + " [cut]", ": after"]


@pytest.mark.fault(number=25)
def test_much_output_of_one_job_leaves_the_others_their_turn(room: Callable[..., Room]) -> None:
    here = room("# grocker: name=loud timeout=600s\n@reboot yes 12345678901234567890\n" + named("echo hello"))
    here.due("loud")
    here.until(lambda: len(here.log) > 10000)
    here.run()
    assert here.said() == [": hello"]


def test_stderr_means_failure_when_the_pragma_says_so(room: Callable[..., Room]) -> None:
    here = room(named("echo x >&2", stderr="fail"))
    assert here.run().failures == 1
    assert here.log[-1].startswith("job! failed: output on stderr, status 0, ")


def test_stderr_is_no_failure_otherwise(room: Callable[..., Room]) -> None:
    here = room(named("echo x >&2"))
    assert here.run().failures == 0
    assert here.log[-2:][0] == "job! x"


def test_shell_that_is_not_there_is_a_failed_run(room: Callable[..., Room]) -> None:
    here = room("SHELL=/no/such\n" + named("true"))
    job = here.run()
    assert (job.runs, job.failures, job.last_status) == (1, 1, 127)
    why = "/no/such: cannot start the shell: No such file or directory; check SHELL"
    assert here.log == [f"job! failed: {why}, status 127, 0.000 s"]


@pytest.mark.fault(number=24)
def test_overlap_is_skipped_by_default(room: Callable[..., Room]) -> None:
    here = room(named("sleep 0.3"))
    here.due("job", "job", "job")
    job = here.finish("job")
    assert (job.runs, job.skips) == (1, 2)
    assert here.log.count("job! skipped: the previous run is still running") == 2


@pytest.mark.fault(number=24)
def test_overlap_waits_when_queued(room: Callable[..., Room]) -> None:
    here = room(named("echo run; sleep 0.1", overlap="queue"))
    here.due("job", "job", "job")
    job = here.finish("job")
    assert (job.runs, job.skips) == (3, 0)
    assert here.said() == [": run"] * 3
    assert [line.split(",")[0] for line in here.log if "run" not in line or "running" in line][:2] == [
        "job: started",
        "job: queued: the previous run is still running",
    ]


@pytest.mark.fault(number=24)
def test_overlap_ends_the_one_before_when_killing(room: Callable[..., Room], tmp_path: Path) -> None:
    again = tmp_path / "again"
    first = f": >'{again}'; echo run; sleep 1000 & wait"
    command = f"trap 'echo asked; exit 0' TERM; [ -e '{again}' ] && exec echo run; {first}"
    here = room(named(command, overlap="kill"))
    here.due("job")
    here.until(lambda: "job: run" in here.log)
    here.due("job", "job")
    job = here.finish("job")
    assert here.said() == [": run", ": asked", ": run"]
    assert (job.runs, job.failures) == (2, 1)
    assert any(line.startswith("job! failed: the next run is due, status 0") for line in here.log)


def test_time_limit_ends_the_whole_group(room: Callable[..., Room]) -> None:
    here = room(named("sleep 1000 & echo pid $!; sleep 1000", timeout="3s"))
    job = here.run()
    assert job.last_status == 143
    assert any(line.startswith("job! failed: timeout of 3 s, SIGTERM, ") for line in here.log)
    pid = here.pid()
    here.until(lambda: gone(pid))


def test_time_limit_kills_what_does_not_listen(room: Callable[..., Room]) -> None:
    here = room(named("trap '' TERM; sleep 1000 & echo pid $!; sleep 1000", timeout="3s"), timing=RunTiming(grace=0.5))
    job = here.run()
    assert job.last_status == 137
    assert job.last_duration is not None and job.last_duration >= 3.4
    pid = here.pid()
    here.until(lambda: gone(pid))


@pytest.mark.fault(number=36)
def test_time_limit_kills_what_does_not_listen_when_a_pause_took_all_of_its_time(
    room: Callable[..., Room],
) -> None:
    stays = "(trap '' TERM; exec sh -c 'echo pid $$; exec sleep 1000')"
    here = room(named(f"{stays} & sleep 1000", timeout="3s"), timing=RunTiming(grace=0.2, give_up=0.2))
    job = here.due("job")
    here.until(lambda: job.run is not None and bool(job.run.why))
    time.sleep(0.6)  # as if it had been paused
    here.finish("job")
    pid = here.pid()
    here.until(lambda: gone(pid))


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_run_ends_with_its_shell_when_a_process_stays_in_the_background(
    room: Callable[..., Room], tmp_path: Path
) -> None:
    here = room(named(f"(until [ -e {tmp_path}/go ]; do sleep 0.05; done; echo late) & printf now"))
    here.run()
    assert here.log[-1].endswith(" s, background processes are still running")
    assert here.said() == [": now"]
    (tmp_path / "go").touch()
    here.until(lambda: here.said() == [": now", ": late"])


@pytest.mark.fault(number=2)
def test_daemon_outlives_its_job(room: Callable[..., Room], tmp_path: Path) -> None:
    written = f"until [ -e {tmp_path}/pid ]; do sleep 0.05; done"
    daemon = f"setsid sh -c 'echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; exec sleep 1000'"
    here = room(named(f"{daemon} > /dev/null 2>&1 & {written}", timeout="60s"))
    here.run()
    pid = int((tmp_path / "pid").read_text())
    assert not gone(pid)
    os.kill(pid, signal.SIGKILL)


def test_failed_run_is_tried_again(room: Callable[..., Room], tmp_path: Path) -> None:
    here = room(
        named(f"echo x >> {tmp_path}/n; test $(wc -l < {tmp_path}/n) -ge 3", retries=5),
        timing=RunTiming(first_retry=0.05),
    )
    job = here.run()
    assert (job.runs, job.retries, job.failures, job.last_status) == (1, 2, 0, 0)
    assert "job: retry 2 of 5 in 0.1 s" in here.log


def test_failed_run_is_a_failure_when_retries_are_used_up(room: Callable[..., Room]) -> None:
    here = room(named("false", retries=2), timing=RunTiming(first_retry=0.05))
    job = here.run()
    assert (job.runs, job.retries, job.failures) == (1, 2, 1)


def test_retry_gives_way_to_the_next_run(room: Callable[..., Room]) -> None:
    here = room(named("false", retries=1))
    job = here.due("job")
    here.until(lambda: job.retry is not None)
    here.due("job")
    assert "job! retry dropped: the next run is due" in here.log
    here.until(lambda: job.retry is not None)
    assert (job.runs, job.failures) == (2, 1)


def test_stop_lets_running_jobs_finish_and_starts_nothing(room: Callable[..., Room]) -> None:
    here = room(named("echo run; sleep 0.3", overlap="queue"))
    here.due("job", "job")
    here.runs.stop(list(here.jobs.values()))
    here.due("job")
    job = here.finish("job")
    assert (job.runs, job.failures) == (1, 0)
    assert "job! runs dropped because the container is stopping: 1" in here.log
    assert not here.runs.killed


def test_kill_at_the_end_of_the_stop_time_takes_the_group(room: Callable[..., Room]) -> None:
    here = room(named("trap '' TERM; sleep 1000 & echo pid $!; wait"))
    here.due("job")
    here.until(lambda: any(line.startswith("job: pid ") for line in here.log))
    here.runs.stop(list(here.jobs.values()))
    here.runs.kill()
    job = here.finish("job")
    assert here.runs.killed
    assert job.last_status == 137
    pid = here.pid()
    here.until(lambda: gone(pid))


@pytest.mark.fault(number=32)
def test_jobs_wait_for_descriptors_when_there_are_none(
    room: Callable[..., Room], capfd: pytest.CaptureFixture[str]
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    text = "".join("@reboot sleep 0.2; ulimit -n\n" for _ in range(40))
    here = room(text)
    monkey_limit = len(os.listdir("/proc/self/fd")) + 22
    here.runs._descriptor_limit._own, here.runs._descriptor_limit.floor = (monkey_limit, hard), 0
    here.runs._descriptor_limit.raise_for_scheduler()
    here.due(*here.jobs)
    assert any(job.held for job in here.jobs.values())
    here.until(lambda: all(job.last_status is not None and not job.running for job in here.jobs.values()))
    assert all((job.runs, job.failures) == (1, 0) for job in here.jobs.values())
    assert capfd.readouterr().err.count("jobs wait until others end") == 1
    assert here.said("line1") == [f": {soft if soft != resource.RLIM_INFINITY else 'unlimited'}"]


def test_more_jobs_run_than_a_job_may_have_descriptors(room: Callable[..., Room]) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1024:
        pytest.skip(f"no more than {hard} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    here = room("@reboot sleep 0.5; ulimit -n\n" * 60)
    here.due(*here.jobs)
    assert not any(job.held for job in here.jobs.values())
    here.until(lambda: all(job.last_status is not None for job in here.jobs.values()))
    assert sum(job.failures for job in here.jobs.values()) == 0
    assert here.said("line60") == [": 64"]


def test_thousand_jobs_start_and_end(room: Callable[..., Room]) -> None:
    here = room("@reboot echo hello\n" * 1000)
    here.due(*here.jobs)
    here.until(lambda: all(job.last_status is not None for job in here.jobs.values()))
    assert sum(job.runs - job.failures for job in here.jobs.values()) == 1000
    assert sum(line.endswith(": hello") for line in here.log) == 1000


class Server(HTTPServer):
    def __init__(self, status: int = 200) -> None:
        self.asked: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


@contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.socket.getsockname()[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_heartbeat_is_sent_when_a_run_succeeds(room: Callable[..., Room]) -> None:
    server = Server()
    with serving(server) as port:
        here = room(
            named("true", heartbeat=f"http://127.0.0.1:{port}/ok?a=b")
            + f"# grocker: name=bad heartbeat=http://127.0.0.1:{port}/bad\n@reboot false\n"
        )
        here.run("job")
        here.run("bad")
        here.until(lambda: not here.messenger.busy)
    assert server.asked == ["/ok?a=b"]


def test_heartbeat_that_is_refused_is_told_without_its_address(
    room: Callable[..., Room], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(404)
    with serving(server) as port:
        here = room(named("true", heartbeat=f"http://127.0.0.1:{port}/s3cret"))
        here.run()
        here.until(lambda: not here.messenger.busy)
    assert len(server.asked) == 3
    told = capfd.readouterr().err
    assert "cron: heartbeat of job: the server answered 404" in told
    assert "s3cret" not in told


def test_heartbeat_that_hangs_delays_no_job(room: Callable[..., Room]) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as silent:
        here = room(named("true", heartbeat=f"http://127.0.0.1:{silent.socket.getsockname()[1]}/x"))
        for _ in range(5):
            here.run()
        assert here.messenger.busy, "the first attempt has not ended yet"


@pytest.mark.fault(number=35)
def test_heartbeats_are_lost_and_told_when_their_process_is_killed(
    room: Callable[..., Room], capfd: pytest.CaptureFixture[str]
) -> None:
    server = Server()
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as silent, serving(server) as port:
        here = room(
            named("true", heartbeat=f"http://127.0.0.1:{silent.socket.getsockname()[1]}/x")
            + f"# grocker: name=other heartbeat=http://127.0.0.1:{port}/other\n@reboot true\n"
        )
        here.run()
        os.kill(here.messenger._pid, signal.SIGKILL)
        here.until(lambda: not here.messenger.busy)
        assert "heartbeats and mails lost because the process that sends them has died: 1" in capfd.readouterr().err
        here.run("other")
        here.until(lambda: not here.messenger.busy)
    assert server.asked == ["/other"]


class Mailbox(socketserver.TCPServer):
    """SMTP as far as one mail needs it."""

    allow_reuse_address = True

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.greetings: list[str] = []
        box = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 box\r\n")
                while line := self.rfile.readline():
                    verb = line.split()[0].upper() if line.split() else b""
                    if verb == b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        text = b""
                        while (part := self.rfile.readline()) != b".\r\n":
                            text += part
                        box.mails.append(text.decode())
                        self.wfile.write(b"250 taken\r\n")
                    elif verb == b"QUIT":
                        self.wfile.write(b"221 bye\r\n")
                        return
                    else:
                        if verb in (b"EHLO", b"HELO"):
                            box.greetings.append(line.split()[1].decode())
                        self.wfile.write(b"250 box\r\n")

        super().__init__(("127.0.0.1", 0), Handler)


def test_failed_run_is_mailed_when_there_is_a_server_and_mailto(room: Callable[..., Room]) -> None:
    box = Mailbox()
    with serving(box) as port:
        server = read_mail_server({"GROCKER_SMTP_HOST": "127.0.0.1", "GROCKER_SMTP_PORT": str(port)})
        here = room("MAILTO=ops@example.invalid\n" + named("echo précis; echo bad >&2; exit 3"), server)
        here.run()
        here.until(lambda: not here.messenger.busy)
    (mail,) = box.mails
    # No name server is asked for one: in a container, it may not answer for a minute.
    name = os.uname().nodename
    assert set(box.greetings) == {name if "." in name else "[127.0.0.1]"}
    assert "To: ops@example.invalid" in mail
    assert "Subject: polls: cron job job failed" in mail
    assert "exit status 3, attempt 1" in mail
    assert "bad" in mail


@pytest.mark.parametrize("head", ['MAILTO=""\n', ""])
def test_failed_run_is_not_mailed_without_mailto(room: Callable[..., Room], head: str) -> None:
    server = read_mail_server({"GROCKER_SMTP_HOST": "127.0.0.1"})
    here = room(head + named("false"), server)
    here.run()
    assert not here.messenger.busy


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"GROCKER_SMTP_PORT": "x"}, "GROCKER_SMTP_PORT=x: expected a number from 1 to 65535"),
        ({"GROCKER_SMTP_PORT": "65536"}, "GROCKER_SMTP_PORT=65536"),
        ({"GROCKER_SMTP_PORT": "000000001" + "1" * 5000}, "GROCKER_SMTP_PORT=000000001111"),
        ({"GROCKER_SMTP_SECURITY": "ssl"}, "GROCKER_SMTP_SECURITY=ssl: expected one of auto, starttls, tls, off"),
        ({"GROCKER_SMTP_PASSWORD_FILE": "/no/such"}, "GROCKER_SMTP_PASSWORD_FILE=/no/such: No such file"),
    ],
)
def test_mail_server_is_refused_when_a_variable_is_wrong(environ: dict[str, str], message: str) -> None:
    with pytest.raises(Failure) as raised:
        read_mail_server({"GROCKER_SMTP_HOST": "mail.example.invalid", **environ})
    assert raised.value.message.startswith(message)
    assert raised.value.status == 78


def test_mail_server_has_its_password_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("s3cret\n")
    server = read_mail_server({"GROCKER_SMTP_HOST": "h", "GROCKER_SMTP_PASSWORD_FILE": f"{tmp_path}/p"})
    assert server is not None
    assert (server.password, server.port, server.security) == ("s3cret", 25, "auto")
    assert read_mail_server({"GROCKER_SMTP_PORT": "x"}) is None
