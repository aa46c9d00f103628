"""Check that the image's packages have the time zones that it names. Contract: K2, X4."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from grocker.errors import SettingsError
from grocker.runner.contract.spec import Service, SpecError

_HINT = "use a name such as Europe/Paris"


def check_time_zones(
    zones: Callable[[], Collection[str]],
    *,
    variables: Iterable[str],
    services: Mapping[str, Service],
    crontab: tuple[bytes | None, str],
    user: str,
    commands: Iterable[str],
) -> None:
    """Check the zones of ``TZ`` and ``CRON_TZ``.

    ``zones``: returns the names of the image's zone files; called when there is a zone to check. ``variables``: the
    image's, NAME=VALUE. ``crontab``: the application's, with its place. ``user``: the container's; ``commands``: the
    application's. Raises SettingsError that names the setting, or the crontab's line.
    """
    named = [("env.TZ", v.removeprefix("TZ=")) for v in variables if v.startswith("TZ=")]
    named += [(f"services.{name}.env.TZ", s.env["TZ"]) for name, s in sorted(services.items()) if s.env.get("TZ")]
    data, place = crontab
    if not (any(zone for _, zone in named) or (data and b"TZ" in data)):
        return
    from grocker.runner.cron.crontab_check import is_known_zone, validate_crontab

    known: Collection[str] = zones()
    for setting, zone in named:
        if zone and not is_known_zone(zone, known):
            raise SettingsError(f"{setting}: unknown time zone {zone!r}", hint=_HINT)
    if data and b"TZ" in data:
        try:
            validate_crontab(data, place, user, commands, known)
        except SpecError as error:
            raise SettingsError(str(error), hint="fix the crontab") from error
