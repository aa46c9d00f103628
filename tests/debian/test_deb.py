"""A .deb as entries."""

from __future__ import annotations

import gzip
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from grocker.debian import deb, deb_formats
from grocker.debian.deb import UnpackedPackage
from grocker.errors import CorruptError, StorageError
from grocker.tar.entry import Directory, File, Hardlink, Symlink
from tests.support.archive import Content, Folder, Hard, Link, Package, Program, ar, compressed, tar

pytestmark = pytest.mark.slow


def unpacked(**files: Content) -> UnpackedPackage:
    return deb.unpack_bytes(Package("hello", files=files).deb(), name="hello 1.0-1")


def members(files: dict[str, Content], **fields: str) -> UnpackedPackage:
    return deb.unpack_bytes(Package("hello", files=files, fields=fields).deb(), name="hello 1.0-1")


def test_entries_are_the_files_when_a_package_has_all_kinds() -> None:
    found = members(
        {
            "usr/bin/hello": Program(b"\x7fELF", 0o4755),
            "usr/bin/hi": Link("hello"),
            "var/mail": Folder(0o2775, "root", "mail"),
            "etc/hello.conf": "greeting = hello\n",
        }
    )
    assert found.entries == (
        Directory("etc"),
        File("etc/hello.conf", b"greeting = hello\n"),
        Directory("usr"),
        Directory("usr/bin"),
        File("usr/bin/hello", b"\x7fELF", 0o4755),
        Symlink("usr/bin/hi", "hello"),
        Directory("var"),
        Directory("var/mail", 0o2775, 0, 8),
    )


def test_paths_are_merged_and_the_packages_own_are_kept_when_it_ships_bin() -> None:
    found = members({"bin/hello": Program(), "lib/x86_64-linux-gnu/libx.so.1": b"", "usr/bin/other": Program()})
    paths = [entry.path for entry in found.entries]
    assert paths == [
        "usr",
        "usr/bin",
        "usr/bin/hello",
        "usr/bin/other",
        "usr/lib",
        "usr/lib/x86_64-linux-gnu",
        "usr/lib/x86_64-linux-gnu/libx.so.1",
    ]
    assert "bin/hello" in found.facts.paths
    assert "usr/bin/other" in found.facts.paths


def test_links_of_the_root_are_left_to_grocker_when_base_files_ships_them() -> None:
    assert [e.path for e in members({"bin": Link("usr/bin"), "usr/bin": Folder()}).entries] == ["usr", "usr/bin"]


def test_documentation_is_left_out_and_the_copyright_kept() -> None:
    found = members(
        {
            "usr/share/doc/hello/copyright": "free",
            "usr/share/doc/hello/changelog.gz": b"",
            "usr/share/doc/hello/examples/a": b"",
            "usr/share/doc/libhello": Link("hello"),
            "usr/share/man/man1/hello.1.gz": b"",
            "usr/share/locale/fr/LC_MESSAGES/hello.mo": b"",
            "usr/share/lintian/overrides/hello": b"",
            "usr/share/info/hello.gz": b"",
        }
    )
    assert [entry.path for entry in found.entries if not isinstance(entry, Directory)] == [
        "usr/share/doc/hello/copyright",
        "usr/share/doc/libhello",
    ]
    assert not any("man" in path for path in found.facts.paths)


def test_first_name_has_the_content_when_a_file_has_several() -> None:
    found = members({"usr/bin/perl5": Program(b"x"), "usr/bin/perl": Hard("./usr/bin/perl5")})
    assert found.entries[-2:] == (File("usr/bin/perl", b"x", 0o755), Hardlink("usr/bin/perl5", "usr/bin/perl"))


def test_link_has_the_content_when_the_file_itself_is_left_out() -> None:
    found = members({"usr/share/man/a": b"x", "usr/share/x/b": Hard("usr/share/man/a")})
    assert found.entries[-1] == File("usr/share/x/b", b"x", 0o644)


def test_absolute_symbolic_link_is_kept_when_debian_ships_it() -> None:
    assert members({"etc/x": Link("/usr/share/x")}).entries[-1] == Symlink("etc/x", "/usr/share/x")


def test_owner_is_the_number_when_the_name_is_not_debians() -> None:
    assert members({"var/x": Folder(0o755, "somebody", "staff")}).entries[-1] == Directory("var/x", 0o755, 0, 50)


def test_long_names_are_read_when_the_archive_has_gnu_headers() -> None:
    path, target = "usr/share/" + "é" * 90 + "/" + "n" * 120, "t" * 140
    found = members({path: b"x", "usr/share/link": Link(target)})
    assert File(path, b"x") in found.entries
    assert Symlink("usr/share/link", target) in found.entries


@pytest.mark.parametrize("how", ["xz", "gz", ""])
def test_package_is_read_when_it_is_compressed_by(how: str) -> None:
    package = Package("hello", files={"usr/bin/hello": Program(b"x" * 5000)}, compression=how)
    assert deb.unpack_bytes(package.deb(), name="hello").entries[-1] == File("usr/bin/hello", b"x" * 5000, 0o755)


GOOD = Package("hello", files={"usr/bin/hello": Program(b"hello" * 4000)}).deb()
CONTROL = compressed(tar({"control": Package("hello").stanza()}), "xz")


def wrapped(data: bytes, name: str = "data.tar.xz", control: bytes = CONTROL) -> bytes:
    return ar({"debian-binary": b"2.0\n", "control.tar.xz": control, name: data})


def shipping(files: dict[str, Content]) -> bytes:
    return wrapped(lzma.compress(tar(files)))


def shipping_stanza(**fields: str) -> bytes:
    stanza = "Package: a\nArchitecture: all\n" + "".join(f"{name}: {value}\n" for name, value in fields.items())
    return wrapped(lzma.compress(tar({})), control=lzma.compress(tar({"control": stanza})))


def device(kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo("./dev/x")
    info.type = kind
    return info


def with_bad_checksum() -> bytes:
    data = bytearray(tar({"usr/bin/x": b"x"}))
    data[520] ^= 1
    return wrapped(lzma.compress(bytes(data)))


def twice() -> bytes:
    one = tar({"usr/x": b"1"})
    return wrapped(lzma.compress(one[:2048] + one[1024:]))


CASES: list[tuple[str, bytes, str]] = [
    ("empty", b"", "not an ar archive"),
    ("a web page", b"<html>" * 100, "not an ar archive"),
    ("truncated in a header", GOOD[:100], "truncated"),
    ("truncated in a member", GOOD[:-700], "truncated"),
    ("truncated before the data", ar({"debian-binary": b"2.0\n", "control.tar.xz": CONTROL}), "data.tar is missing"),
    ("not a package", ar({"x": b""}), "debian-binary is missing"),
    ("another format", ar({"debian-binary": b"3.0\n"}), "unknown Debian package format"),
    ("a member twice", GOOD + ar({"debian-binary": b"2.0\n"})[8:], "duplicate"),
    (
        "control file is missing",
        wrapped(lzma.compress(tar({})), control=lzma.compress(tar({}))),
        "control file is missing",
    ),
    ("incomplete control", wrapped(b"", control=lzma.compress(tar({"control": "Package: a\n"}))), "no field Version"),
    ("malformed version", shipping_stanza(Version="1:"), "not a Debian version"),
    ("malformed Replaces", shipping_stanza(Version="1", Replaces="a ("), "malformed relation"),
    ("malformed control", wrapped(b"", control=lzma.compress(tar({"control": "x\n"}))), "not a field"),
    ("zstd", wrapped(b"\x28\xb5\x2f\xfd", "data.tar.zst"), "expected xz or gz, got zstd"),
    ("xz cut short", wrapped(lzma.compress(tar({"a": b"x" * 9999}))[:-20]), "data.tar.xz is truncated"),
    ("no xz", wrapped(b"x" * 100), "not xz data"),
    ("gzip cut short", wrapped(gzip.compress(tar({"a": b"x"}))[:-9], "data.tar.gz"), "data.tar.gz is truncated"),
    ("no gzip", wrapped(b"x" * 100, "data.tar.gz"), "not gzip data"),
    ("tar cut short", wrapped(lzma.compress(tar({"a": b"x" * 9999})[:2048])), "tar archive is truncated"),
    ("tar without an end", wrapped(lzma.compress(tar({"a": b""})[:1024])), "tar archive is truncated"),
    ("damaged header", with_bad_checksum(), "checksum"),
    ("upwards", shipping({"../etc/passwd": b"x"}), "leaves the root"),
    ("upwards inside", shipping({"usr/../../x": b"x"}), "leaves the root"),
    ("absolute", shipping({"/etc/passwd": b"x"}), "/etc/passwd leaves the root"),
    ("absolute hard link", shipping({"a": b"", "b": Hard("/etc/shadow")}), "/etc/shadow leaves the root"),
    ("hard link upwards", shipping({"b": Hard("../x")}), "leaves the root"),
    ("hard link to nothing", shipping({"b": Hard("./x")}), "hard link to x"),
    ("through a link", shipping({"a": Link("/etc"), "a/passwd": b"x"}), "a/passwd is below a"),
    ("below a file", shipping({"a": b"", "a/b": b"x"}), "is below a"),
    ("twice", twice(), "duplicate path usr/x"),
    ("twice when merged", shipping({"bin/sh": b"1", "usr/bin/sh": b"2"}), "duplicate path usr/bin/sh"),
    ("character device", shipping({"dev/x": device(tarfile.CHRTYPE)}), "dev/x is a character device"),
    ("block device", shipping({"dev/x": device(tarfile.BLKTYPE)}), "a block device"),
    ("pipe", shipping({"dev/x": device(tarfile.FIFOTYPE)}), "a pipe"),
    ("line break in a name", shipping({"usr/a\nb": b""}), "line break"),
    ("name in another encoding", wrapped(lzma.compress(tar({"caf" + "zz": b""}).replace(b"cafzz", b"caf\xe9z"))), ""),
    ("empty link", shipping({"a": Link("")}), "a link without a target"),
]


@pytest.mark.parametrize(("data", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_package_is_refused_when_it_is_damaged_or_dangerous(data: bytes, words: str) -> None:
    with pytest.raises(CorruptError) as caught:
        deb.unpack_bytes(data, name="hello 1.0-1")
    assert caught.value.status == 65
    assert caught.value.message.startswith("package hello 1.0-1: ")
    assert words in caught.value.message
    assert "another mirror" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("compress", "name"),
    [(lzma.compress, "data.tar.xz"), (gzip.compress, "data.tar.gz"), (lzma.compress, "control.tar.xz")],
)
@pytest.mark.parametrize("size", [1 << 21, 1 << 24])
def test_package_that_is_a_bomb_takes_no_more_than_its_limit(
    monkeypatch: pytest.MonkeyPatch, compress: Callable[[bytes], bytes], name: str, size: int
) -> None:
    monkeypatch.setattr(deb_formats, "_ALWAYS_ALLOWED", 1 << 20)
    packed = compress(tar({"usr/zeros": bytes(size)}))
    package = wrapped(lzma.compress(tar({})), control=packed) if name.startswith("control") else wrapped(packed, name)
    assert len(packed) * 250 < size
    with pytest.raises(CorruptError, match=f"{name} expands far beyond its size"):
        deb.unpack_bytes(package, name="hello")
    monkeypatch.undo()
    if not name.startswith("control"):
        (zeros,) = (one for one in deb.unpack_bytes(package, name="hello").entries if isinstance(one, File))
        assert zeros.path == "usr/zeros"


@pytest.mark.parametrize("cut", range(0, len(GOOD) - 1, 61))
def test_package_is_refused_when_it_is_truncated_anywhere(cut: int) -> None:
    with pytest.raises(CorruptError):
        deb.unpack_bytes(GOOD[:cut], name="hello")


def test_package_is_an_input_error_when_its_file_is_gone(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="reading package hello"):
        deb.unpack(tmp_path / "gone.deb", name="hello")
