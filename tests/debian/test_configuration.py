"""What is generated for an image."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace

from grocker.debian import configure, deb
from grocker.debian.facts import Facts
from grocker.tar.entry import Directory, Entry, File, Symlink
from grocker.tar.keys import REVISION
from grocker.tar.writer import segment
from tests.support.archive import Folder, Link, Package, Program
from tests.support.certificates import certificate, pem
from tests.support.elf import library

BASE = [
    Package(
        "base-passwd",
        files={
            "usr/share/base-passwd/passwd.master": "root:*:0:0:root:/root:/bin/bash\n",
            "usr/share/base-passwd/group.master": "root:*:0:\nshadow:*:42:\n",
        },
    ),
    Package(
        "base-files",
        files={
            "usr/share/base-files/profile": "PATH=/bin\n",
            "usr/share/base-files/motd": "hello\n",
            "usr/share/base-files/dot.bashrc": "# root\n",
            "etc/dpkg/origins/debian": "Vendor: Debian\n",
            "bin": Link("usr/bin"),
            "var/run": Folder(),
            "var/lock": Folder(0o1777),
            "var/spool": Folder(),
        },
    ),
    Package("libc-bin", files={"usr/share/libc-bin/nsswitch.conf": "passwd: files\n"}),
    Package("tzdata", architecture="all", files={"usr/share/zoneinfo/Etc/UTC": b"TZif"}),
    Package("netbase", architecture="all", files={"etc/protocols": ""}),
    Package(
        "debianutils",
        files={
            "usr/share/debianutils/shells": "# /etc/shells: valid login shells\n/bin/sh\n",
            "usr/share/debianutils/shells.d/bash": "/bin/bash\n",
        },
    ),
    Package("bash", files={"etc/skel/.bashrc": "# you\n", "bin/bash": Program()}),
    Package(
        "libz1",
        fields={"Multi-Arch": "same", "Depends": "libc6"},
        files={"usr/lib/x86_64-linux-gnu/libz.so.1": library("libz.so.1"), "usr/lib64/x": ""},
        control={"md5sums": f"{'0' * 32}  usr/lib64/x\n"},
    ),
    Package(
        "editor",
        files={"usr/bin/nano": Program(), "etc/nanorc": "x\n"},
        control={
            "conffiles": "/etc/nanorc\n",
            "postinst": "#!/bin/sh\nupdate-alternatives --install /usr/bin/editor editor /usr/bin/nano 40\n",
        },
    ),
]


def facts(*packages: Package) -> list[Facts]:
    return [deb.unpack_bytes(package.deb(), name=package.name).facts for package in packages]


def generated(*packages: Package, **named: object) -> dict[str, Entry]:
    made = configure(facts(*(packages or BASE)), **named)  # type: ignore[arg-type]
    return {entry.path: entry for entry in made.entries}


def text(entry: Entry) -> str:
    assert isinstance(entry, File)
    assert isinstance(entry.data, bytes)
    return entry.data.decode()


def test_entries_are_sorted_and_each_there_once() -> None:
    paths = [entry.path for entry in configure(facts(*BASE)).entries]
    assert paths == sorted(set(paths))


def test_entries_are_the_same_when_facts_come_in_another_order() -> None:
    found = facts(*BASE)
    expected = configure(found)
    random.Random(1).shuffle(found)
    assert configure(found) == expected


def test_defaults_are_copied_when_their_packages_are_there() -> None:
    found = generated()
    assert text(found["etc/profile"]) == "PATH=/bin\n"
    assert text(found["root/.bashrc"]) == "# root\n"
    assert text(found["etc/nsswitch.conf"]) == "passwd: files\n"
    assert text(found["etc/shells"]).splitlines()[1:] == ["/bin/sh", "/usr/bin/sh", "/bin/bash", "/usr/bin/bash"]
    assert "localhost" in text(found["etc/hosts"])
    assert found["etc/localtime"] == Symlink("etc/localtime", "/usr/share/zoneinfo/Etc/UTC")
    assert found["etc/dpkg/origins/default"] == Symlink("etc/dpkg/origins/default", "debian")


def test_default_is_not_copied_when_a_package_ships_the_file() -> None:
    assert "etc/profile" not in generated(*BASE, Package("own", files={"etc/profile": "mine\n"}))


def test_nothing_is_invented_when_packages_are_missing() -> None:
    found = generated(BASE[0])
    assert not {"etc/profile", "etc/localtime", "etc/ld.so.cache", "etc/ssl/certs", "etc/shells"} & set(found)


def test_file_that_a_script_writes_in_any_case_comes_with_its_package() -> None:
    path = "var/lib/xfonts/excluded-aliases"
    assert path not in generated()
    assert text(generated(*BASE, Package("xfonts-utils", architecture="all"))[path]).startswith(
        "!! Excluded alias files"
    )


def test_nginx_has_debians_default_site() -> None:
    page = {"usr/share/nginx/html/index.html": "welcome\n"}
    found = generated(*BASE, Package("nginx-common", architecture="all", files=page))
    link = "etc/nginx/sites-enabled/default"
    assert found[link] == Symlink(link, "/etc/nginx/sites-available/default")
    assert text(found["var/www/html/index.nginx-debian.html"]) == "welcome\n"


def test_roots_links_are_made_when_the_architecture_has_the_directories() -> None:
    found = generated()
    assert found["bin"] == Symlink("bin", "usr/bin")
    assert found["lib64"] == Symlink("lib64", "usr/lib64")
    assert found["var/run"] == Symlink("var/run", "/run")
    assert found["var/lock"] == Symlink("var/lock", "/run/lock")
    assert found["var/spool/mail"] == Symlink("var/spool/mail", "../mail")
    assert "lib32" not in found


def test_modes_are_debians_when_a_directory_has_its_own() -> None:
    found = generated()
    assert found["tmp"] == Directory("tmp", 0o1777)
    assert found["root"] == Directory("root", 0o700)
    assert found["run/lock"] == Directory("run/lock", 0o1777)


def test_user_has_a_home_and_a_name_when_the_build_names_another() -> None:
    found = generated(user="green", uid=4711)
    assert found["home/green"] == Directory("home/green", 0o775, 4711, 0)
    assert found["home/green/.bashrc"] == File("home/green/.bashrc", b"# you\n", 0o664, 4711, 0)
    assert "green:x:4711:0:green:/home/green:/bin/bash" in text(found["etc/passwd"])


def test_link_is_made_when_a_script_installs_an_alternative() -> None:
    assert generated()["usr/bin/editor"] == Symlink("usr/bin/editor", "/etc/alternatives/editor")


def test_scripts_that_nobody_knows_are_named() -> None:
    (found,) = configure(facts(*BASE)).uncovered
    assert (found.package, found.name) == ("editor", "postinst")


def test_dpkgs_records_are_what_scanners_read() -> None:
    found = generated()
    status = text(found["var/lib/dpkg/status"])
    assert status.startswith("Package: base-files\nStatus: install ok installed\n")
    assert "Description: libz1, made up\n It exists for tests.\n" in status
    assert "\nConffiles:\n /etc/nanorc " in status
    assert status.count("\n\nPackage: ") == len(BASE) - 1
    assert text(found["var/lib/dpkg/info/bash.list"]) == "/.\n/bin\n/bin/bash\n/etc\n/etc/skel\n/etc/skel/.bashrc\n"
    assert "var/lib/dpkg/info/libz1:amd64.list" in found
    assert text(found["var/lib/dpkg/info/libz1:amd64.md5sums"]) == f"{'0' * 32}  usr/lib64/x\n"


def test_cache_has_the_library_when_another_architecture_is_built_for() -> None:
    arm = [
        Package(
            "libz1",
            architecture="arm64",
            files={
                "usr/lib/aarch64-linux-gnu/libz.so.1": library("libz.so.1", 183),
                "usr/lib/aarch64-linux-gnu/libz.so": Link("libz.so.1"),
            },
        )
    ]
    cache = generated(replace(BASE[0], architecture="all"), *arm)["etc/ld.so.cache"]
    assert isinstance(cache, File)
    assert isinstance(cache.data, bytes)
    assert b"/lib/aarch64-linux-gnu/libz.so.1\0" in cache.data
    assert int.from_bytes(cache.data[48:52], "little") == 0x0A03


def test_fonts_are_configured_as_debconf_has_it_when_fontconfig_is_there() -> None:
    available = "usr/share/fontconfig/conf.avail"
    names = ("10-hinting-slight.conf", "70-no-bitmaps.conf", "70-no-bitmaps-except-emoji.conf", "99-x.conf")
    package = Package("fontconfig-config", files={f"{available}/{name}": "" for name in names})
    found = [path for path in generated(package) if path.startswith("etc/fonts/")]
    assert found == ["etc/fonts/conf.d/10-hinting-slight.conf", "etc/fonts/conf.d/70-no-bitmaps-except-emoji.conf"]


def test_local_directories_are_there_when_their_package_is() -> None:
    certificates = Package("ca-certificates", files={"usr/sbin/update-ca-certificates": Program()})
    fonts = Package("fontconfig-config", files={"usr/share/fontconfig/conf.avail/x.conf": ""})
    assert generated(certificates)["usr/local/share/ca-certificates"] == Directory("usr/local/share/ca-certificates")
    assert generated(fonts)["usr/local/share/fonts"] == Directory("usr/local/share/fonts")
    assert "usr/local/share/fonts" not in generated(certificates)
    modules = Package("libpam-modules", files={"etc/security/limits.conf": ""})
    assert generated(modules)["etc/security/opasswd"] == File("etc/security/opasswd", b"", 0o600)


GOLDEN = (10, "1a2054f0522bbcc6", "ed17cda38616cb8f")
"""Revision, digest of the packages' entries, digest of what is generated. Another digest wants another revision."""
_RECOGNIZED = (
    "etc/dpkg/origins/debian",
    "etc/protocols",
    "etc/security/limits.conf",
    "usr/sbin/update-ca-certificates",
    "usr/share/fontconfig/conf.avail/10-hinting-slight.conf",
    "usr/share/zoneinfo/Etc/UTC",
)
"""files whose presence makes others"""


def test_bytes_are_the_golden_ones_until_the_revision_changes() -> None:
    certificates = {"usr/share/ca-certificates/x.crt": pem(certificate((0x0C, b"X")))}
    packages = [*BASE, Package("ca", files={**certificates, **dict.fromkeys(_RECOGNIZED, "")})]
    unpacked = [deb.unpack_bytes(package.deb(), name=package.name) for package in packages]
    entries = [entry for one in unpacked for entry in one.entries]
    made = configure(one.facts for one in unpacked).entries
    digests = (hashlib.sha256(b"".join(segment(part, epoch=0))).hexdigest()[:16] for part in (entries, made))
    assert (REVISION, *digests) == GOLDEN
