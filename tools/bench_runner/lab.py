"""Where it is measured: one image for all sides, made by Grocker, and containers of it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
import uuid
from calendar import timegm
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.bench.host import BenchError, program, run

RUNNER, BARE, TINI, INIT, SUPERVISORD = "runner", "bare", "tini", "docker --init", "supervisord"
NEEDED = (
    ("docker", "docker.io"),
    ("gcc", "gcc libc6-dev"),
    ("wrk", "wrk"),
    ("tini-static", "tini"),
    ("rsyslogd", "rsyslog"),
    ("cron", "cron"),
    ("unshare", "util-linux"),
)
"""programs of the host, and Debian's packages of them; supervisor and gunicorn are in the image"""
VENV = "/opt/venv/bin"
_HERE = Path(__file__).parent
_PATIENCE = 300.0
"""seconds for a container to answer, or to be done"""
_SUPERVISORD = """\
[supervisord]
nodaemon = true
user = blue
loglevel = warn
logfile = /dev/null
logfile_maxbytes = 0
pidfile = /tmp/supervisord.pid

[program:service]
command = {command}
startsecs = 0
stdout_logfile = /dev/fd/1
stdout_logfile_maxbytes = 0
stderr_logfile = /dev/fd/2
stderr_logfile_maxbytes = 0
"""


@dataclass(frozen=True, slots=True)
class Container:
    """One that runs. ``pid``: of its process 1, on the host."""

    name: str
    pid: int
    address: str
    since: float
    """when the engine had started it, in seconds since 1970"""
    told: Path
    """what its program writes when it is done"""

    def result(self, seconds: float = _PATIENCE) -> list[float]:
        """The numbers that the program in it tells when it is done. Raises BenchError when it does not in time."""
        limit = time.monotonic() + seconds
        while not (self.told.exists() and (text := self.told.read_text()).endswith("\n")):
            if time.monotonic() > limit:
                said = run(["docker", "logs", "--tail", "20", self.name])
                raise BenchError(f"{self.name}: the program is not done after {seconds:.0f} s:\n{said}")
            time.sleep(0.1)
        return [float(word) for word in text.split()]

    def processes(self) -> list[list[str]]:
        """The command lines of what runs in it, process 1's first."""
        listed = run(["docker", "top", self.name, "-eo", "pid"]).split()[1:]
        numbers = sorted(int(pid) for pid in listed)
        numbers.sort(key=lambda pid: pid != self.pid)
        return [words for pid in numbers if (words := _words(pid))]

    def zombies(self) -> int:
        """Children of process 1 that have ended and were not taken."""
        try:
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        except OSError as error:
            raise BenchError(f"{self.name}: process 1 is gone: {error.strerror}") from error
        return sum(_state(pid) == "Z" for pid in children)

    def memory(self, what: str = "VmRSS") -> float:
        """MB of process 1: what is resident now, or VmHWM, the most that ever was."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == what:
                return int(value.split()[0]) * 1024 / 1e6
        raise BenchError(f"{self.name}: process 1 has ended")

    def processor(self) -> float:
        """Seconds that process 1 alone has used. Linux, Documentation/scheduler/sched-stats.rst."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9


@dataclass(frozen=True, slots=True)
class Lab:
    """``image``: of all sides. ``place``: a directory of ours; ``place/bench`` is ``/bench`` in every container."""

    image: str
    place: Path

    @property
    def programs(self) -> Path:
        """What is in ``/bench``."""
        return self.place / "bench"

    def options(self, side: str, service: str, peers: Sequence[str]) -> tuple[list[str], list[str]]:
        """Options and arguments of ``docker run`` with which ``side`` runs a service; ``peers``: its command line."""
        mount = ["--volume", f"{self.programs}:/bench:ro"]
        if side == RUNNER:
            return mount, ["start", service]
        if side == SUPERVISORD:
            name = f"{service}.conf"
            (self.programs / name).write_text(_SUPERVISORD.format(command=shlex.join(peers).replace("%", "%%")))
            return [*mount, "--entrypoint", f"{VENV}/supervisord"], ["-c", f"/bench/{name}"]
        if side == TINI:
            return [*mount, "--entrypoint", "/bench/tini"], ["--", *peers]
        return [*mount, *(["--init"] if side == INIT else []), "--entrypoint", peers[0]], list(peers[1:])

    @property
    def results(self) -> Path:
        """What is in ``/result``: a file of each container's, by its name."""
        return self.place / "result"

    @contextmanager
    def service(
        self,
        side: str,
        service: str,
        peers: Sequence[str],
        *,
        environ: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> Iterator[Container]:
        """A service under ``side``."""
        own, arguments = self.options(side, service, peers)
        given = [word for name, value in (environ or {}).items() for word in ("--env", f"{name}={value}")]
        with self.container([*own, *given, *options], arguments) as found:
            yield found

    @contextmanager
    def container(self, options: Sequence[str], arguments: Sequence[str]) -> Iterator[Container]:
        """One that runs in the background, removed at the end."""
        name = new_name()
        result = ["--volume", f"{self.results}:/result", "--env", f"BENCH_RESULT=/result/{name}"]
        try:
            run(["docker", "run", "--detach", "--name", name, *result, *options, self.image, *arguments])
            yield self.inspected(name)
        finally:
            run(["docker", "rm", "--force", "--volumes", name])

    def inspected(self, name: str) -> Container:
        """What the engine says of a container. Raises BenchError when it has ended."""
        said = json.loads(run(["docker", "inspect", name]))[0]
        state = said["State"]
        if not state["Running"]:
            raise BenchError(f"{name} has ended: {run(['docker', 'logs', '--tail', '20', name])}")
        address = said["NetworkSettings"]["IPAddress"]
        return Container(name, state["Pid"], address, seconds_of(state["StartedAt"]), self.results / name)


def new_name() -> str:
    """Of a container."""
    return f"bench-runner-{uuid.uuid4().hex[:8]}"


def seconds_of(stamp: str) -> float:
    """RFC 3339 in UTC, with nanoseconds."""
    whole, _, fraction = stamp.removesuffix("Z").partition(".")
    return timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(f"0.{fraction or 0}")


def _words(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace").split("\0")[:-1]
    except OSError:
        return []


def _state(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0]
    except OSError:
        return ""


def get(address: str, port: int, path: str, seconds: float = 10.0) -> tuple[int, bytes]:
    """Status and body of an answer. Raises OSError."""
    with socket.create_connection((address, port), seconds) as to:
        to.sendall(f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while block := to.recv(65536):
            answer += block
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        raise OSError("no answer")
    return int(words[1]), body


def wait_until(address: str, port: int, path: str, *, every: float = 0.05, seconds: float = _PATIENCE) -> None:
    """Until a request is answered with 200. Raises BenchError."""
    limit = time.monotonic() + seconds
    while True:
        try:
            status, _ = get(address, port, path, seconds=5.0)
            if status == 200:
                return
            said = f"status {status}"
        except OSError as error:
            said = str(error)
        if time.monotonic() > limit:
            raise BenchError(f"{address}:{port}{path}: {said}")
        time.sleep(every)


def check() -> None:
    """Say now, and all at once, what is missing. Raises BenchError."""
    missing = []
    for name, package in NEEDED:
        try:
            program(name, package)
        except BenchError:
            missing.append((name, package))
    if missing:
        packages = " ".join(dict.fromkeys(package for _, package in missing))
        raise BenchError(f"not installed: {', '.join(n for n, _ in missing)}; hint: apt-get install {packages}")
    if subprocess.run(["docker", "version"], capture_output=True, check=False).returncode:
        raise BenchError("the Docker daemon does not answer; hint: tools/with-dockerd make bench-runner")


@contextmanager
def lab(place: Path, tag: str = "grocker-bench/runner:1") -> Iterator[Lab]:
    """Builds image and programs. ``place``: an empty directory of ours, on a disk. Raises BenchError."""
    programs, results = place / "bench", place / "result"
    programs.mkdir()
    results.mkdir()
    for source in sorted((_HERE / "programs").glob("*.c")):
        run(["gcc", "-O2", "-Wall", "-Werror", "-static", "-o", programs / source.stem, source])
    shutil.copy(program("tini-static", "tini"), programs / "tini")
    for path in (place, programs, *programs.iterdir()):
        path.chmod(0o755)
    results.chmod(0o777)
    settings = ["--tag", tag, "--output", "docker", "--quiet"]
    run([sys.executable, "-m", "grocker", "build", _HERE / "site", *settings], environ=os.environ)
    yield Lab(run(["docker", "image", "inspect", "--format", "{{.Id}}", tag]).strip(), place)
