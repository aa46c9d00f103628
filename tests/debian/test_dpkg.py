"""dpkg's database as scanners read it."""

from __future__ import annotations

from msgspec.structs import replace

from grocker.debian.dpkg import entries, working_entries
from grocker.debian.facts import Facts
from grocker.tar.entry import Directory, File

LIBZ = Facts(
    fields={
        "Package": "libz1",
        "Version": "1.3",
        "Architecture": "amd64",
        "Multi-Arch": "same",
        "Description": "a library\nIt compresses.",
        "Empty": "",
    },
    paths=("etc/z.conf", "lib/libz.so.1"),
    scripts={},
    conffiles={"/etc/z.conf": "0" * 32, "/etc/a.conf": "1" * 32},
    md5sums=f"{'2' * 32}  lib/libz.so.1\n",
    libraries=(),
    contents={},
    python=(),
)
NANO = replace(
    LIBZ, fields={"Package": "nano", "Version": "8", "Architecture": "amd64"}, paths=(), conffiles={}, md5sums=""
)


def files(*facts: Facts) -> dict[str, bytes]:
    return {e.path: bytes(e.data) for e in entries(facts) if isinstance(e, File) and isinstance(e.data, bytes)}


def test_status_has_a_stanza_for_each_package() -> None:
    assert files(LIBZ, NANO)["var/lib/dpkg/status"].decode() == (
        "Package: libz1\n"
        "Status: install ok installed\n"
        "Version: 1.3\n"
        "Architecture: amd64\n"
        "Multi-Arch: same\n"
        "Description: a library\n"
        " It compresses.\n"
        "Empty:\n"
        "Conffiles:\n"
        f" /etc/a.conf {'1' * 32}\n"
        f" /etc/z.conf {'0' * 32}\n"
        "\n"
        "Package: nano\n"
        "Status: install ok installed\n"
        "Version: 8\n"
        "Architecture: amd64\n"
    )


def test_list_names_the_packages_own_paths_and_its_architecture_when_it_may_be_there_twice() -> None:
    found = files(LIBZ, NANO)
    assert found["var/lib/dpkg/info/libz1:amd64.list"] == b"/.\n/etc/z.conf\n/lib/libz.so.1\n"
    assert found["var/lib/dpkg/info/nano.list"] == b"/.\n"


def test_checksums_are_left_out_when_the_package_has_none() -> None:
    found = files(LIBZ, NANO)
    assert found["var/lib/dpkg/info/libz1:amd64.md5sums"] == LIBZ.md5sums.encode()
    assert "var/lib/dpkg/info/nano.md5sums" not in found


def test_database_is_complete_when_there_are_no_packages() -> None:
    assert [e.path for e in entries(()) if isinstance(e, Directory)] == ["var/lib/dpkg", "var/lib/dpkg/info"]
    assert files() == {"var/lib/dpkg/info/format": b"1\n", "var/lib/dpkg/status": b""}


def test_working_records_have_states_scripts_and_triggers_of_what_is_pending() -> None:
    control = {
        "libz1": {
            "control": b"",
            "postinst": b"#!/bin/sh\n",
            "triggers": b"interest-noawait /usr/share/z\ninterest ldc\n",
        },
        "nano": {"templates": b"Template: nano/x\n", "triggers": b"interest ldc\n"},
    }
    made = {e.path: e for e in working_entries((LIBZ, NANO), control, ("libz1",)) if isinstance(e, File)}
    status = made["var/lib/dpkg/status"].data
    assert isinstance(status, bytes)
    assert status.startswith(b"Package: libz1\nStatus: install ok unpacked\n")
    assert b"Package: nano\nStatus: install ok installed\n" in status
    assert made["var/lib/dpkg/info/libz1:amd64.postinst"] == File(
        "var/lib/dpkg/info/libz1:amd64.postinst", b"#!/bin/sh\n", 0o755
    )
    assert made["var/lib/dpkg/info/nano.templates"].mode == 0o644
    assert made["var/lib/dpkg/triggers/File"].data == b"/usr/share/z libz1/noawait\n"
    assert made["var/lib/dpkg/triggers/ldc"].data == b"libz1\n"
    assert "var/lib/dpkg/info/libz1:amd64.triggers" in made
    assert "var/lib/dpkg/info/nano.triggers" not in made
    assert "var/lib/dpkg/info/libz1:amd64.control" not in made
