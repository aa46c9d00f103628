"""Every package that the table of sdists names exists in every suite, and is installable beside the toolchain."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from grocker import debian
from grocker.debian.contents import find_header_packages
from grocker.errors import GrockerError
from grocker.platforms.build_packages import SDISTS, TOOLCHAIN
from grocker.platforms.suites import SUITES
from grocker.progress import Silent
from grocker.store import Store
from grocker.web import Transport
from tests.support.side_by_side import directory

pytestmark = [pytest.mark.e2e, pytest.mark.network]


@pytest.mark.parametrize("suite", SUITES)
def test_packages_of_sdists_are_installable(suite: str) -> None:
    row = SUITES[suite]
    mirrors = debian.find_mirrors(environ=os.environ)
    refused = {}
    with Store.open(directory() / "archive") as store, Transport(environ=os.environ) as transport:
        archive = debian.open_archive(
            mirrors, suite, "amd64", store=store, transport=transport, progress=Silent(), now=datetime.now(UTC)
        )
        for name, packages in {**SDISTS, "Rust": row.rust, "CMake and Fortran": ("cmake", "gfortran")}.items():
            try:
                debian.resolve(archive.indexes, (*row.base, *row.interpreter, *TOOLCHAIN, *packages))
            except GrockerError as error:
                refused[name] = error.message
    assert refused == {}


def test_headers_are_found_in_the_archives_own_index() -> None:
    mirrors = debian.find_mirrors(environ=os.environ)
    with Store.open(directory() / "archive") as store, Transport(environ=os.environ) as transport:
        archive = debian.open_archive(
            mirrors, "bookworm", "amd64", store=store, transport=transport, progress=Silent(), now=datetime.now(UTC)
        )
        found = {
            header: find_header_packages(archive, header, store=store, transport=transport, progress=Silent())
            for header in ("yaml.h", "avahi-client/client.h", "no/such/header.h")
        }
    assert "libyaml-dev" in found["yaml.h"]
    assert found["avahi-client/client.h"] == ("libavahi-client-dev",)
    assert found["no/such/header.h"] == ()
