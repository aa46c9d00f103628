"""Run containers of the image under test as an operator does, through the command line of a real engine."""

from __future__ import annotations

import functools
import json
import os
import pty
import re
import select
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.patience import PATIENCE

RUNNER = "/opt/grocker/bin/grocker-runner"
# podman's defaults exceed what root may set inside a container; nproc counts all processes of the uid, on the host.
LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096")


@dataclass(frozen=True, slots=True)
class Done:
    """Exit status and output of a finished command."""

    status: int
    out: str
    err: str

    @property
    def complaints(self) -> list[str]:
        """The runner's own lines on stderr."""
        return [line for line in self.err.splitlines() if line.startswith("grocker: ")]


@dataclass(frozen=True, slots=True)
class Container:
    """A started container."""

    engine: Engine
    name: str

    def exec(self, *arguments: str, options: Sequence[str] = (), stdin: str | None = None) -> Done:
        return self.engine.command("exec", *(["-i"] if stdin else []), *options, self.name, *arguments, stdin=stdin)

    def run(self, *arguments: str, options: Sequence[str] = (), stdin: str | None = None) -> Done:
        """Run the entrypoint once more in this container: a full start, but not as PID 1."""
        return self.exec(RUNNER, "run", *arguments, options=options, stdin=stdin)

    def logs(self) -> str:
        done = self.engine.command("logs", self.name)
        return done.out + done.err

    def wait_for(self, text: str, seconds: float = PATIENCE) -> str:
        """Wait until ``text`` is in the logs; return the logs."""
        limit = time.monotonic() + seconds
        while not self._follow(text.encode(), limit) and text not in (logs := self.logs()):
            assert time.monotonic() < limit, f"{text!r} is not in the log:\n{logs}"
            assert self.running() or text in self.logs(), f"ended without {text!r}:\n{logs}"
            time.sleep(0.05)
        return self.logs()

    def _follow(self, text: bytes, limit: float) -> bool:
        """Follow both streams until one has the text or the limit passes; polling ``logs`` keeps a processor busy."""
        line = [self.engine.name, *self.engine.prefix, "logs", "--follow", self.name]
        with subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None and process.stderr is not None
            shown = {process.stdout.fileno(): b"", process.stderr.fileno(): b""}
            try:
                while shown and (ready := select.select(list(shown), [], [], max(0.0, limit - time.monotonic()))[0]):
                    for descriptor in ready:
                        block = os.read(descriptor, 65536)
                        shown[descriptor] += block
                        if text in shown[descriptor]:
                            return True
                        if not block:
                            del shown[descriptor]
            finally:
                process.kill()
        return False

    def running(self) -> bool:
        return self.inspect("{{.State.Running}}") == "true"

    def kill(self, signal: str) -> None:
        self.engine.check("kill", "--signal", signal, self.name)

    def stop(self, seconds: int = 10) -> int:
        self.engine.check("stop", "--time", str(seconds), self.name)
        return self.status()

    def wait(self) -> int:
        return int(self.engine.check("wait", self.name))

    def status(self) -> int:
        return int(self.inspect("{{.State.ExitCode}}"))

    def inspect(self, template: str) -> str:
        return self.engine.check("inspect", "--format", template, self.name)

    def restart(self, seconds: int = 0) -> None:
        """Stop it, with this long to end, and start it."""
        self.engine.check("restart", "--time", str(seconds), self.name)
        _address.cache_clear()

    def address(self) -> str:
        return _address(self)


@functools.cache  # tests ask in loops
def _address(container: Container) -> str:
    networks = json.loads(container.inspect("{{json .NetworkSettings.Networks}}"))
    return next(str(network["IPAddress"]) for network in networks.values())


@dataclass(frozen=True, slots=True)
class Engine:
    """docker or podman, with the image under test."""

    name: str
    image: str
    prefix: tuple[str, ...] = ()

    def command(self, *arguments: str, stdin: str | None = None, timeout: float = PATIENCE) -> Done:
        done = subprocess.run(
            [self.name, *self.prefix, *arguments],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def check(self, *arguments: str) -> str:
        done = self.command(*arguments)
        assert done.status == 0, f"{self.name} {arguments}: {done.err}"
        return done.out.strip()

    def line(self, *arguments: str, options: Sequence[str] = ()) -> list[str]:
        """Return the full command line of a ``run``."""
        limits = LIMITS if self.name == "podman" and os.geteuid() == 0 else ()
        return [self.name, *self.prefix, "run", *limits, *options, self.image, *arguments]

    def run(self, *arguments: str, options: Sequence[str] = (), stdin: str | None = None) -> Done:
        line = self.line(*arguments, options=["--rm", *(["-i"] if stdin is not None else []), *options])
        return self.command(*line[1 + len(self.prefix) :], stdin=stdin)

    def run_alone(self, *arguments: str, options: Sequence[str] = ()) -> Done:
        """Run with a limit of one process, as ``--pids-limit 1`` sets it; docker only.

        The limit comes once the container runs: runc itself needs several threads to start one, and gets them or not.
        """
        name = f"grocker-test-{uuid.uuid4().hex[:12]}"
        own = ["--rm", "--interactive", "--name", name, "--entrypoint", "sh"]
        line = self.line("-c", 'echo up; read go; exec "$@"', "sh", RUNNER, "run", *arguments, options=[*own, *options])
        pipe = subprocess.PIPE
        with subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=pipe, text=True, errors="replace") as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            self.check("update", "--pids-limit", "1", name)
            out, err = process.communicate("go\n", timeout=PATIENCE)
        return Done(process.returncode, out, err)

    @contextmanager
    def started(self, *arguments: str, options: Sequence[str] = ()) -> Iterator[Container]:
        name = f"grocker-test-{uuid.uuid4().hex[:12]}"
        line = self.line(*arguments, options=["--detach", "--name", name, *options])
        done = self.command(*line[1 + len(self.prefix) :])
        try:
            assert done.status == 0, done.err
            yield Container(self, name)
        finally:
            # podman sends SIGTERM first, and waits ten seconds.
            self.command("rm", "--force", "--volumes", *(["--time", "0"] if "podman" in self.name else []), name)

    @contextmanager
    def terminal(self, *arguments: str, options: Sequence[str] = ()) -> Iterator[Terminal]:
        """Run ``run -ti`` at a pseudo-terminal."""
        with _terminal(self.line(*arguments, options=["--rm", "-ti", *options])) as found:
            yield found


@dataclass(slots=True)
class Terminal:
    """The test's end of a pseudo-terminal."""

    process: subprocess.Popen[bytes]
    master: int
    shown: str = field(default="")

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def expect(self, pattern: str, seconds: float = PATIENCE) -> str:
        """Wait until the pattern matches the output; drop the output up to its end and return the match."""
        limit = time.monotonic() + seconds
        while (match := re.search(pattern, self.shown)) is None:
            assert time.monotonic() < limit, f"{pattern!r} does not show:\n{self.shown}"
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    block = os.read(self.master, 65536)
                except OSError:  # EIO: the other side closed
                    block = b""
                assert block, f"closed before {pattern!r} showed:\n{self.shown}"
                self.shown += block.decode("utf-8", "replace")
        self.shown = self.shown[match.end() :]
        return match[0]

    def wait(self, seconds: float = PATIENCE) -> int:
        limit = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < limit, f"does not end:\n{self.shown}"
            if select.select([self.master], [], [], 0.05)[0]:
                try:
                    self.shown += os.read(self.master, 65536).decode("utf-8", "replace")
                except OSError:
                    time.sleep(0.05)
        return self.process.returncode


@contextmanager
def _terminal(line: Sequence[str]) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    process = subprocess.Popen(line, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        os.close(master)


@dataclass(frozen=True, slots=True)
class Folders:
    """The operator's folders on the host, and the options that mount them."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def app(self) -> Path:
        return self.root / "config" / "app"

    @property
    def ssh(self) -> Path:
        return self.root / "config" / "ssh-dir"

    @property
    def media(self) -> Path:
        return self.root / "media"

    @property
    def scripts(self) -> Path:
        return self.root / "scripts"

    def make(self) -> Folders:
        for folder in (self.app, self.media, self.scripts):
            folder.mkdir(parents=True)
        for folder in (self.root, *self.root.rglob("*")):
            folder.chmod(0o755)
        for folder in (self.media, self.scripts):
            folder.chmod(0o777)
        return self

    def empty(self) -> None:
        """Restore the initial state, but keep the directories themselves: a container has them mounted."""
        for path in self.root.iterdir():
            if path not in (self.config, self.media, self.scripts):
                _remove(path)
        for mounted in (self.config, self.media, self.scripts):
            mounted.chmod(0o755 if mounted == self.config else 0o777)
            for path in mounted.iterdir():
                _remove(path)
        self.app.mkdir()
        self.app.chmod(0o755)

    def script(self, name: str, text: str | bytes, mode: int = 0o755) -> None:
        path = self.scripts / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)

    @property
    def options(self) -> list[str]:
        return [
            "--volume",
            f"{self.config}:/config:ro",
            "--volume",
            f"{self.media}:/media:rw",
            "--volume",
            f"{self.scripts}:/scripts:rw",
        ]


def reachable(path: Path) -> Path:
    """Open a directory of pytest's, which are 0700, to the engine's processes, which run as someone else; ``path``."""
    for above in (path, *path.parents):
        mode = above.stat().st_mode
        if mode & 0o011 != 0o011 and above.stat().st_uid == os.geteuid():
            above.chmod(mode | 0o011)
    return path


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def environment(text: str) -> dict[str, str]:
    """Parse the output of env(1)."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def variables(values: Mapping[str, str]) -> list[str]:
    """Return the ``--env`` options for these variables."""
    return [word for name, value in values.items() for word in ("--env", f"{name}={value}")]
