"""GeoDjango computes in its container: its libraries, which no wheel names, follow from the application's source."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.trees.test_application_directory import DJANGO, SETTINGS, build

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.network, pytest.mark.long(45)]
_ENGINE = '"ENGINE": "django.contrib.gis.db.backends.spatialite", "NAME": ":memory:"'
_COMPUTE = """\
import django
django.setup()
from django.contrib.gis.gdal import gdal_full_version
from django.contrib.gis.geos import Point, Polygon
from django.db import connection

place = Point(13.4, 52.5, srid=4326)
assert Polygon(((13, 52), (14, 52), (14, 53), (13, 53), (13, 52))).contains(place)
projected = place.transform(3857, clone=True)
with connection.cursor() as cursor:
    cursor.execute("SELECT ST_AsText(ST_Centroid(ST_GeomFromText('POLYGON((0 0, 2 0, 2 2, 0 2, 0 0))')))")
    [text] = cursor.fetchone()
assert gdal_full_version()
print(f"{projected.x:.0f} {projected.y:.0f}", place.buffer(1).area > 3, text, flush=True)
"""


def test_geos_gdal_and_spatialite_compute_without_any_setting(tmp_path: Path) -> None:
    settings = SETTINGS.replace('"django.contrib.auth"', '"django.contrib.auth", "django.contrib.gis"')
    files = {
        "requirements.txt": "django\n",
        "manage.py": DJANGO["manage.py"],
        "mysite/__init__.py": "",
        "mysite/settings.py": f'{settings}\nDATABASES = {{"default": {{{_ENGINE}}}}}\n',
        "mysite/urls.py": "urlpatterns = []\n",
        "compute.py": _COMPUTE,
    }
    docker, said = build(tmp_path, ".", files)
    try:
        assert "  package: libgdal36 (compute.py uses django.contrib.gis)\n" in said
        assert "  package: libsqlite3-mod-spatialite (mysite/settings.py uses django.contrib.gis)\n" in said
        done = docker.run("env", "DJANGO_SETTINGS_MODULE=mysite.settings", "python", "/opt/app/compute.py")
        assert (done.status, done.out) == (0, "1491681 6891042 True POINT(1 1)\n"), done
    finally:
        docker.check("rmi", "--force", docker.image)
