"""The documents of the application's layer, checked as the runner will read them. Pure. Contract: C2, C4, K1."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from grocker import __version__
from grocker.errors import SettingsError
from grocker.runner.contract import installed_files, names, spec

if TYPE_CHECKING:
    from grocker.config.settings import Settings
    from grocker.plan.subject import Subject


class Documents(msgspec.Struct, frozen=True):
    """The documents in the application's layer, beside its wheel."""

    image_json: bytes
    """what the runner is told"""
    settings_ini: bytes
    """``50_default_settings.ini``"""
    crontab: bytes | None = None
    """the jobs, if there are any"""


def describe(subject: Subject, settings: Settings, installed: str) -> spec.Spec:
    """Describe the image to the runner.

    ``installed``: tells this image's static files from another's, empty if there are none. Raises SettingsError.
    """
    user = settings.user
    try:
        return spec.Spec(
            name=subject.name,
            version=subject.version,
            extras=subject.extras,
            namespace=settings.namespace or spec.default_namespace(subject.name),
            grocker=__version__,
            user=spec.ContainerUser(name=user.name, uid=user.uid, home=f"/home/{user.name}"),
            services=subject.services,
            any_service=subject.any_service,
            django_settings_module=subject.django_settings_module,
            variables=dict(sorted(settings.env.items())),
            crontab=names.CRONTAB if subject.crontab[0] is not None else None,
            installed=installed,
            directory=subject.directory,
            writable=subject.writable,
            uses_getconf=subject.has_getconf or settings.namespace is not None,
        )
    except spec.SpecError as error:
        raise SettingsError(str(error), hint="fix the project's settings") from error


def merge_base_config(override: str | None, place: str) -> bytes:
    """Merge Grocker's defaults with the application's own text, which comes from ``place``, key by key.

    Contract: C2. Raises SettingsError with the line if that text cannot be parsed.
    """
    if override is None:
        return f"{installed_files.DEFAULT_SETTINGS}\n".encode()  # as ``ConfigParser.write`` ends a section
    from configparser import ConfigParser, Error

    merged, own = ConfigParser(interpolation=None), ConfigParser(interpolation=None)
    merged.read_string(installed_files.DEFAULT_SETTINGS)
    try:
        own.read_string(override.removeprefix("\ufeff"), source=place)
    except Error as error:
        message = " ".join(str(error).split())
        raise SettingsError(
            f"{place}: {message}", hint="fix the INI file (it is parsed as it will be in the container)"
        ) from error
    merged.read_dict(own)
    text = io.StringIO()
    merged.write(text)
    return text.getvalue().encode()


def check_crontab(crontab: tuple[bytes | None, str], user: str, commands: Iterable[str]) -> bytes | None:
    """Return the application's crontab, given with its place, if the runner will accept it.

    Contract: K1. ``user``: the container's; ``commands``: the application's own. Raises SettingsError with place and
    line.
    """
    data, place = crontab
    if data is not None:
        from grocker.runner.cron.crontab_check import validate_crontab

        try:
            validate_crontab(data, place, user, commands)
        except spec.SpecError as error:
            raise SettingsError(
                str(error), hint="fix the crontab (it is parsed as it will be in the container)"
            ) from error
    return data
