"""Further peers, where they can be installed: buildah of Debian, pyoci of the index."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from grocker.python import Uv
from tools.bench.base import PATH
from tools.bench.engine import BASE, Engine
from tools.bench.host import as_root, run
from tools.bench.registry import Registry
from tools.bench.sides import PYOCI

_HUB = "docker.io/library/"
_MIGRATE = ("python3", "-m", "django", "migrate")
_SERVE = ("-m", "gunicorn", "--bind", "0.0.0.0:8080", "polls_site.wsgi:application")


@dataclass(frozen=True, slots=True)
class Buildah:
    """``buildah build`` with a Dockerfile into a store of its own, then ``buildah push``. See sides.Side."""

    engine: Engine
    """runs its images, to prove them"""
    registry: Registry
    program: str
    place: Path
    """where its store is, and what steps with a mounted cache keep"""
    dockerfile: Path
    secrets: Mapping[str, Path]
    name: str = "buildah, installing"
    tag: str = "bench/buildah:1"
    repository: str = "buildah"

    def buildah(self, *words: str | Path) -> str:
        """What ``buildah WORDS`` prints."""
        store = ("--root", self.place / "root", "--runroot", self.place / "run", "--storage-driver", "overlay")
        return run(as_root("env", f"TMPDIR={self.place}", self.program, *store, *words))

    def give(self, base: Path) -> None:
        """Put the base, a tar of a root, into its store."""
        container = self.buildah("from", "scratch").strip()
        self.buildah("add", "--quiet", container, base, "/")
        self.buildah("config", "--env", f"PATH={PATH}", container)
        self.buildah("commit", "--quiet", container, f"{_HUB}{BASE}")
        self.buildah("rm", container)

    def build(self, project: Path) -> str:
        """See Side.build: into its own store."""
        words: list[str | Path] = ["--isolation", "chroot", "--layers", "--pull-never"]
        words += [f"--secret=id={name},src={path}" for name, path in sorted(self.secrets.items())]
        return self.buildah("build", *words, "--file", self.dockerfile, "--tag", self.tag, project)

    def push(self, project: Path, repository: str) -> str:
        """See Side.push."""
        said = self.build(project)
        there = f"docker://{self.registry.address}/{repository}:1"
        return said + self.buildah("push", "--tls-verify=false", self.tag, there)

    def forget(self) -> None:
        """See Side.forget."""
        self.engine.forget()
        listed = self.buildah("images", "--all", "--quiet", "--no-trunc").split()
        base = self.buildah("images", "--quiet", "--no-trunc", f"{_HUB}{BASE}").split()
        for image in dict.fromkeys(one for one in listed if one not in base):
            self.buildah("rmi", "--force", image)

    def serve(self, expected: str) -> None:
        """See Side.serve: the engine pulls it."""
        there = f"{self.registry.address}/{self.repository}:1"
        self.buildah("push", "--tls-verify=false", self.tag, f"docker://{there}")
        self.engine.docker("pull", there)
        self.engine.docker("tag", there, self.tag)
        self.engine.serve(self.tag, [], _MIGRATE, expected)


def with_copied(text: str) -> str:
    """A Dockerfile without mounted files: buildah 1.28 does not notice that they have changed."""
    start = "WORKDIR /app/src\n"
    plain = re.sub(r" *--mount=type=bind\S+ \\\n", "", text)
    return plain.replace(start, f"{start}COPY pyproject.toml uv.lock /app/src/\n", 1)


@dataclass(frozen=True, slots=True)
class Pyoci:
    """``uv sync`` when the lock has changed, then ``pyoci build``. See sides.Side.

    It copies an environment of this host and the source tree; the project is not installed. It knows no engine: what
    is timed ends with a layout in a directory, or in the registry, which it reaches by TLS alone.
    """

    engine: Engine
    registry: Registry
    secure: Registry
    """the same, with TLS"""
    environ: Mapping[str, str]
    """with its certificate"""
    program: Path
    uv: Uv
    place: Path
    name: str = PYOCI
    tag: str = "bench/pyoci:1"
    repository: str = "pyoci"

    @property
    def context(self) -> Path:
        """What it builds: links to the project, and an environment."""
        return self.place / "context"

    def build(self, project: Path) -> str:
        """See Side.build."""
        return self._build(project, f"{self.secure.address}/{self.repository}:1")

    def push(self, project: Path, repository: str) -> str:
        """See Side.push."""
        return self._build(project, f"{self.secure.address}/{repository}:1", "--push")

    def forget(self) -> None:
        """See Side.forget: what uv fetched stays."""
        self.engine.forget()
        for path in (self.context / ".venv", self.place / "cache", self.place / "dist"):
            shutil.rmtree(path, ignore_errors=True)
        (self.place / "synced").unlink(missing_ok=True)

    def serve(self, expected: str) -> None:
        """See Side.serve: the engine pulls it."""
        there = f"{self.registry.address}/{self.repository}:1"
        self.push((self.context / "src").resolve().parent, self.repository)
        self.engine.docker("pull", there)
        self.engine.docker("tag", there, self.tag)
        self.engine.serve(self.tag, _SERVE, _MIGRATE, expected, entry_point="python3")

    def _build(self, project: Path, name: str, *words: str) -> str:
        self._sync(project)
        site = f"/app/.venv/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
        command: list[str | Path] = [self.program, "build", "--context", self.context, "--include-deps"]
        command += ["--base-image", f"{self.secure.address}/{BASE}", "--cache-dir", self.place / "cache"]
        command += ["--env", f"PYTHONPATH={site}:/app/src", "--tag", name]
        return run([*command, *words], environ=self.environ, directory=self.place)

    def _sync(self, project: Path) -> None:
        """Make the environment, unless it is that of the lock."""
        self.context.mkdir(exist_ok=True)
        for name in ("src", "pyproject.toml", "uv.lock"):
            link = self.context / name
            if not link.is_symlink():
                link.symlink_to(project / name)
        lock, synced = (project / "uv.lock").read_bytes(), self.place / "synced"
        if synced.is_file() and synced.read_bytes() == lock:
            return
        words = ("--locked", "--no-install-project", "--no-dev", "--quiet", "--python", sys.executable)
        environ = {**self.uv.environment, "UV_CACHE_DIR": str(self.place / "uv"), "UV_LINK_MODE": "copy"}
        run([self.uv.executable, "sync", *words], environ=environ, directory=self.context)
        synced.write_bytes(lock)


def find_buildah() -> str | None:
    """Return the program, if it is installed."""
    return shutil.which("buildah", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin")
