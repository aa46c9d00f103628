"""A Docker daemon of the bench's own: nobody else's images are seen, timed or pruned."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.bench.host import BenchError, as_root, program, run

BASE = "python:3.11-slim"
_UP = 300.0
"""seconds that the daemon or a site has to answer"""


@dataclass(frozen=True, slots=True)
class Engine:
    """A daemon that answers, and the client that can ask it for BuildKit."""

    client: str
    environ: Mapping[str, str]
    pid: Path
    """the daemon's pid file"""

    def docker(self, *arguments: str | Path) -> str:
        """What ``docker ARGUMENTS`` prints."""
        return run([self.client, *arguments], environ=self.environ)

    def build(
        self, dockerfile: Path, project: Path, tag: str, *, secrets: Mapping[str, Path], more: Sequence[str] = ()
    ) -> str:
        """Build with BuildKit, on the host's network; what it said, in plain lines. ``more``: options."""
        words: list[str | Path] = [
            "build",
            "--progress",
            "plain",
            "--network",
            "host",
            "--file",
            dockerfile,
            "--tag",
            tag,
            *more,
        ]
        for name, path in sorted(secrets.items()):
            words += ["--secret", f"id={name},src={path}"]
        for name in sorted(self.environ):
            if name.lower() in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
                words += ["--build-arg", name]
        return self.docker(*words, project)

    def forget(self) -> None:
        """Nothing derived is left: every image but the base, every record of a step, every copy of a context.

        What ``RUN --mount=type=cache`` kept (downloads, and what uv unpacked of them) stays.
        """
        base = self.docker("image", "inspect", "--format", "{{.Id}}", BASE).strip()
        listed = set(self.docker("image", "ls", "--quiet", "--no-trunc").split())
        if listed - {base}:
            self.docker("image", "rm", "--force", *sorted(listed - {base}))
        for kind in ("regular", "source.local"):
            self.docker("builder", "prune", "--all", "--force", "--filter", f"type={kind}")

    def size(self, tag: str) -> int:
        """Bytes that the image takes in the engine's store."""
        return int(self.docker("image", "inspect", "--format", "{{.Size}}", tag))

    def processor(self) -> float:
        """Seconds of processor time that the daemon has used, and the steps that it ran."""
        fields = Path(f"/proc/{self.pid.read_text().strip()}/stat").read_text().rpartition(")")[2].split()
        # proc(5): utime, stime, cutime, cstime; a step's container is waited for by the daemon.
        return sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")

    def versions(self) -> str:
        """Client and daemon."""
        said = json.loads(self.docker("version", "--format", "{{json .}}"))
        return f"docker {said['Server']['Version']} (client {said['Client']['Version']}), BuildKit"

    def serve(
        self, tag: str, arguments: Sequence[str], migrate: Sequence[str], expected: str, *, entry_point: str = ""
    ) -> None:
        """Run the image's site: a page that needs the database answers 200, and ``/healthz`` says ``expected``.

        ``entry_point``: instead of the image's own.
        """
        options: tuple[str, ...] = (
            "--network",
            "none",
            "--tmpfs",
            "/data:mode=1777",
            "--env",
            "POLLS_SITE_DJANGO_MEDIA_ROOT=/data",
        )
        options += ("--env", "DJANGO_SETTINGS_MODULE=polls_site.settings")
        options += ("--entrypoint", entry_point) if entry_point else ()
        container = self.docker("run", "--detach", *options, tag, *arguments).strip()
        try:
            self._soon("exec", container, *migrate)
            limit = time.monotonic() + _UP
            while True:
                answer = self.docker("exec", container, "python3", "-c", _ASK)
                if answer.startswith("200 ") or time.monotonic() > limit:
                    break
                time.sleep(0.25)
            if answer.strip() != f"200 {expected}":
                logs = self.docker("logs", container)
                raise BenchError(f"{tag} does not serve the site: {answer.strip()}, not 200 {expected}\n{logs}")
        finally:
            self.docker("rm", "--force", "--volumes", container)

    def _soon(self, *arguments: str) -> None:
        """A command that a container cannot carry out while it is being prepared."""
        deadline = time.monotonic() + _UP
        while True:
            try:
                self.docker(*arguments)
            except BenchError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.25)
            else:
                return


BRIDGE = "grocker-bench"
_ADDRESS = "02:42:0a:ff:00:01"  # a bridge without one changes it with each container that comes or goes

_ASK = """
import urllib.request
def ask(path):
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open("http://127.0.0.1:8080" + path) as answer:
        return answer.status, answer.read().decode().strip()
try:
    print(ask("/")[0], ask("/healthz")[1])
except OSError as error:
    print(0, error)
"""


@contextmanager
def engine(place: Path, environ: Mapping[str, str]) -> Iterator[Engine]:
    """A daemon with its data in ``place``, stopped at the end. Raises BenchError when it does not start."""
    client = _client()
    address = f"unix://{place / 'docker.sock'}"
    pid = place / "docker.pid"
    words: list[str | Path] = [
        "--data-root",
        place / "docker",
        "--exec-root",
        place / "exec",
        "--pidfile",
        pid,
        "--host",
        address,
    ]
    # A bridge of its own: with none at all a daemon takes away docker0, which another one may be using.
    words += ["--bridge", BRIDGE, "--iptables=false", "--group", str(os.getgid())]
    # Beside another daemon the same containerd serves both: names of its own keep them apart.
    words += ["--containerd-namespace", "bench", "--containerd-plugins-namespace", "bench-plugins"]
    log = place / "docker.log"
    run(as_root("ip", "link", "add", BRIDGE, "address", _ADDRESS, "type", "bridge"))
    run(as_root("ip", "address", "add", "10.213.0.1/24", "dev", BRIDGE))
    run(as_root("ip", "link", "set", BRIDGE, "up"))
    with log.open("wb") as out:
        daemon = subprocess.Popen(as_root(program("dockerd", "docker.io"), *words), stdout=out, stderr=out)
    found = Engine(client, {**environ, "DOCKER_HOST": address, "DOCKER_BUILDKIT": "1"}, pid)
    try:
        _wait(found, daemon, log)
        yield found
    finally:
        if daemon.poll() is None and pid.exists():
            run(as_root("kill", "-TERM", pid.read_text().strip()))
        daemon.wait()
        run(as_root("ip", "link", "delete", BRIDGE))


def _wait(found: Engine, daemon: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _UP
    while True:
        try:
            found.docker("version")
        except BenchError as error:
            if daemon.poll() is not None or time.monotonic() > deadline:
                last = "\n".join(log.read_text("utf-8", "replace").splitlines()[-5:])
                raise BenchError(f"the Docker daemon does not start:\n{last}") from error
            time.sleep(0.2)
        else:
            return


def _client() -> str:
    """The first ``docker`` that can use BuildKit: older than 23, or with buildx."""
    paths = [*os.environ.get("PATH", "").split(":"), "/usr/bin"]
    for path in dict.fromkeys(paths):
        client = shutil.which("docker", path=path)
        if client is None:
            continue
        said = subprocess.run([client, "--version"], capture_output=True, text=True, check=False).stdout
        version = re.search(r"version (\d+)", said)
        buildx = subprocess.run([client, "buildx", "version"], capture_output=True, check=False)
        if buildx.returncode == 0 or (version and int(version[1]) < 23):
            return client
    raise BenchError("no docker here can use BuildKit; hint: apt-get install docker.io docker-buildx")
