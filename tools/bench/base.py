"""The base image of the peers, made here from Debian's archive: no registry of others is asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from grocker.debian import find_mirrors
from tools.bench.engine import BASE, Engine
from tools.bench.host import as_root, program, run
from tools.bench.registry import Registry

SUITE = "bookworm"
PACKAGES = ("ca-certificates", "python3", "python3-pip", "python3-venv")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*")


def make(place: Path, environ: Mapping[str, str]) -> Path:
    """The tar of a root with Python, by mmdebstrap from the archive that Grocker uses; the kept one if there is one."""
    tar = place / "base.tar"
    if tar.is_file():
        return tar
    mirrors = find_mirrors(environ=environ)
    archive, security = mirrors.archive[0], mirrors.security[0]
    sources = place / "sources.list"
    sources.write_text(
        f"deb {archive} {SUITE} main\ndeb {archive} {SUITE}-updates main\ndeb {security} {SUITE}-security main\n"
    )
    words = ["--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    words += [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
    unfinished = place / "unfinished.tar"
    run(as_root(program("mmdebstrap", "mmdebstrap"), *words, SUITE, unfinished, sources), environ=environ)
    unfinished.rename(tar)
    return tar


def give(engine: Engine, registry: Registry, tar: Path) -> None:
    """Put the base into the engine's store and into the registry, where the peers find it."""
    if not engine.docker("image", "ls", "--quiet", BASE).strip():
        # As images in registries have it: pyoci does not read a configuration without variables and labels.
        engine.docker("import", "--change", f"ENV PATH={PATH}", "--change", "LABEL name=python", tar, BASE)
    there = f"{registry.address}/{BASE}"
    engine.docker("tag", BASE, there)
    engine.docker("push", there)
