"""The image's configuration (OCI image specification, config.md): what engines and orchestrators read.

Contract: P3, X2, X4, U1.
"""

from __future__ import annotations

from datetime import UTC, datetime

from grocker.runner.contract import names
from grocker.runner.contract.spec import CONTRACT, Spec

ENTRYPOINT = (names.RUNNER, "run")
PORTS = (f"{names.APPLICATION_PORT}/tcp", f"{names.STATUS_PORT}/tcp")
VOLUMES = (names.CONFIG, names.MEDIA, names.SCRIPTS)


def environment(spec: Spec) -> dict[str, str]:
    """The variables that every process of a container has, also under ``docker exec``; the build's own included."""
    return {
        **dict(spec.variables),
        "LANG": names.LANG,
        "PATH": names.PATH,
        "PYTHONUTF8": "1",
        "VIRTUAL_ENV": names.VENV,
    }


def labels(spec: Spec, *, created: str, lock: str) -> dict[str, str]:
    """The labels of X2; ``lock`` is the digest of the lock file in the image."""
    return {
        "org.grocker.contract": str(CONTRACT),
        "org.grocker.lock": lock,
        "org.grocker.services": ",".join(sorted(spec.services)),
        "org.grocker.version": spec.grocker,
        "org.opencontainers.image.created": created,
        "org.opencontainers.image.title": spec.name,
        "org.opencontainers.image.version": spec.version,
    }


def timestamp(epoch: int) -> str:
    """``epoch``, in seconds, as RFC 3339 writes it."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
