"""``/etc/ld.so.cache``."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grocker.debian import ldcache
from grocker.debian.facts import Library
from grocker.debian.ldcache import CacheEntry
from tests.support.elf import library

CONF = {
    "etc/ld.so.conf": b"include /etc/ld.so.conf.d/*.conf\n",
    "etc/ld.so.conf.d/x86_64-linux-gnu.conf": b"# Multiarch\n/lib/x86_64-linux-gnu\n/usr/lib/x86_64-linux-gnu\n",
    "etc/ld.so.conf.d/libc.conf": b"/usr/local/lib\n",
}
WHERE = "usr/lib/x86_64-linux-gnu"
LDCONFIG = shutil.which("ldconfig", path="/usr/sbin:/sbin:/usr/bin")


def test_directories_are_each_named_once_when_the_configuration_names_both_spellings() -> None:
    assert ldcache.directories(CONF, "x86_64-linux-gnu") == (
        "/usr/local/lib",
        "/lib/x86_64-linux-gnu",
        "/lib",
    )


def test_directories_are_the_loaders_when_nothing_is_configured() -> None:
    assert ldcache.directories({}, "aarch64-linux-gnu") == ("/lib/aarch64-linux-gnu", "/lib")


def test_configuration_ends_when_it_includes_itself() -> None:
    assert ldcache.directories({"etc/ld.so.conf": b"include /etc/ld.so.conf\n/opt/x\n"}, "x")[0] == "/opt/x"


def scanned(*libraries: Library) -> list[tuple[str, str]]:
    scan = ldcache.scan(libraries, ldcache.directories(CONF, "x86_64-linux-gnu"))
    return [(entry.soname, entry.path) for entry in scan.entries]


def elf(path: str, soname: str, machine: int = 62) -> Library:
    return Library(f"{WHERE}/{path}", "", machine, True, soname)


def link(path: str, target: str) -> Library:
    return Library(f"{WHERE}/{path}", target)


def test_library_is_known_by_its_soname_and_its_link_for_the_linker() -> None:
    found = scanned(
        elf("libz.so.1.3.1", "libz.so.1"), link("libz.so.1", "libz.so.1.3.1"), link("libz.so", "libz.so.1.3.1")
    )
    assert found == [
        ("libz.so.1", "/lib/x86_64-linux-gnu/libz.so.1"),
        ("libz.so", "/lib/x86_64-linux-gnu/libz.so"),
    ]


def test_library_is_known_by_its_name_when_it_has_no_soname() -> None:
    assert scanned(elf("libx-1.2.so", "")) == [("libx-1.2.so", "/lib/x86_64-linux-gnu/libx-1.2.so")]


def test_link_is_found_when_it_goes_through_etc_alternatives() -> None:
    found = scanned(
        elf("blas/libblas.so.3.12", "libblas.so.3"),
        link("libblas.so.3", "/etc/alternatives/libblas.so.3-x86_64-linux-gnu"),
        Library("etc/alternatives/libblas.so.3-x86_64-linux-gnu", f"/{WHERE}/blas/libblas.so.3.12"),
    )
    assert found == [("libblas.so.3", "/lib/x86_64-linux-gnu/libblas.so.3")]


@pytest.mark.parametrize(
    "library", [link("libx.so.1", "libgone.so.1"), link("liba.so", "liba.so"), elf("libx.so.1", "libx.so.1", 8)]
)
def test_library_is_passed_over_when_it_dangles_circles_or_is_foreign(library: Library) -> None:
    assert scanned(library) == []


def test_missing_link_is_made_when_a_soname_has_no_file() -> None:
    scan = ldcache.scan([elf("libx.so.1.2", "libx.so.1")], ["/lib/x86_64-linux-gnu"])
    assert scan.links == {f"{WHERE}/libx.so.1": "libx.so.1.2"}


names = st.text("lib.so0129-x", min_size=1, max_size=12)


@given(names, names, names)
def test_order_of_names_is_total(a: str, b: str, c: str) -> None:
    assert (ldcache.compare(a, b) > 0) == (ldcache.compare(b, a) < 0)
    if ldcache.compare(a, b) <= 0 and ldcache.compare(b, c) <= 0:
        assert ldcache.compare(a, c) <= 0


@pytest.mark.skipif(LDCONFIG is None, reason="there is no ldconfig")
@pytest.mark.parametrize("machine", [62, 183])
def test_cache_reads_back_when_ldconfig_prints_it(machine: int, tmp_path: Path) -> None:
    libraries = [elf(f"lib{name}.so.{n}", f"lib{name}.so.{n}", machine) for name in "abc10" for n in (1, 2, 10)]
    scan = ldcache.scan(libraries, ldcache.directories(CONF, "x86_64-linux-gnu"))
    cache = tmp_path / "ld.so.cache"
    cache.write_bytes(ldcache.encode(scan.entries))
    printed = subprocess.run([LDCONFIG or "", "-p", "-C", cache], capture_output=True, text=True, check=True).stdout
    word = {62: "x86-64", 183: "AArch64"}[machine]
    lines = [f"{e.soname} (libc6,{word}) => {e.path}" for e in scan.entries]
    assert [line.strip() for line in printed.splitlines() if "=>" in line] == lines
    assert len(lines) == 15


@pytest.mark.skipif(LDCONFIG is None, reason="there is no ldconfig")
def test_cache_is_the_one_that_ldconfig_makes_when_the_files_are_the_same(tmp_path: Path) -> None:
    place = tmp_path / "libraries"
    place.mkdir()
    found: list[Library] = []
    for name, soname in [
        ("libz.so.1.3.1", "libz.so.1"),
        ("libplugin.so", ""),
        ("libodd-2.so.7", "libodd.so.7"),
        ("libc-2.41.so", "libc.so.6"),
        ("libtwo.so.1.9", "libtwo.so.1"),
        ("libtwo.so.1.10", "libtwo.so.1"),
        ("libbase.so.3", "libbase.so.3"),
    ]:
        (place / name).write_bytes(library(soname))
        found.append(Library(f"{str(place)[1:]}/{name}", "", 62, True, soname))
    for name, target in [
        ("libz.so.1", "libz.so.1.3.1"),
        ("libz.so", "libz.so.1"),
        ("libother.so.9", "libbase.so.3"),
        ("libgone.so.1", "libnowhere.so.1"),
    ]:
        (place / name).symlink_to(target)
        found.append(Library(f"{str(place)[1:]}/{name}", target))
    scan = ldcache.scan(found, [str(place)])
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_bytes(ldcache.encode(scan.entries))
    configuration = tmp_path / "ld.so.conf"
    configuration.write_text(f"{place}\n")
    made = subprocess.run(
        [LDCONFIG or "", "-C", theirs, "-f", configuration], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    printed = []
    for cache in (ours, theirs):
        text = subprocess.run([LDCONFIG or "", "-p", "-C", cache], capture_output=True, text=True, check=True).stdout
        printed.append([line.strip() for line in text.splitlines() if str(place) in line])
    assert printed[0] == printed[1]
    assert all((tmp_path.parent.parent / path).is_symlink() or Path("/", path).is_symlink() for path in scan.links)


def test_cache_is_empty_when_there_are_no_libraries() -> None:
    assert len(ldcache.encode([])) == 48
    assert ldcache.encode([CacheEntry("a", "/a", 3)])[:20] == b"glibc-ld.so.cache1.1"
