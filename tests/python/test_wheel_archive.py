"""The zip archive of a wheel is not trusted."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import pytest

from grocker.errors import CorruptError, StorageError
from grocker.python.wheel_archive import (
    MOST_HELD,
    ZipContent,
    ZipMember,
    check_directory,
    chunks,
    members,
    streamed,
)


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


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a\\b", "a\rb", "a\nb"])
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


def content_of(path: Path, name: str = "a") -> ZipContent:
    with ZipFile(path) as opened:
        return ZipContent.of(path, "x.whl", members(opened, "x.whl")[name])


def test_content_is_read_as_often_as_it_is_asked_for(tmp_path: Path) -> None:
    for method in (ZIP_STORED, ZIP_DEFLATED):
        content = content_of(archive(tmp_path, ("b", b""), ("a", b"12345" * 200_000), method=method))
        assert [b"".join(content.chunks()) for _ in range(2)] == [b"12345" * 200_000] * 2


def test_content_is_refused_when_it_was_damaged_meanwhile(tmp_path: Path) -> None:
    path = archive(tmp_path, ("a", b"12345"), method=ZIP_STORED)
    content = content_of(path)
    path.write_bytes(path.read_bytes().replace(b"12345", b"12x45"))
    with pytest.raises(CorruptError, match=r"a from x\.whl: the archive has changed"):
        list(content.chunks())
    path.write_bytes(path.read_bytes()[:33])
    with pytest.raises(CorruptError, match=r"a from x\.whl"):
        list(content.chunks())


def test_content_is_refused_when_it_is_gone(tmp_path: Path) -> None:
    path = archive(tmp_path, ("a", b"12345"))
    content = content_of(path)
    path.write_bytes(b"x" * 100)
    with pytest.raises(CorruptError, match=r"reading a from x\.whl"):
        list(content.chunks())
    path.unlink()
    with pytest.raises(StorageError, match=r"reading a from x\.whl"):
        list(content.chunks())


def test_archive_is_refused_when_its_directory_alone_is_a_bomb() -> None:
    """The size is read from the end of the archive, before zipfile makes an object of each of its lines."""
    plain = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, 40 << 20, 0, 0)
    wide = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, 1 << 40, 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1)
    far = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, 0xFFFFFFFF, 0, 0)
    for data in (plain, plain + b"comment"):
        assert zipfile._EndRecData(io.BytesIO(data)) is not None  # type: ignore[attr-defined]
    for data in (
        plain,
        plain + b"comment",
        wide + locator + far,
    ):  # zipfile refuses the last since Debian's 3.11.2-6+deb12u9
        with pytest.raises(CorruptError, match="zip bomb"):
            check_directory(io.BytesIO(data), "x.whl")
    check_directory(io.BytesIO(b""), "x.whl")


def test_what_does_not_fit_into_memory_is_streamed_the_largest_first() -> None:
    def member(name: str, size: int) -> ZipMember:
        return ZipMember(name, size, executable=False, info=ZipInfo(name))

    many = [member(f"{number}.txt", (8 << 20) - number) for number in range(40)]
    small = [member("small.txt", 10), member("source.py", 8 << 20), member("large.py", (8 << 20) + 1)]
    names = streamed([*many, *small])
    assert "large.py" in names
    assert not {"small.txt", "source.py", "39.txt"} & names
    assert sum(one.size for one in many if one.name not in names) <= MOST_HELD
