"""Debian's docker-registry on loopback, and what it holds."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tools.bench.host import free_port, program, run, wait_for

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
    storage = place / "storage"
    storage.mkdir(parents=True)
    with _running(place / "config.json", storage, {}) as found:
        yield found


@contextmanager
def secure_registry(place: Path, other: Registry) -> Iterator[tuple[Registry, Path]]:
    """One with TLS and the storage of the other, and its certificate, which nobody else has signed."""
    place.mkdir()
    key, certificate = place / "key.pem", place / "certificate.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    run([program("openssl", "openssl"), *words])
    tls = {"tls": {"certificate": str(certificate), "key": str(key)}}
    with _running(place / "config.json", other.storage, tls) as found:
        yield found, certificate


@contextmanager
def _running(configuration: Path, storage: Path, http: Mapping[str, object]) -> Iterator[Registry]:
    found = Registry(f"127.0.0.1:{free_port()}", storage)
    # JSON is YAML.
    configuration.write_text(
        json.dumps(
            {
                "version": "0.1",
                "log": {"level": "error", "accesslog": {"disabled": True}},
                "storage": {
                    "cache": {"blobdescriptor": "inmemory"},
                    "filesystem": {"rootdirectory": str(storage)},
                },
                "http": {"addr": found.address, **http},
            }
        )
    )
    command = [program("docker-registry", "docker-registry"), "serve", str(configuration)]
    with configuration.with_suffix(".log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for(found.address, server, "docker-registry")
        yield replace(found, pid=server.pid)
    finally:
        server.terminate()
        server.wait()
