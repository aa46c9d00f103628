"""The second phase: from what an image consists of to its layers and its configuration, as data. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from grocker import digest
from grocker.lock.values import StandalonePython
from grocker.oci.values import RunConfig
from grocker.plan import image
from grocker.plan.documents import Documents, check_crontab, describe, merge_base_config
from grocker.plan.layers import PlannedLayer, interpreter_key, plan_layers
from grocker.runner.contract import codec, spec

if TYPE_CHECKING:
    from grocker.config.settings import Settings
    from grocker.plan.subject import Subject


class Plan(msgspec.Struct, frozen=True):
    """One image on one platform, before anything is built."""

    platform: str
    layers: tuple[PlannedLayer, ...]
    """bottom first"""
    interpreter: str
    """key of the interpreter that compiles"""
    user: tuple[str, int]
    """name and uid of the image's user"""
    documents: Documents
    lock_text: str
    """the lock as the image gets it"""
    python: str
    """release series of the image's interpreter"""
    standalone: StandalonePython | None
    """the interpreter's archive, if it is not Debian's"""
    run: RunConfig
    """what engines read"""
    epoch: int
    """seconds since 1970: the one time of everything in the image"""


def plan(
    subject: Subject, settings: Settings, *, labels: Mapping[str, str], runner: str, lock_text: str, epoch: int
) -> Plan:
    """Plan an image.

    ``labels``: added to the image's own; ``runner``: digest of the runner's files; ``lock_text``: the subject's lock as
    the image gets it; ``epoch``: seconds since 1970.
    Raises SettingsError for settings, INI text or a crontab that the runner would refuse.
    """
    lock = subject.lock.of(subject.platform)
    assert lock is not None
    files = {subject.wheel, *(file.sha256 for file in lock.python)}
    collected = {subject.static.digest} if subject.static is not None else set()
    described = describe(subject, settings, static_revision(subject.services.values(), files | collected))
    user = described.user.name, described.user.uid
    documents = Documents(
        image_json=codec.encode(described),
        settings_ini=merge_base_config(*subject.base_config),
        crontab=check_crontab(subject.crontab, described.user.name, subject.commands),
    )
    interpreter = interpreter_key(subject.compiling, subject.compiling_standalone)
    layers = plan_layers(
        lock,
        documents,
        wheel=subject.wheel,
        subject=subject.title,
        interpreter=interpreter,
        runner=runner,
        lock_text=lock_text,
        python=subject.python,
        standalone=subject.standalone,
        user=user,
        epoch=epoch,
        prefer=settings.prefer,
        data=subject.data,
        static=subject.static,
        scripts=subject.scripts,
        locales=settings.locales,
        tools=subject.tools,
        sees_debian_modules=bool(settings.debian.python_packages),
    )
    run = image.run_config(described, created=epoch, lock=digest.of(lock_text.encode()), labels=labels)
    return Plan(
        *(subject.platform, layers, interpreter, user, documents, lock_text, subject.python, subject.standalone),
        *(run, epoch),
    )


def static_revision(services: Iterable[spec.Service], files: Iterable[str]) -> str:
    """Return a revision of the static files; empty if there are none to serve.

    ``files``: digests of all wheels, and of what was collected.
    """
    if not any(service.static for service in services):
        return ""
    return hashlib.sha256("\n".join(sorted(files)).encode()).hexdigest()[:16]
