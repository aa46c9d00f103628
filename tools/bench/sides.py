"""The sides: Grocker, and BuildKit with a Dockerfile. Each builds the same project into the same engine or registry."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tools.bench.base import SUITE
from tools.bench.engine import Engine
from tools.bench.host import run
from tools.bench.project import tree_of
from tools.bench.registry import Registry

COPYING, INSTALLING, PYOCI = "Dockerfile, copying", "Dockerfile, installing", "pyoci 0.2.1"


class Side(Protocol):
    """One way from the project to an image."""

    @property
    def name(self) -> str:
        """In tables and samples."""

    @property
    def tag(self) -> str:
        """Of its image in the engine."""

    @property
    def repository(self) -> str:
        """Of its image in the registry."""

    def build(self, project: Path) -> str:
        """Build until the image is in the engine's store; what was said."""

    def push(self, project: Path, repository: str) -> str:
        """Build until the image is in the registry, tagged ``1``; what was said."""

    def forget(self) -> None:
        """Drop all that is derived, keep files as they were fetched."""

    def serve(self, expected: str) -> None:
        """Run the image's site. Raises BenchError when it does not work."""


@dataclass(frozen=True, slots=True)
class Grocker:
    """``grocker build``."""

    engine: Engine
    registry: Registry
    environ: Mapping[str, str]
    cache: Path
    program: Path
    name: str = "Grocker"
    tag: str = "bench/grocker:1"
    repository: str = "grocker"
    as_tree: bool = False
    """whether it builds the source tree instead of the package"""

    def source(self, project: Path) -> Path:
        """What it builds: the project, or the tree beside it."""
        return tree_of(project) if self.as_tree else project

    def grocker(self, source: Path, *words: str) -> str:
        """Run ``grocker build``; what it said."""
        command: list[str | Path] = [self.program, "build", source, "--debian", SUITE, *words]
        environ = {
            **self.environ,
            "GROCKER_CACHE": str(self.cache),
            "DOCKER_HOST": self.engine.environ["DOCKER_HOST"],
        }
        return run(command, environ=environ)

    def build(self, project: Path) -> str:
        """See Side.build."""
        return self.grocker(self.source(project), "--output", "docker", "--tag", self.tag)

    def push(self, project: Path, repository: str) -> str:
        """See Side.push."""
        return self.grocker(self.source(project), "--push", "--tag", f"{self.registry.address}/{repository}:1")

    def forget(self) -> None:
        """See Side.forget: what is left of the cache is ``v1/downloads``, uv's own among them."""
        self.engine.forget()
        for path in (self.cache / "v1").glob("*"):
            if path.name != "downloads":
                shutil.rmtree(path)

    def serve(self, expected: str) -> None:
        """See Side.serve."""
        self.engine.serve(self.tag, ["start", "www"], ["django-admin.py", "migrate"], expected)

    def weigh_zstd(self, project: Path) -> int:
        """Push the project's image with layers compressed by zstd; return their bytes in the registry."""
        source = self.source(project)
        copy = source.with_name(f"{source.name}-zstd")
        shutil.copytree(source, copy)
        # The tree's settings end with its table.
        with (copy / "pyproject.toml").open("a", encoding="utf-8") as settings:
            settings.write(f'{"" if self.as_tree else "[tool.grocker]"}\ncompression = "zstd"\n')
        repository = f"{self.repository}-zstd"
        self.grocker(copy, "--push", "--tag", f"{self.registry.address}/{repository}:1")
        return self.registry.compressed(repository, "1")


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """``docker build`` by BuildKit, then ``docker push``."""

    engine: Engine
    registry: Registry
    name: str
    tag: str
    repository: str
    dockerfile: Path
    secrets: Mapping[str, Path]

    def build(self, project: Path) -> str:
        """See Side.build."""
        return self.engine.build(self.dockerfile, project, self.tag, secrets=self.secrets)

    def push(self, project: Path, repository: str) -> str:
        """See Side.push."""
        tag = f"{self.registry.address}/{repository}:1"
        said = self.engine.build(self.dockerfile, project, tag, secrets=self.secrets)
        return said + self.engine.docker("push", tag)

    def forget(self) -> None:
        """See Side.forget."""
        self.engine.forget()

    def serve(self, expected: str) -> None:
        """See Side.serve."""
        self.engine.serve(self.tag, [], ["python3", "-m", "django", "migrate"], expected)


_CACHED = re.compile(
    r"(?m)^RUN ((?:--\S+\s+(?:\\\n\s*)?)*--mount=type=cache\S+\s+(?:\\\n\s*)?(?:--\S+\s+(?:\\\n\s*)?)*)"
)


def with_host(text: str, name: str) -> str:
    """A Dockerfile whose steps that fetch (those with a mounted cache) see this host's index and certificates.

    They come as build secrets, which are in no layer and in no cache key; see ``secrets``. ``name`` keeps the steps
    that two Dockerfiles have in common from being done for both by the one that comes first.
    """
    mounts = "--mount=type=secret,id=host --mount=type=secret,id=bundle "
    own = re.sub(r"(?m)^(FROM \S+ AS deps)$", rf"\1\nENV BENCH={name}", text)
    return _CACHED.sub(lambda match: f"RUN {mounts}{match[1]}. /run/secrets/host && ", own)


def secrets(place: Path, uv: Mapping[str, str]) -> dict[str, Path]:
    """Files for the steps that fetch: what uv's environment on this host says of indexes, and the certificates."""
    place.mkdir(mode=0o700)
    host, bundle = place / "host", place / "bundle"
    said = {name: uv[name] for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INSECURE_HOST") if uv.get(name)}
    if "UV_DEFAULT_INDEX" in said:
        said["PIP_INDEX_URL"] = said["UV_DEFAULT_INDEX"]
    if "UV_INDEX" in said:
        said["PIP_EXTRA_INDEX_URL"] = said["UV_INDEX"]
    if "UV_INSECURE_HOST" in said:
        said["PIP_TRUSTED_HOST"] = said["UV_INSECURE_HOST"]
    certificates = Path(uv.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt")
    bundle.write_bytes(certificates.read_bytes() if certificates.is_file() else b"")
    if bundle.stat().st_size:
        said["SSL_CERT_FILE"] = said["PIP_CERT"] = "/run/secrets/bundle"
    host.write_text("".join(f"export {name}='{value}'\n" for name, value in sorted(said.items())), "utf-8")
    return {"host": host, "bundle": bundle}
