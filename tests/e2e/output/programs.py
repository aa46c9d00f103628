"""The programs that these tests hold images out to: a registry, skopeo, docker, podman."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE
from tests.support.ports import free_port
from tests.support.processes import wait_until
from tests.support.web import CERTIFICATE, KEY

BCRYPT = "bob:$2b$05$cmCL2nNACV3dFjfgJ0mZSeDFqRXFbbDcaxhffLuCPSd9A8XNoIUDK"
"""An htpasswd line; the password is ``right``."""


def need(program: str) -> None:
    """Skip the test on a host that lacks the program."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def said(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """What a program prints; it must succeed. ``environment``: added to our own."""
    environ = {**os.environ, **(environment or {})}
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 0, f"{' '.join(arguments)}: {done.stderr}"
    return done.stdout


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty directory that goes away."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


@dataclass
class RealRegistry:
    """A docker-registry of its own."""

    host: str
    data: Path

    def blobs(self) -> set[str]:
        """The digests of everything that it has."""
        return {f"sha256:{one.parent.name}" for one in self.data.glob("docker/registry/v2/blobs/sha256/*/*/data")}


def _is_open(port: int, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the registry has ended"
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def registry(directory: Path, *, users: str | None = None, tls: bool = False) -> Iterator[RealRegistry]:
    """Debian's docker-registry on 127.0.0.1, with its files in ``directory``; ``users``: htpasswd lines.

    ``tls``: by the certificate of ``tests.support.web``, which is its own authority.
    """
    need("docker-registry")
    port = free_port()
    lines = [
        "version: 0.1",
        "log: {level: warn}",
        "storage:",
        f"  filesystem: {{rootdirectory: {directory}/data}}",
        "http:",
        f"  addr: '127.0.0.1:{port}'",
        "  secret: of-a-test",
    ]
    if tls:
        lines += [f"  tls: {{certificate: {CERTIFICATE}, key: {KEY}}}"]
    if users is not None:
        (directory / "htpasswd").write_text(users + "\n")
        lines += ["auth:", f"  htpasswd: {{realm: test, path: {directory}/htpasswd}}"]
    (directory / "config.yml").write_text("\n".join(lines) + "\n")
    with open(directory / "log", "wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", directory / "config.yml"], stdout=log, stderr=log)
        try:
            wait_until(lambda: _is_open(port, process))
            yield RealRegistry(f"127.0.0.1:{port}", directory / "data")
        finally:
            process.terminate()
            process.wait(PATIENCE)
