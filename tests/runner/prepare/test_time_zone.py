from __future__ import annotations

from pathlib import Path

import pytest

from grocker.runner.base.failure import Failure
from grocker.runner.prepare import time_zone


@pytest.fixture
def zones(tmp_path: Path) -> str:
    (tmp_path / "Europe").mkdir()
    (tmp_path / "Europe" / "Paris").write_bytes(b"TZif2" + bytes(40))
    (tmp_path / "zone.tab").write_text("no zone")
    return str(tmp_path)


@pytest.mark.parametrize(
    "zone",
    ["", ":", "Europe/Paris", ":Europe/Paris", "UTC0", "EST5EDT", "<+03>-3", "CET-1CEST,M3.5.0,M10.5.0/3", "IST-5:30"],
)
def test_time_zone_is_accepted_when_the_library_knows_it(zones: str, zone: str) -> None:
    time_zone.check_time_zone(zone, zones)


@pytest.mark.parametrize(
    "zone", ["Europe", "Europe/Atlantis", "Paris", "zone.tab", "/etc/passwd", "Europe/Paris ", "\0"]
)
def test_time_zone_is_refused_when_it_is_unknown(zones: str, zone: str) -> None:
    with pytest.raises(Failure) as caught:
        time_zone.check_time_zone(zone, zones)
    assert caught.value.status == 78


@pytest.mark.parametrize("zone", ["US/Eastern", "Canada/Pacific", "GB", "Asia/Calcutta", "America/Buenos_Aires"])
def test_old_name_of_a_zone_gets_a_way_out(zones: str, zone: str) -> None:
    """Debian trixie has these in a package of its own."""
    with pytest.raises(Failure, match="add the Debian package tzdata-legacy"):
        time_zone.check_time_zone(zone, zones)
