"""Archives of sdists are unpacked without trusting them."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from grocker.errors import CorruptError
from grocker.python import sdist_archive
from grocker.python.sdist_archive import unpack_sdist


def member(name: str, data: bytes = b"", **about: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in about.items():
        setattr(info, key, value)
    return info, data


def archive(place: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    path = place / "x-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as opened:
        for info, data in members:
            opened.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return path


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=kind, linkname=target)


def unpack(path: Path, place: Path) -> dict[str, str]:
    tree = unpack_sdist(path, place / "out", file=path.name)
    assert tree.root == place / "out"
    return {file.path: file.target or ("x" if file.executable else "f") for file in tree.files}


def test_files_links_and_modes_come_without_the_common_directory(tmp_path: Path) -> None:
    path = archive(
        tmp_path,
        member("./x-1.0/setup.py", b"1", mode=0o755),
        member("x-1.0", type=tarfile.DIRTYPE),
        member("x-1.0/a/b.py", b"2"),
        link("x-1.0/a/c.py", "b.py"),
        link("x-1.0/d.py", "x-1.0/a/b.py", tarfile.LNKTYPE),
        member("x-1.0/a/b.py", b"3"),
        member("x-1.0/.git/config", b"[core]\n\tfsmonitor = touch /tmp/x"),
        member("._x-1.0", b"of macOS"),
    )
    assert unpack(path, tmp_path) == {"a/b.py": "f", "a/c.py": "b.py", "d.py": "a/b.py", "setup.py": "x"}
    assert (tmp_path / "out" / "d.py").read_bytes() == b"3"


def test_zip_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "x-1.0.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("x-1.0/setup.py", "1")
    assert unpack(path, tmp_path) == {"setup.py": "f"}


@pytest.mark.parametrize(
    "members",
    [
        [member("x-1.0/../../evil", b"1")],
        [member("../evil", b"1")],
        [member("/etc/evil", b"1")],
        [member("x-1.0/a\\..\\evil", b"1")],
        [member("x-1.0//etc/evil", b"1")],
        [link("x-1.0/l", "/etc/passwd")],
        [link("x-1.0/l", "../../etc/passwd")],
        [link("x-1.0/a/l", "../../x")],
        [link("x-1.0/l", "")],
        [link("x-1.0/l", "../evil", tarfile.LNKTYPE)],
        [link("x-1.0/l", "/etc/passwd", tarfile.LNKTYPE)],
        [link("x-1.0/l", "."), member("x-1.0/l/evil", b"1")],
        [link("x-1.0/l", "a"), member("x-1.0/l", b"1")],
        [member("x-1.0/f", b"1"), member("x-1.0/f/g", b"1")],
        [link("x-1.0/d/a", ".."), link("x-1.0/b", "d/a/../../evil")],
        [member("x-1.0/dev", type=tarfile.CHRTYPE)],
        [member("x-1.0/fifo", type=tarfile.FIFOTYPE)],
        [member("x-1.0/a", b"1"), member("y-1.0/a", b"1")],
    ],
)
def test_what_leads_out_or_is_no_file_is_refused(tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    place = tmp_path / "deep" / "er"
    place.mkdir(parents=True)
    with pytest.raises(CorruptError, match=r"unpacking x-1\.0\.tar\.gz"):
        unpack(archive(place, *members), place)
    assert not [path for path in tmp_path.rglob("*") if path.name == "evil" and "out" not in path.parts]


def test_size_and_count_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(tmp_path, member("x-1.0/a", os.urandom(2000)), member("x-1.0/b", b"1"))
    monkeypatch.setattr(sdist_archive, "MAXIMUM_BYTES", 1999)
    with pytest.raises(CorruptError, match="more than"):
        unpack_sdist(path, tmp_path / "one", file=path.name)
    monkeypatch.undo()
    monkeypatch.setattr(sdist_archive, "MAXIMUM_FILES", 1)
    with pytest.raises(CorruptError, match="more than 1 files"):
        unpack_sdist(path, tmp_path / "two", file=path.name)


def test_long_header_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(tmp_path, member("x-1.0/" + "a" * 300, b"1"))
    monkeypatch.setattr(sdist_archive, "MAXIMUM_BYTES", 100 - (64 << 20))
    with pytest.raises(CorruptError, match="more than"):
        unpack_sdist(path, tmp_path / "out", file=path.name)


@pytest.mark.parametrize("cut", [10, 60, 3000])
def test_damaged_archive_is_refused(tmp_path: Path, cut: int) -> None:
    path = archive(tmp_path, member("x-1.0/a", os.urandom(5000)))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(CorruptError, match=r"unpacking x-1\.0\.tar\.gz"):
        unpack(path, tmp_path)


def test_archive_that_is_none_is_refused(tmp_path: Path) -> None:
    for name in ("x-1.0.tar.gz", "x-1.0.zip"):
        path = tmp_path / name
        path.write_bytes(b"<html>not found</html>")
        with pytest.raises(CorruptError, match="unpacking"):
            unpack_sdist(path, tmp_path / f"out-{name}", file=name)


def with_name(path: Path, name: bytes, *, before: int = 0) -> None:
    """A zip archive of one member with any name, which begins so many bytes before it does."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        opened.writestr("x", b"1")
    data = packed.getvalue()
    entry, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    central = data[entry : entry + 28] + struct.pack("<H", len(name)) + data[entry + 30 : entry + 46] + name
    tail = data[end : end + 12] + struct.pack("<LL", len(central), entry + before) + data[end + 20 :]
    path.write_bytes(data[:entry] + central + tail)


@pytest.mark.parametrize(
    ("name", "before"),
    [(b"", 0), (b"x-1.0/" + b"a" * 300, 0), (b"x", 100), (b"x", 1 << 31)],
)
def test_name_or_place_that_is_none_is_refused(tmp_path: Path, name: bytes, before: int) -> None:
    path = tmp_path / "x-1.0.zip"
    with_name(path, name, before=before)
    with pytest.raises(CorruptError, match=r"unpacking x-1\.0\.zip"):
        unpack_sdist(path, tmp_path / "out", file=path.name)


def test_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x-1.0.zip"
    with_name(path, b"x-1.0/a")
    data = path.read_bytes()
    entry = data.index(b"PK\1\2")
    path.write_bytes(data[:6] + b"\1" + data[7 : entry + 8] + b"\1" + data[entry + 9 :])
    with pytest.raises(CorruptError, match=r"unpacking x-1\.0\.zip: not a readable archive: "):
        unpack_sdist(path, tmp_path / "out", file=path.name)


def test_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match=r"unpacking x-1\.0\.tar\.gz: it has a name that is too long"):
        unpack(archive(tmp_path, member("x-1.0/" + "a" * 300, b"1")), tmp_path)


def test_member_that_claims_more_than_there_is_is_refused(tmp_path: Path) -> None:
    """tarfile would skip 2^60 bytes in steps of 10 kB."""
    info = tarfile.TarInfo("x-1.0/.git/a")
    info.size = 1 << 60
    path = tmp_path / "x-1.0.tar.gz"
    path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT)))
    with pytest.raises(CorruptError, match=r"unpacking x-1\.0\.tar\.gz: not a readable archive: "):
        unpack(path, tmp_path)
