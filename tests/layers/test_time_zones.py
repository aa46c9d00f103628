"""Time zones that an image names."""

from __future__ import annotations

import pytest

from grocker.errors import SettingsError
from grocker.layers.time_zones import check_time_zones
from grocker.runner.contract.spec import Service

ZONES = frozenset({"Europe/Paris", "US/Eastern", "UTC"})


def check(variables: tuple[str, ...] = (), service: str = "", crontab: bytes | None = None) -> None:
    check_time_zones(
        lambda: ZONES,
        variables=variables,
        services={"www": Service(command=("a",), env={"TZ": service} if service else {})},
        crontab=(crontab, "demo/crontab"),
        user="blue",
        commands=("demo",),
    )


@pytest.mark.parametrize(
    "zone", ["Europe/Paris", ":Europe/Paris", "US/Eastern", "CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT"]
)
def test_zones_of_the_image_and_rules_are_known(zone: str) -> None:
    check((f"TZ={zone}",), zone, f"CRON_TZ={zone}\n0 4 * * * demo\n".encode())


@pytest.mark.parametrize("zone", ["Europe/Pari", "US/Estern", "Mars/Phobos", "europe/paris"])
def test_unknown_zones_are_an_error_with_their_place(zone: str) -> None:
    with pytest.raises(SettingsError, match=f"env.TZ: unknown time zone '{zone}'"):
        check((f"TZ={zone}",))
    with pytest.raises(SettingsError, match=f"services.www.env.TZ: unknown time zone '{zone}'"):
        check(service=zone)
    for name in ("CRON_TZ", "TZ"):
        with pytest.raises(SettingsError, match=f"demo/crontab:2: {name}={zone}: unknown time zone"):
            check(crontab=f"\n{name}={zone}\n0 4 * * * demo\n".encode())


def test_zones_are_not_read_when_none_is_named() -> None:
    def zones() -> frozenset[str]:
        raise AssertionError

    check_time_zones(
        zones, variables=("A=1",), services={}, crontab=(b"0 4 * * * demo\n", ""), user="blue", commands=("demo",)
    )
