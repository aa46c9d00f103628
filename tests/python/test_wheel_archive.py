"""The zip archive of a wheel is not trusted."""

from __future__ import annotations

import zipfile
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import pytest

from grocker.errors import CorruptError
from grocker.python.wheel_archive import ZipContent, chunks, members


def archive(directory: Path, *files: tuple[str, bytes], mode: int = 0o100644, method: int = ZIP_DEFLATED) -> Path:
    path = directory / "x.whl"
    with ZipFile(path, "w") as made:
        for name, data in files:
            info = ZipInfo(name)
            info.external_attr = mode << 16
            made.writestr(info, data, method)
    return path


def test_members_are_the_regular_files_by_name(tmp_path: Path) -> None:
    path = archive(tmp_path, ("demo/", b""), ("demo/run", b"1" * 99), mode=0o100755)
    with ZipFile(path) as opened:
        (member,) = members(opened, "x.whl").values()
        assert (member.name, member.size, member.executable) == ("demo/run", 99, True)
        assert b"".join(chunks(opened, member, "x.whl")) == b"1" * 99


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a\\b"])
def test_archive_is_refused_when_a_path_is_unsafe(tmp_path: Path, name: str) -> None:
    with ZipFile(archive(tmp_path, (name, b""))) as opened, pytest.raises(CorruptError, match="unsafe path"):
        members(opened, "x.whl")


@pytest.mark.parametrize("mode", [0o120777, 0o020644, 0o010644], ids=["link", "device", "pipe"])
def test_archive_is_refused_when_a_member_is_no_regular_file(tmp_path: Path, mode: int) -> None:
    path = archive(tmp_path, ("a", b"b"), mode=mode)
    with ZipFile(path) as opened, pytest.raises(CorruptError, match="a is a link or a special file"):
        members(opened, "x.whl")


def test_archive_is_refused_when_its_compression_is_unknown(tmp_path: Path) -> None:
    with ZipFile(archive(tmp_path, ("a", b"b"))) as opened:
        opened.infolist()[0].compress_type = 97
        with pytest.raises(CorruptError, match="a is compressed with method 97"):
            members(opened, "x.whl")


def test_content_is_read_as_often_as_it_is_asked_for(tmp_path: Path) -> None:
    content = ZipContent(archive(tmp_path, ("a", b"12345")), "x.whl", "a", 5)
    assert [b"".join(content.chunks()) for _ in range(2)] == [b"12345"] * 2


def test_content_is_refused_when_it_was_damaged_meanwhile(tmp_path: Path) -> None:
    path = archive(tmp_path, ("a", b"12345"), method=ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"12345", b"12x45"))
    with pytest.raises(CorruptError, match=r"'a' from x\.whl: Bad CRC"):
        list(ZipContent(path, "x.whl", "a", 5).chunks())


def test_content_is_refused_when_it_is_gone(tmp_path: Path) -> None:
    path = archive(tmp_path, ("b", b""))
    assert zipfile.is_zipfile(path)
    with pytest.raises(CorruptError, match=r"reading a from x\.whl"):
        list(ZipContent(path, "x.whl", "a", 5).chunks())
