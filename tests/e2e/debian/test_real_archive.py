"""Packages of the archive that this host's apt uses: resolved, read, configured, and run in a chroot."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from grocker import debian
from grocker.debian import Facts, PackageSet, StaticConfiguration
from grocker.errors import SettingsError
from grocker.lock.values import DebianPackage
from grocker.platforms.run_packages import SPATIALITE
from grocker.platforms.suites import SUITES
from grocker.progress import Silent
from grocker.store import Store
from grocker.store.fetch import fetch
from grocker.tar.entry import Directory, Entry
from grocker.tar.unpack import unpack
from grocker.web import Transport
from tests.support.side_by_side import directory

pytestmark = [pytest.mark.e2e, pytest.mark.network]

ASKED = ("libpq5", "openssh-client")


def parameters(*suites: str) -> list[Any]:
    """The suites as parameters of ``image``, each in one process."""
    return [pytest.param(suite, marks=pytest.mark.xdist_group(f"image-{suite}")) for suite in suites]


# The scripts of a suite that is not released change with each week: the build warns of those that nobody has reviewed.
of_released_suites = pytest.mark.parametrize(
    "image", parameters(*(name for name, row in SUITES.items() if row.is_released)), indirect=True
)


@dataclass(frozen=True)
class Image:
    """The root of an image, on disk."""

    root: Path
    names: tuple[str, ...]
    """what was asked for"""
    resolved: PackageSet
    geodjango: PackageSet
    """what an application with GeoDjango needs besides"""
    facts: tuple[Facts, ...]
    configured: StaticConfiguration

    def run(self, *command: str, user: int = 0) -> str:
        """What a command prints inside."""
        done = subprocess.run(
            ["chroot", f"--userspec={user}:0", self.root, *command],
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/home/blue"},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="module", params=parameters(*SUITES))
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    try:
        mirrors = debian.find_mirrors(environ=os.environ)
    except SettingsError as error:
        pytest.skip(error.message)
    root = tmp_path_factory.mktemp(request.param)
    suite = SUITES[request.param]
    names = (*suite.base, *suite.interpreter, *ASKED)
    progress = Silent()
    with Store.open(directory() / "archive") as store, Transport(environ=os.environ) as transport:
        archive = debian.open_archive(
            mirrors,
            request.param,
            "amd64",
            store=store,
            transport=transport,
            progress=progress,
            now=datetime.now(UTC),
        )
        resolved = debian.resolve(archive.indexes, names)
        geodjango = debian.resolve(archive.indexes, (suite.gdal, SPATIALITE))

        def read(package: DebianPackage) -> debian.UnpackedPackage:
            address = f"{archive.address(package.suite)}/{package.filename}"
            file = fetch(
                store,
                transport,
                address,
                digest=package.sha256,
                size=package.size,
                what=package.name,
                progress=progress,
            )
            return debian.unpack(file, name=package.name)

        with ThreadPoolExecutor(4) as pool:
            unpacked = list(pool.map(read, resolved.packages))
    facts = tuple(one.facts for one in unpacked)
    configured = debian.configure(facts)
    entries: list[Entry] = [entry for one in unpacked for entry in one.entries]
    taken = {entry.path for entry in entries if not isinstance(entry, Directory)}
    assert not taken & {entry.path for entry in configured.entries if not isinstance(entry, Directory)}
    unpack([*entries, *configured.entries], root)
    root.chmod(0o755)
    (root / "tmp").chmod(0o1777)
    yield Image(root, names, resolved, geodjango, facts, configured)
    shutil.rmtree(root)


@pytest.fixture
def device(image: Image) -> None:
    """``/dev/null``, which an engine brings."""
    place = image.root / "dev/null"
    if not place.exists():
        os.mknod(place, 0o20666, os.makedev(1, 3))
        place.chmod(0o666)


@of_released_suites
def test_every_script_of_the_base_is_settled(image: Image) -> None:
    assert image.configured.uncovered == ()


@of_released_suites
def test_set_is_closed_and_every_package_says_why_it_is_there(image: Image) -> None:
    names = {package.name for package in image.resolved.packages}
    assert {"libc6", "libssl3t64", "libssl3"} & names
    assert not names & {"dpkg", "debconf", "perl-base", "systemd"}
    assert all(image.resolved.why(name)[0] in image.names for name in names)


def test_gdal_brings_geos_and_proj(image: Image) -> None:
    names = {package.name for package in image.geodjango.packages}
    assert {"libgeos-c1v5", "libgeos-c1t64"} & names
    assert "libproj25" in names


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="dpkg is not installed")
def test_dpkg_reads_the_records_when_it_is_asked(image: Image) -> None:
    def query(*arguments: str) -> list[str]:
        command = ["dpkg-query", f"--admindir={image.root}/var/lib/dpkg", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()

    shown = query("-W", "-f", "${Package} ${Version} ${db:Status-Status}\n")
    assert shown == sorted(f"{p.name} {p.version} installed" for p in image.resolved.packages)
    assert "/usr/bin/dash" in query("-L", "dash") or "/bin/dash" in query("-L", "dash")


@pytest.mark.root
def test_cache_is_ldconfigs_when_ldconfig_makes_one(image: Image) -> None:
    image.run("ldconfig", "-X", "-C", "/tmp/theirs")

    def lines(*arguments: str) -> list[str]:
        return [line for line in image.run("ldconfig", "-p", *arguments).splitlines() if "=>" in line]

    assert lines() == lines("-C", "/tmp/theirs")


@pytest.mark.root
@pytest.mark.usefixtures("device")
def test_python_finds_what_it_is_promised(image: Image) -> None:
    out = image.run(
        "python3",
        "-c",
        "import bz2, ctypes.util, curses, lzma, mimetypes, readline, socket, sqlite3, ssl, uuid, zoneinfo;"
        "print(zoneinfo.ZoneInfo('Europe/Paris'), ctypes.util.find_library('pq'), ctypes.util.find_library('c'),"
        "len(ssl.create_default_context().get_ca_certs()) > 100, mimetypes.guess_type('x.webp')[0],"
        "socket.getservbyname('https'))",
        user=1000,
    )
    assert out.split() == ["Europe/Paris", "libpq.so.5", "libc.so.6", "True", "image/webp", "443"]


@pytest.mark.root
@pytest.mark.usefixtures("device")
def test_programs_run_when_the_user_is_the_applications(image: Image) -> None:
    assert image.run("bash", "-c", "id -un; cd ~; pwd; which awk", user=1000).split() == [
        "blue",
        "/home/blue",
        "/usr/bin/awk",
    ]
    assert image.run("ssh", "-V", user=1000).startswith("OpenSSH_")
    assert image.run("getent", "passwd", "blue", user=1000) == "blue:x:1000:0:blue:/home/blue:/bin/bash\n"
    assert image.run("date", "+%Z", user=1000) == "UTC\n"
    assert image.run("getent", "hosts", "localhost", user=1000).split()[1] == "localhost"


@pytest.mark.root
def test_openssl_trusts_the_authorities_by_bundle_and_by_hash(image: Image) -> None:
    one = "/usr/share/ca-certificates/mozilla/ISRG_Root_X1.crt"
    for option, place in (("-CApath", "/etc/ssl/certs"), ("-CAfile", "/etc/ssl/certs/ca-certificates.crt")):
        others = "-no-CAfile" if option == "-CApath" else "-no-CApath"
        assert image.run("openssl", "verify", others, option, place, one) == f"{one}: OK\n"


@pytest.mark.root
def test_links_are_openssls_when_it_hashes_the_directory(image: Image) -> None:
    image.run("cp", "-a", "/etc/ssl/certs", "/tmp/certs")
    ours = _links(image.root / "tmp/certs")
    for link in ours:
        (image.root / "tmp/certs" / link).unlink()
    image.run("openssl", "rehash", "/tmp/certs")
    assert _links(image.root / "tmp/certs") == ours
    assert len(ours) > 100


def _links(directory: Path) -> dict[str, str]:
    return {path.name: str(path.readlink()) for path in directory.iterdir() if path.suffix[1:].isdigit()}
