"""What configuration needs of a package."""

from __future__ import annotations

import hashlib

import msgspec
import pytest

from grocker.debian import deb, facts
from grocker.debian.facts import Facts, Library
from tests.support.archive import Link, Package, Program
from tests.support.elf import library


def of(package: Package) -> Facts:
    return deb.unpack_bytes(package.deb(), name=package.name).facts


def test_facts_are_what_configuration_reads_when_a_package_has_everything() -> None:
    conf = "a = 1\n"
    found = of(
        Package(
            "hello",
            files={
                "etc/hello.conf": conf,
                "usr/bin/hello": Program(b"x"),
                "usr/lib/x86_64-linux-gnu/libhello.so.1.2": library("libhello.so.1"),
                "usr/lib/x86_64-linux-gnu/libhello.so.1": Link("libhello.so.1.2"),
                "usr/lib/python3/dist-packages/hello.py": "",
                "usr/share/ca-certificates/mozilla/A.crt": "pem",
                "usr/share/man/man1/hello.1.gz": b"",
            },
            control={
                "postinst": "#!/bin/sh\nexit 0\n",
                "prerm": "#!/bin/sh\n",
                "conffiles": "/etc/hello.conf\nremove-on-upgrade /etc/old.conf\n",
                "md5sums": f"{'0' * 32}  usr/bin/hello\n{'1' * 32}  usr/share/man/man1/hello.1.gz\n",
            },
        )
    )
    assert (found.name, found.version, found.architecture) == ("hello", "1.0-1", "amd64")
    assert found.scripts == {"postinst": "#!/bin/sh\nexit 0\n"}
    assert found.conffiles == {"/etc/hello.conf": hashlib.md5(conf.encode()).hexdigest()}
    assert found.md5sums == f"{'0' * 32}  usr/bin/hello\n"
    assert found.contents == {"usr/share/ca-certificates/mozilla/A.crt": b"pem"}
    assert found.python == ("usr/lib/python3/dist-packages",)
    assert found.libraries == (
        Library("usr/lib/x86_64-linux-gnu/libhello.so.1", "libhello.so.1.2"),
        Library("usr/lib/x86_64-linux-gnu/libhello.so.1.2", "", 62, True, "libhello.so.1"),
    )


@pytest.mark.parametrize("form", ["msgpack", "json"])
def test_facts_are_the_same_when_they_were_kept(form: str) -> None:
    found = of(Package("hello", files={"usr/share/ca-certificates/x.crt": b"\xff"}))
    if form == "msgpack":
        assert facts.decode(facts.encode(found)) == found
    else:
        assert msgspec.json.decode(msgspec.json.encode(found), type=Facts) == found


@pytest.mark.parametrize(
    ("field", "answer"),
    [("other", True), ("other (<< 2)", True), ("other (<< 1.0)", False), ("third", False), ("", False)],
)
def test_package_replaces_another_when_its_field_says_so(field: str, answer: bool) -> None:
    replacing = of(Package("hello", fields={"Replaces": field} if field else {}))
    assert facts.replaces(replacing, of(Package("other"))) is answer
