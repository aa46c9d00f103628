"""Debian's docker-registry on loopback, and what it holds."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tools.bench.host import BenchError, free_port, program

_TYPES = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry that answers."""

    address: str
    """host and port, as they stand in an image's name"""
    storage: Path
    pid: int = 0
    """its process"""

    def written(self) -> int:
        """Bytes that it has written since it started: to files, and into connections."""
        about = Path(f"/proc/{self.pid}/io").read_text().split()
        return int(about[about.index("wchar:") + 1])

    def held(self) -> int:
        """Bytes of all blobs that it holds: layers, configurations, manifests."""
        return sum(path.stat().st_size for path in self.storage.glob("docker/registry/v2/blobs/*/*/*/data"))

    def compressed(self, repository: str, tag: str) -> int:
        """Bytes of an image's layers as they are stored and sent: the sum that its manifest names."""
        request = urllib.request.Request(
            f"http://{self.address}/v2/{repository}/manifests/{tag}", headers={"Accept": _TYPES}
        )
        with _OPENER.open(request, timeout=10) as answer:
            return sum(int(layer["size"]) for layer in json.load(answer)["layers"])


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def registry(place: Path) -> Iterator[Registry]:
    """A registry with empty storage in ``place``, stopped at the end. Raises BenchError when it does not start."""
    found = Registry(f"127.0.0.1:{free_port()}", place / "storage")
    found.storage.mkdir(parents=True)
    configuration = place / "config.json"
    # JSON is YAML.
    configuration.write_text(
        json.dumps(
            {
                "version": "0.1",
                "log": {"level": "error", "accesslog": {"disabled": True}},
                "storage": {
                    "cache": {"blobdescriptor": "inmemory"},
                    "filesystem": {"rootdirectory": str(found.storage)},
                },
                "http": {"addr": found.address},
            }
        )
    )
    command = [program("docker-registry", "docker-registry"), "serve", str(configuration)]
    with (place / "registry.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait(found, server)
        yield replace(found, pid=server.pid)
    finally:
        server.terminate()
        server.wait()


def _wait(found: Registry, server: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        try:
            with _OPENER.open(f"http://{found.address}/v2/", timeout=5):
                return
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.1)
    raise BenchError("docker-registry does not start; hint: see whether it runs with docker-registry serve")
