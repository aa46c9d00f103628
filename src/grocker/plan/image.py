"""The image's configuration (OCI image specification, config.md): what engines and orchestrators read. Pure.

Contract: P3, X2, X4, U1.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from grocker.oci import RunConfig
from grocker.oci.values import string_set
from grocker.runner.contract import names
from grocker.runner.contract.spec import CONTRACT, Spec

ENTRYPOINT = (names.RUNNER, "run")
PORTS = (f"{names.APPLICATION_PORT}/tcp", f"{names.STATUS_PORT}/tcp")
VOLUMES = (names.CONFIG, names.MEDIA, names.SCRIPTS)


def run_config(spec: Spec, *, created: int, lock: str, labels: Mapping[str, str]) -> RunConfig:
    """Return how a container of the image runs.

    ``created``: seconds since 1970; ``lock``: digest of the lock in the image; ``labels``: added to the image's own.
    """
    variables = environment(spec)
    own = image_labels(spec, created=timestamp(created), lock=lock)
    return RunConfig(
        user=f"{spec.user.uid}:{spec.user.gid}",
        exposed_ports=string_set(*PORTS),
        env=tuple(f"{name}={variables[name]}" for name in sorted(variables)),
        entrypoint=ENTRYPOINT,
        volumes=string_set(*VOLUMES),
        working_dir=names.SCRIPTS,
        labels=dict(sorted({**labels, **own}.items())),
        stop_signal="SIGTERM",
    )


def environment(spec: Spec) -> dict[str, str]:
    """Return the variables that every process of a container has, also under ``docker exec``; the build's included."""
    return {
        # What a process has printed would be lost when it is killed, and appears minutes late when it says little.
        "PYTHONUNBUFFERED": "1",
        **dict(spec.variables),
        "LANG": names.LANG,
        "PATH": names.PATH,
        "PYTHONUTF8": "1",
        "VIRTUAL_ENV": names.VENV,
    }


def image_labels(spec: Spec, *, created: str, lock: str) -> dict[str, str]:
    """Return the labels of X2; ``lock`` is the digest of the lock in the image."""
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
    """Return ``epoch``, in seconds since 1970, as RFC 3339 writes it."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
