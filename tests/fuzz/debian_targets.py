"""Parsers of what Debian's mirrors send."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import pysequoia

from grocker.debian import accounts, certificates, cleartext, control, deb, facts, packages, release, version
from grocker.debian import elf as elf_reader
from grocker.debian.deb_formats import Malformed, decompress
from grocker.debian.index import PackageIndex
from grocker.debian.resolver import resolve
from grocker.errors import CorruptError, MissingError, SettingsError
from grocker.platforms.suites import Signer
from grocker.tar.entry import path_problem
from tests.fuzz.target import Target, join, parts, with_checksums
from tests.support.archive import Archive, Content, Folder, Hard, Link, Package, Program, ar, tar
from tests.support.elf import library

_FILES: dict[str, Content] = {
    "usr/bin/hello": Program(b"#!/bin/sh\n"),
    "usr/lib/x86_64-linux-gnu/libhello.so.1": library("libhello.so.1", needed=("libc.so.6",)),
    "usr/lib/x86_64-linux-gnu/libhello.so": Link("libhello.so.1"),
    "usr/bin/hi": Hard("./usr/bin/hello"),
    "etc/hello.conf": b"x = 1\n",
    "var/lib/hello": Folder(),
    "usr/share/doc/" + "a" * 120 + "/copyright": b"free\n",
    "bin/sh": b"",
}
_HELLO = Package(
    "hello",
    files=_FILES,
    fields={"Depends": "libc6 (>= 2.14), a | b:any (<< 1:2~rc1-3)", "Provides": "greeting (= 1.0)"},
    control={"postinst": "#!/bin/sh\nset -e\n", "conffiles": "/etc/hello.conf\n", "md5sums": "0" * 32 + "  etc/x\n"},
    compression="",
)


def _unpack(data: bytes) -> None:
    unpacked = deb.unpack_bytes(data, name="hello 1.0-1")
    paths = [entry.path for entry in unpacked.entries]
    assert paths == sorted(set(paths))
    assert not any("leaves" in (path_problem(path) or "") for path in paths)
    assert facts.decode(facts.encode(unpacked.facts)) == unpacked.facts


def _unpack_files(data: bytes) -> None:
    stanza, md5sums, conffiles, postinst, files = parts(data, 5)
    inside = tar({"control": stanza, "md5sums": md5sums, "conffiles": conffiles, "postinst": postinst})
    _unpack(ar({"debian-binary": b"2.0\n", "control.tar": inside, "data.tar": with_checksums(files)}))


def _decompress(data: bytes) -> None:
    name, packed = parts(data, 2)
    for _ in decompress(name.decode("latin-1"), packed):
        pass


def _read_control(data: bytes) -> None:
    for fields in control.stanzas(data.decode("utf-8", "replace")):
        for value in fields.values():
            for alternatives in control.relations(value):
                for relation in alternatives:
                    assert control.relations(str(relation)) == ((relation,),)
                    if relation.version:
                        version.compare(relation.version, "1:1.0-1")


def _read_packages(data: bytes) -> None:
    index = PackageIndex("trixie", data)
    for name in list(index.names())[:20]:
        index.providers(name)
        try:
            resolve([index], [name])
        except (MissingError, SettingsError):
            continue


def _decompress_packages(data: bytes) -> None:
    name, packed = parts(data, 2)
    try:
        packages._decompress(name.decode("latin-1"), packed)
    except EOFError:  # as load does
        return


def _read_accounts(data: bytes) -> None:
    passwd, group, users = parts(data, 3)
    found = {
        "usr/share/base-passwd/passwd.master": passwd,
        "usr/share/base-passwd/group.master": group,
        "usr/lib/sysusers.d/hello.conf": users,
    }
    for entry in accounts.entries(found, accounts.ImageUser("blue", 1000, "/home/blue")):
        if entry.path in ("etc/passwd", "etc/group"):
            rows = getattr(entry, "data", b"").split(b"\n")[:-1]
            assert {row.count(b":") for row in rows} <= {6 if entry.path == "etc/passwd" else 3}, rows


def _read_certificate(data: bytes) -> None:
    certificates.entries({"usr/share/ca-certificates/a.crt": data})


_SIGNED = Path(__file__).with_name("signed")


def _verify(data: bytes) -> None:
    key = (_SIGNED / "key.pgp").read_bytes()
    fingerprint = pysequoia.Cert.from_bytes(key).fingerprint
    release.verify(data, [Signer("fuzz", fingerprint, (), key)], what="the release of trixie")


def _signed() -> bytes:
    return (_SIGNED / "InRelease").read_bytes()


def _release_text() -> bytes:
    return _signed().partition(b"\n\n")[2].partition(b"-----BEGIN PGP SIGNATURE")[0]


def _debs() -> list[bytes]:
    return [_HELLO.deb(), Package("tiny", compression="").deb(), Package("small", compression="gz").deb()]


def _deb_files() -> list[bytes]:
    control_files = _HELLO.control
    return [
        join(
            _HELLO.stanza(),
            control_files["md5sums"],
            control_files["conffiles"],
            control_files["postinst"],
            tar(_FILES),
        ),
        join(_HELLO.stanza(), "", "", "", tar({"usr/share/" + "long/" * 40 + "name": b"x"})),
    ]


def _packages_seeds() -> list[bytes]:
    archive = Archive(compression="", by_hash=False).add(
        _HELLO, Package("libc6", "2.41-1"), Package("b", "1:2~rc1-2"), Package("c", fields={"Breaks": "hello (<< 0.1)"})
    )
    return [next(data for path, data in archive.files().items() if path.endswith("trixie/main/binary-amd64/Packages"))]


def _armoured(data: bytes) -> None:
    """Beside ``_verify``: what goes to the library is one message."""
    assert cleartext.message(data).count(b"-----BEGIN PGP SIGNED MESSAGE-----") == 1


_TLS = Path(__file__).parents[1] / "support" / "tls"
_PASSWD = "root:*:0:0:root:/root:/bin/bash\ndaemon:*:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
_SYSUSERS = 'u _apt 42:nogroup "Packages" / /bin/sh\ng audio 29\nm _apt audio\nu hello -\n'

TARGETS = (
    Target("deb", _unpack, (CorruptError,), _debs, (b"data.tar", b"control.tar.gz", b"`\n", b"!<arch>\n"), 3_000),
    Target("deb-files", _unpack_files, (CorruptError,), _deb_files, (b"Package:", b"\nVersion: ", b"ustar  \0"), 750),
    Target(
        "deb-compressed",
        _decompress,
        (Malformed,),
        lambda: [
            join("data.tar.xz", lzma.compress(b"x" * 2000)),
            join("data.tar.gz", gzip.compress(b"x" * 2000, mtime=0)),
            join("data.tar.zst", b"\x28\xb5\x2f\xfd"),
        ],
        (b".tar", b".xz", b".gz", b"\xfd7zXZ\0", b"\x1f\x8b"),
        8_500,
    ),
    Target(
        "control", _read_control, (ValueError,), lambda: [_HELLO.stanza().encode(), b"a: b (>> 1~), c|d"], (), 10_000
    ),
    Target(
        "packages",
        _read_packages,
        (CorruptError,),
        _packages_seeds,
        (b"\nPackage: ", b"\nDepends: ", b"\nProvides: ", b"\nVersion: ", b"\n\n", b" (>= "),
        2_500,
    ),
    Target(
        "packages-compressed",
        _decompress_packages,
        (ValueError,),
        lambda: [
            join("Packages.xz", lzma.compress(b"Package: a\n" * 50)),
            join("Packages.gz", gzip.compress(b"Package: a\n" * 50, mtime=0)),
        ],
        (b"\xfd7zXZ\0", b"\x1f\x8b"),
        10_000,
    ),
    Target(
        "release",
        lambda data: release.parse(data, "trixie", what="the release of trixie"),
        (CorruptError,),
        lambda: [_release_text(), _release_text().replace(b"UTC", b"+0200")],
        (b"\nDate: ", b"\nValid-Until: ", b"-2359", b"Mon, 01 Jan 0001 00:00:00 ", b"9999"),
        10_000,
    ),
    Target(
        "inrelease",
        _verify,
        (CorruptError,),
        lambda: [_signed()],
        (b"\n-----BEGIN PGP SIGNATURE-----\n", b"-----END PGP SIGNATURE-----\n", b"\n- ", b"\nHash: SHA512\n", b"\n\n"),
        2_000,
    ),
    Target("cleartext", _armoured, (ValueError,), lambda: [_signed()], (b"\n-", b"="), 10_000),
    Target(
        "elf",
        elf_reader.read,
        (),
        lambda: [library("libhello.so.1", needed=("libc.so.6", "libm.so.6")), library("")],
        (b"\x7fELF\1\1", b"\x7fELF\2\2", b"\xff" * 8, b"\0" * 8, b"\5\0\0\0\0\0\0\0"),
        10_000,
    ),
    Target(
        "accounts",
        _read_accounts,
        (CorruptError, SettingsError),
        lambda: [join(_PASSWD, "root:*:0:\nadm:*:4:\n", _SYSUSERS)],
        (b"\nu ", b"\ng ", b"\nm ", b" - ", b":1000:", b"blue"),
        7_250,
    ),
    Target(
        "certificate",
        _read_certificate,
        (CorruptError,),
        lambda: [certificates.decode_certificate(path.read_bytes()) for path in sorted(_TLS.glob("*.pem"))[:2]],
        (b"-----BEGIN CERTIFICATE-----\n", b"\x30\x82", b"\x30\x80", b"\xa0", b"\x84\xff\xff\xff\xff"),
        10_000,
    ),
)
